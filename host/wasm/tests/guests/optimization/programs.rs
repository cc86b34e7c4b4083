//! What an optimiser might change: floats and the bits of NaN, integers, memory, and every way to trap.
//!
//! Nothing here is a constant to the compiler: values come out of the Call, which begins with a brace (123).

/// A body of `run`, with how it ends.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) run: &'static str,
    pub(super) ends: &'static str,
}

/// Functions that the bodies use. `$burn` works for a while, `$zero` is nought, `$fzero` too, `$told (length)` answers with
/// the bytes at address 0, as output and as an effect.
pub(super) const ITEMS: &str = r#"
    (type $number (func (result i32)))
    (type $other (func (param i32) (result i32)))
    (table $t 4 funcref)
    (elem (i32.const 0) $zero)
    (elem (i32.const 1) $plus)
    (data (i32.const 768) "{\"effects\":[{\"kind\":\"log\",\"payload\":{\"message\":")
    (data (i32.const 832) "}}],\"output\":")
    (func $zero (type $number) (i32.sub (i32.load8_u (i32.const 768)) (i32.const 123)))
    (func $plus (type $other) (i32.add (local.get 0) (i32.const 1)))
    (func $fzero (result f64) (f64.convert_i32_s (call $zero)))
    (func $burn (result i64)
        (local $n i32) (local $hash i64)
        (loop $more
            (local.set $hash (i64.rotl (i64.xor (i64.mul (local.get $hash) (i64.const 6364136223846793005))
                (i64.extend_i32_u (i32.load8_u (i32.add (i32.const 768) (i32.and (local.get $n) (i32.const 31))))))
                (i64.const 17)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 200))))
        (local.get $hash))
    (func $digit (param $value i32) (result i32)
        (i32.add (local.get $value)
            (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $value) (i32.const 9)))))
    (func $quoted (param $to i32) (param $len i32) (result i32)
        (local $from i32)
        (i32.store8 (local.get $to) (i32.const 34))
        (block $end (loop $next
            (br_if $end (i32.eq (local.get $from) (local.get $len)))
            (i32.store8 offset=1 (local.get $to)
                (call $digit (i32.shr_u (i32.load8_u (local.get $from)) (i32.const 4))))
            (i32.store8 offset=2 (local.get $to)
                (call $digit (i32.and (i32.load8_u (local.get $from)) (i32.const 15))))
            (local.set $to (i32.add (local.get $to) (i32.const 2)))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (br $next)))
        (i32.store8 offset=1 (local.get $to) (i32.const 34))
        (i32.add (local.get $to) (i32.const 2)))
    (func $outcome (param $len i32) (result i32)
        (local $start i32) (local $at i32)
        (local.set $start (call $reserve (i32.add (i32.const 100) (i32.mul (i32.const 4) (local.get $len)))))
        (memory.copy (local.get $start) (i32.const 768) (i32.const 47))
        (local.set $at (call $quoted (i32.add (local.get $start) (i32.const 47)) (local.get $len)))
        (memory.copy (local.get $at) (i32.const 832) (i32.const 13))
        (local.set $at (call $quoted (i32.add (local.get $at) (i32.const 13)) (local.get $len)))
        (i32.store8 (local.get $at) (i32.const 125))
        (global.set $told (i32.sub (i32.add (local.get $at) (i32.const 1)) (local.get $start)))
        (local.get $start))
    (global $told (mut i32) (i32.const 0))
    (func $floats (param $ptr i32) (param $len i32)
        (local $n i32) (local $x f64) (local $sum f64) (local $single f32)
        (loop $more
            (local.set $x (f64.convert_i32_u
                (i32.load8_u (i32.add (local.get $ptr) (i32.rem_u (local.get $n) (local.get $len))))))
            (local.set $sum (f64.add (local.get $sum) (f64.div
                (f64.mul (f64.sqrt (local.get $x)) (f64.const 1.1))
                (f64.add (f64.convert_i32_u (local.get $n)) (f64.const 0.3)))))
            (local.set $single (f32.sub (f32.mul (f32.demote_f64 (local.get $sum)) (f32.const 0.4))
                (f32.div (local.get $single) (f32.const 3.3))))
            (local.set $sum (f64.add (f64.max (local.get $sum) (f64.promote_f32 (local.get $single)))
                (f64.copysign (f64.const 1e-12) (f64.sub (f64.nearest (local.get $x)) (f64.const 60)))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 300))))
        (f64.store (i32.const 0) (local.get $sum))
        (f32.store (i32.const 8) (local.get $single))
        (f64.store (i32.const 16) (f64.add (f64.mul (local.get $sum) (local.get $x)) (f64.const 0.1)))
        (f64.store (i32.const 24) (f64.floor (f64.neg (local.get $sum))))
        (i64.store (i32.const 32) (i64.trunc_sat_f64_s (f64.mul (local.get $sum) (f64.const 1e18))))
        (f64.store (i32.const 40) (f64.sub (call $fzero) (f64.mul (call $fzero) (f64.const -1))))
        (v128.store (i32.const 48) (f32x4.div (f32x4.splat (local.get $single))
            (f32x4.convert_i32x4_s (v128.const i32x4 3 -7 0 11))))
        (v128.store (i32.const 64) (f64x2.mul (f64x2.splat (local.get $sum)) (v128.const f64x2 0.1 -3.7))))
    (func $nans (param $ptr i32) (param $len i32)
        (local $nought f64) (local $quiet f64) (local $loud f64) (local $small f32) (local $wide v128)
        (local.set $nought (call $fzero))
        (local.set $quiet (f64.reinterpret_i64 (i64.or (i64.const 0xfff8000012345678) (i64.extend_i32_u (call $zero)))))
        (local.set $loud (f64.reinterpret_i64 (i64.or (i64.const 0x7ff40000deadbeef) (i64.extend_i32_u (call $zero)))))
        (local.set $small (f32.reinterpret_i32 (i32.or (i32.const 0x7fa12345) (call $zero))))
        (f64.store (i32.const 0) (f64.div (local.get $nought) (local.get $nought)))
        (f64.store (i32.const 8) (f64.sub (f64.div (f64.const 1) (local.get $nought)) (f64.div (f64.const 1) (local.get $nought))))
        (f64.store (i32.const 16) (f64.sqrt (f64.sub (local.get $nought) (f64.const 1))))
        (f64.store (i32.const 24) (f64.add (local.get $loud) (f64.const 1)))
        (f64.store (i32.const 32) (f64.add (local.get $quiet) (local.get $loud)))
        (f64.store (i32.const 40) (f64.add (local.get $loud) (local.get $quiet)))
        (f64.store (i32.const 48) (f64.mul (f64.neg (local.get $quiet)) (f64.abs (local.get $loud))))
        (f64.store (i32.const 56) (f64.min (local.get $quiet) (local.get $nought)))
        (f64.store (i32.const 64) (f64.max (local.get $nought) (local.get $loud)))
        (f64.store (i32.const 72) (f64.nearest (local.get $loud)))
        (f64.store (i32.const 80) (f64.ceil (local.get $loud)))
        (f64.store (i32.const 88) (f64.neg (local.get $loud)))
        (f64.store (i32.const 96) (f64.copysign (local.get $quiet) (local.get $nought)))
        (f64.store (i32.const 104) (f64.promote_f32 (local.get $small)))
        (f32.store (i32.const 112) (f32.demote_f64 (local.get $quiet)))
        (f32.store (i32.const 116) (f32.add (local.get $small) (local.get $small)))
        (f64.store (i32.const 120) (select (local.get $loud) (local.get $quiet) (f64.lt (local.get $loud) (local.get $nought))))
        (local.set $wide (f64x2.replace_lane 1 (f64x2.splat (local.get $loud)) (local.get $quiet)))
        (v128.store (i32.const 128) (f64x2.add (local.get $wide) (f64x2.splat (local.get $nought))))
        (v128.store (i32.const 144) (f64x2.div (f64x2.splat (local.get $nought)) (f64x2.splat (local.get $nought))))
        (v128.store (i32.const 160) (f64x2.max (local.get $wide) (f64x2.splat (local.get $nought))))
        (v128.store (i32.const 176) (f64x2.pmin (local.get $wide) (f64x2.splat (local.get $nought))))
        (v128.store (i32.const 192) (f32x4.sqrt (f32x4.neg (f32x4.splat (f32.const 2)))))
        (v128.store (i32.const 208) (f32x4.mul (f32x4.splat (local.get $small)) (f32x4.splat (local.get $small))))
        (v128.store (i32.const 224) (f32x4.demote_f64x2_zero (local.get $wide)))
        (v128.store (i32.const 240) (f64x2.promote_low_f32x4 (f32x4.splat (local.get $small))))
        (i32.store (i32.const 256) (i32.trunc_sat_f64_s (local.get $loud))))
    (func $integers (param $ptr i32) (param $len i32)
        (local $hash i64) (local $n i32)
        (local.set $hash (call $burn))
        (block $c (block $b (block $a
            (br_table $a $b $c (i32.rem_u (i32.load8_u offset=1 (local.get $ptr)) (i32.const 3))))
            (local.set $hash (i64.add (local.get $hash) (i64.const 1))))
            (local.set $hash (i64.xor (local.get $hash) (i64.const -7))))
        (local.set $n (i32.wrap_i64 (local.get $hash)))
        (i64.store (i32.const 0) (i64.div_u (local.get $hash) (i64.extend_i32_u (local.get $len))))
        (i64.store (i32.const 8) (i64.rem_s (local.get $hash) (i64.const -13)))
        (i64.store (i32.const 16) (i64.shr_s (local.get $hash) (i64.extend_i32_u (local.get $n))))
        (i32.store (i32.const 24) (i32.add (i32.clz (local.get $n)) (i32.mul (i32.ctz (local.get $n)) (i32.const 100))))
        (i32.store (i32.const 28) (i32.popcnt (i32.extend8_s (local.get $n))))
        (i32.store (i32.const 32) (call_indirect (type $other) (local.get $n) (i32.add (i32.const 1) (call $zero))))
        (i64.store (i32.const 41) (local.get $hash))
        (memory.fill (i32.const 56) (local.get $n) (i32.const 9))
        (memory.copy (i32.const 64) (i32.const 41) (i32.const 31))
        (v128.store (i32.const 96) (i8x16.swizzle (v128.load (i32.const 41)) (v128.load (i32.const 57))))
        (v128.store (i32.const 112) (i16x8.q15mulr_sat_s (v128.load (i32.const 41)) (v128.load (i32.const 0)))))
    (func $says (call $log (i32.const 1) (i32.const 768) (i32.const 20)))"#;

/// A step of a flow: what it does is the letter that its node is called by.
pub(super) const STEPS: &str = r"
    (local $at i32) (local $letter i32)
    (local.set $at (local.get $ptr))
    (block $found (loop $next
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i64.ne (i64.load (local.get $at)) (i64.const 0x223a2265646f6e22)))))
    (local.set $letter (i32.load8_u offset=8 (local.get $at)))
    (call $says)
    (if (i32.eq (local.get $letter) (i32.const 102)) (then
        (call $floats (local.get $ptr) (local.get $len))
        (return (call $ok (call $outcome (i32.const 80)) (global.get $told)))))
    (if (i32.eq (local.get $letter) (i32.const 110)) (then
        (call $nans (local.get $ptr) (local.get $len))
        (return (call $ok (call $outcome (i32.const 260)) (global.get $told)))))
    (if (i32.eq (local.get $letter) (i32.const 105)) (then
        (call $integers (local.get $ptr) (local.get $len))
        (return (call $ok (call $outcome (i32.const 128)) (global.get $told)))))
    (if (i32.eq (local.get $letter) (i32.const 114)) (then (return (call $retry (i32.const 768) (i32.const 1)))))
    (drop (call $burn))
    (drop (i32.div_u (local.get $len) (call $zero)))
    unreachable";

/// A body that works for a while and then does this, whose value nobody needs.
macro_rules! traps {
    ($name:literal, $ends:literal, $how:literal) => {
        Program { name: $name, run: concat!("(drop (call $burn)) (call $says) ", $how, " (call $done)"), ends: $ends }
    };
}

pub(super) const PROGRAMS: &[Program] = &[
    Program {
        name: "floats",
        run: "(call $floats (local.get $ptr) (local.get $len)) (call $ok (call $outcome (i32.const 80)) (global.get $told))",
        ends: "answers",
    },
    Program {
        name: "the bits of NaN",
        run: "(call $nans (local.get $ptr) (local.get $len)) (call $ok (call $outcome (i32.const 260)) (global.get $told))",
        ends: "answers",
    },
    Program {
        name: "integers, memory and tables",
        run: "(call $integers (local.get $ptr) (local.get $len)) (call $ok (call $outcome (i32.const 128)) (global.get $told))",
        ends: "answers",
    },
    Program {
        name: "retry",
        run: "(drop (call $burn)) (call $says) (call $retry (i32.const 768) (i32.const 1))",
        ends: "retry",
    },
    Program {
        name: "fatal",
        run: "(drop (call $burn)) (call $says) (call $fatal (i32.const 768) (i32.const 1))",
        ends: "fatal",
    },
    traps!("unreachable", "trap", "unreachable"),
    traps!("a division by nought", "trap", "(drop (i32.div_u (local.get $len) (call $zero)))"),
    traps!("a remainder by nought", "trap", "(drop (i64.rem_s (call $burn) (i64.extend_i32_u (call $zero))))"),
    traps!(
        "a division that overflows",
        "trap",
        "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (call $zero) (i32.const 1))))"
    ),
    traps!("a NaN made an integer", "trap", "(drop (i32.trunc_f64_s (f64.div (call $fzero) (call $fzero))))"),
    traps!(
        "a float too large for an integer",
        "trap",
        "(drop (i32.trunc_f64_u (f64.add (call $fzero) (f64.const 1e10))))"
    ),
    traps!("a load beyond memory", "trap", "(drop (i32.load (i32.sub (call $zero) (i32.const 8))))"),
    traps!("a store beyond memory", "trap", "(i64.store (i32.sub (call $zero) (i32.const 4)) (i64.const 1))"),
    traps!("a vector half beyond memory", "trap", "(drop (v128.load offset=131064 (call $zero)))"),
    traps!("a fill beyond memory", "trap", "(memory.fill (i32.const 131000) (call $zero) (i32.const 100))"),
    traps!("a table's end", "trap", "(drop (table.get $t (i32.add (call $zero) (i32.const 99))))"),
    traps!(
        "a call behind a table's end",
        "trap",
        "(drop (call_indirect (type $number) (i32.add (call $zero) (i32.const 99))))"
    ),
    traps!("a call of nothing", "trap", "(drop (call_indirect (type $number) (i32.add (call $zero) (i32.const 3))))"),
    traps!(
        "a call by another signature",
        "trap",
        "(drop (call_indirect (type $number) (i32.add (call $zero) (i32.const 1))))"
    ),
    traps!("memory that was denied", "memory", "(drop (memory.grow (i32.const 5000))) unreachable"),
    traps!("a loop without end", "fuel", "(loop $forever (br $forever))"),
];
