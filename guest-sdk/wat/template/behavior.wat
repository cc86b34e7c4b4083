;; {{name}}: announces every article that is published.
;;
;; A behavior written by hand, as a core module. The host writes a Call, a JSON document, into this module's memory and
;; calls `rosehip_run`; the module answers with an Outcome, another one. Nothing outlives a call: the host makes a fresh
;; instance for each, so memory is only ever taken, never given back.
;;
;; Memory:       0 …  65535   the texts below; address 0 holds a zero byte, and stands for "not there"
;;           65536 …          what is allocated: first the Call, then the answer

(module
  (memory (export "memory") 2)

  ;; Texts. Each ends with a zero byte, so that its address is all there is to know of it.

  (global $node i32 (i32.const 16))
  (data (i32.const 16) "node\00")
  (global $object i32 (i32.const 32))
  (data (i32.const 32) "object\00")
  (global $name i32 (i32.const 48))
  (data (i32.const 48) "name\00")
  (global $announce i32 (i32.const 64))
  (data (i32.const 64) "announce\00")
  (global $untitled i32 (i32.const 80))
  (data (i32.const 80) "Untitled\00")

  ;; The two answers, each in two halves: between them stands what differs from call to call.
  (global $announced-before i32 (i32.const 256))
  (data (i32.const 256)
    "{\"ok\": {\"v\": 1, \"effects\": [{\"kind\": \"log\", \"payload\": {"
    "\"level\": \"info\", \"message\": \"published: \00")
  (global $announced-after i32 (i32.const 512))
  (data (i32.const 512) "\"}}]}}\00")
  (global $refused-before i32 (i32.const 528))
  (data (i32.const 528) "{\"err\": {\"fatal\": \"this behavior has no node \00")
  (global $refused-after i32 (i32.const 592))
  (data (i32.const 592) "\"}}\00")

  ;; The Manifest: what starts the behavior, its steps, and the effects that it may ask for.
  (global $manifest i32 (i32.const 1024))
  (data (i32.const 1024)
    "{"
    "  \"v\": 1,"
    "  \"name\": \"{{name}}\","
    "  \"version\": \"0.1.0\","
    "  \"description\": \"Announces every article that is published.\","
    "  \"triggers\": [{\"on\": \"Create\", \"object\": \"Article\", \"transition\": {\"field\": \"status\", \"to\": \"published\"}}],"
    "  \"nodes\": [{\"id\": \"announce\", \"kind\": \"step\", \"label\": \"Announce\"}],"
    "  \"edges\": [],"
    "  \"effects\": [\"log\"]"
    "}\00")

  ;; Characters, by name.

  (global $quote i32 (i32.const 0x22))
  (global $backslash i32 (i32.const 0x5c))
  (global $comma i32 (i32.const 0x2c))
  (global $open-brace i32 (i32.const 0x7b))
  (global $close-brace i32 (i32.const 0x7d))
  (global $open-bracket i32 (i32.const 0x5b))
  (global $close-bracket i32 (i32.const 0x5d))

  ;; What the host calls.

  (func (export "rosehip_abi_version") (result i32)
    (i32.const 1))

  ;; The Manifest. It must always be the same.
  (func (export "rosehip_describe") (result i64)
    (local $start i32)
    (local.set $start (global.get $heap))
    (call $put-text (global.get $manifest))
    (call $answer (local.get $start)))

  ;; Runs the node that the Call names.
  (func (export "rosehip_run") (param $call i32) (param $length i32) (result i64)
    (local $start i32)
    (local $called i32)
    (local.set $called (call $member (local.get $call) (global.get $node)))
    (local.set $start (global.get $heap))
    (if (call $is (local.get $called) (global.get $announce))
      (then (call $announce-article (call $member (local.get $call) (global.get $object))))
      (else (call $refuse (local.get $called))))
    (call $answer (local.get $start)))

  ;; Room for so many bytes, or 0 where there is none.
  (func $alloc (export "rosehip_alloc") (param $bytes i32) (result i32)
    (local $start i32)
    (local $end i32)
    (local.set $start (global.get $heap))
    (local.set $end (i32.add (local.get $start) (local.get $bytes)))
    ;; A sum that wrapped around is smaller than what was added to.
    (if (i32.lt_u (local.get $end) (local.get $start))
      (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $end) (call $memory-bytes))
      (then
        (if (i32.eq (memory.grow (call $missing-pages (local.get $end))) (i32.const -1))
          (then (return (i32.const 0))))))
    (global.set $heap (local.get $end))
    (local.get $start))

  ;; The nodes.

  ;; Asks for a line in the flow's log. The title is copied as it stands in the Call, between its quotes, so whatever is
  ;; escaped there is escaped here.
  (func $announce-article (param $article i32)
    (local $title i32)
    (local.set $title (call $member (local.get $article) (global.get $name)))
    (call $put-text (global.get $announced-before))
    (if (call $is-blank (local.get $title))
      (then (call $put-text (global.get $untitled)))
      (else (call $put-string (local.get $title))))
    (call $put-text (global.get $announced-after)))

  ;; A node that the Manifest does not name is a slip, which no other attempt would mend: a fatal failure.
  (func $refuse (param $called i32)
    (call $put-text (global.get $refused-before))
    (call $put-string (local.get $called))
    (call $put-text (global.get $refused-after)))

  ;; Whether a title is not there, is no string, or holds nothing but blanks: spaces, and \t, \n and \r as JSON writes
  ;; them.
  (func $is-blank (param $title i32) (result i32)
    (local $at i32)
    (local $byte i32)
    (if (i32.ne (i32.load8_u (local.get $title)) (global.get $quote))
      (then (return (i32.const 1))))
    (local.set $at (i32.add (local.get $title) (i32.const 1)))
    (loop $next
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (global.get $quote))
        (then (return (i32.const 1))))
      (if (i32.eq (local.get $byte) (i32.const 0x20))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (if (i32.eq (local.get $byte) (global.get $backslash))
        (then
          (local.set $byte (i32.load8_u offset=1 (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 2)))
          (br_if $next (i32.eq (local.get $byte) (i32.const 0x6e)))       ;; \n
          (br_if $next (i32.eq (local.get $byte) (i32.const 0x72)))       ;; \r
          (br_if $next (i32.eq (local.get $byte) (i32.const 0x74))))))    ;; \t
    (i32.const 0))

  ;; Reading JSON. A value is the address of its first byte. The host only writes JSON that holds together, so nothing
  ;; here looks for an end that is missing.

  ;; The value of an object's member, or 0 where there is none or the value is no object.
  (func $member (param $object i32) (param $key i32) (result i32)
    (local $at i32)
    (local $found i32)
    (if (i32.ne (i32.load8_u (local.get $object)) (global.get $open-brace))
      (then (return (i32.const 0))))
    (local.set $at (call $skip-blanks (i32.add (local.get $object) (i32.const 1))))
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $at)) (global.get $quote))
        (then (return (i32.const 0))))
      (local.set $found (call $is (local.get $at) (local.get $key)))
      ;; Over the key and, with blanks on either side, its colon.
      (local.set $at (call $skip-blanks (call $skip-string (local.get $at))))
      (local.set $at (call $skip-blanks (i32.add (local.get $at) (i32.const 1))))
      (if (local.get $found)
        (then (return (local.get $at))))
      (local.set $at (call $skip-blanks (call $skip-value (local.get $at))))
      (if (i32.eq (i32.load8_u (local.get $at)) (global.get $comma))
        (then
          (local.set $at (call $skip-blanks (i32.add (local.get $at) (i32.const 1))))
          (br $next))))
    (i32.const 0))

  ;; Whether a value is the string that a text spells. Texts hold nothing that JSON escapes, so bytes can be compared.
  (func $is (param $value i32) (param $text i32) (result i32)
    (if (i32.ne (i32.load8_u (local.get $value)) (global.get $quote))
      (then (return (i32.const 0))))
    (loop $next
      (local.set $value (i32.add (local.get $value) (i32.const 1)))
      (if (i32.eqz (i32.load8_u (local.get $text)))
        (then (return (i32.eq (i32.load8_u (local.get $value)) (global.get $quote)))))
      (if (i32.eq (i32.load8_u (local.get $value)) (i32.load8_u (local.get $text)))
        (then
          (local.set $text (i32.add (local.get $text) (i32.const 1)))
          (br $next))))
    (i32.const 0))

  ;; The address after a value.
  (func $skip-value (param $at i32) (result i32)
    (local $byte i32)
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $byte) (global.get $quote))
      (then (return (call $skip-string (local.get $at)))))
    (if (call $opens (local.get $byte))
      (then (return (call $skip-nested (local.get $at)))))
    (call $skip-word (local.get $at)))

  ;; The address after a string: after the first quote that no backslash escapes.
  (func $skip-string (param $at i32) (result i32)
    (local $byte i32)
    (loop $next
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (global.get $backslash))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (br_if $next (i32.ne (local.get $byte) (global.get $quote))))
    (i32.add (local.get $at) (i32.const 1)))

  ;; The address after an object or a list. Strings are skipped whole, since a brace in one means nothing.
  (func $skip-nested (param $at i32) (result i32)
    (local $byte i32)
    (local $depth i32)
    (loop $next
      (local.set $byte (i32.load8_u (local.get $at)))
      (if (i32.eq (local.get $byte) (global.get $quote))
        (then
          (local.set $at (call $skip-string (local.get $at)))
          (br $next)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $depth (i32.add (local.get $depth) (call $opens (local.get $byte))))
      (local.set $depth (i32.sub (local.get $depth) (call $closes (local.get $byte))))
      (br_if $next (local.get $depth)))
    (local.get $at))

  ;; The address after a number, `true`, `false` or `null`: at what follows a value, or a blank before that.
  (func $skip-word (param $at i32) (result i32)
    (local $byte i32)
    (block $end
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end (i32.le_u (local.get $byte) (i32.const 0x20)))
        (br_if $end (i32.eq (local.get $byte) (global.get $comma)))
        (br_if $end (call $closes (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; The address of the first byte that is no space, tab or line end.
  (func $skip-blanks (param $at i32) (result i32)
    (local $byte i32)
    (block $end
      (loop $next
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end (i32.gt_u (local.get $byte) (i32.const 0x20)))
        ;; A zero byte is where memory was never written: there is nothing to skip to.
        (br_if $end (i32.eqz (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  (func $opens (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $open-brace))
      (i32.eq (local.get $byte) (global.get $open-bracket))))

  (func $closes (param $byte i32) (result i32)
    (i32.or
      (i32.eq (local.get $byte) (global.get $close-brace))
      (i32.eq (local.get $byte) (global.get $close-bracket))))

  ;; Writing the answer. What is put one after another is allocated one after another, and so lies one after another:
  ;; the answer goes from where the heap stood before the first to where it stands after the last.

  ;; An answer as the host reads it: its address in the upper half, its length in the lower.
  (func $answer (param $start i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $start)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (global.get $heap) (local.get $start)))))

  ;; A text, without its zero byte.
  (func $put-text (param $text i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (call $put (local.get $text) (local.get $end)))

  ;; What stands between the quotes of a JSON string, as it stands there.
  (func $put-string (param $string i32)
    (call $put
      (i32.add (local.get $string) (i32.const 1))
      (i32.sub (call $skip-string (local.get $string)) (i32.const 1))))

  ;; The bytes from one address up to another.
  (func $put (param $from i32) (param $to i32)
    (local $bytes i32)
    (local $room i32)
    (local.set $bytes (i32.sub (local.get $to) (local.get $from)))
    (local.set $room (call $alloc (local.get $bytes)))
    (if (i32.eqz (local.get $room))
      (then (unreachable)))
    (memory.copy (local.get $room) (local.get $from) (local.get $bytes)))

  ;; Memory.

  ;; Where the next allocation begins.
  (global $heap (mut i32) (i32.const 65536))

  (func $memory-bytes (result i32)
    (i32.shl (memory.size) (i32.const 16)))

  ;; How many pages of 64 KiB must join the memory for it to reach to this address.
  (func $missing-pages (param $end i32) (result i32)
    (i32.add
      (i32.shr_u (i32.sub (i32.sub (local.get $end) (call $memory-bytes)) (i32.const 1)) (i32.const 16))
      (i32.const 1))))
