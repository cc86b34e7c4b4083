//! Answers that are no Outcome, or too much of one: text, JSON and I-JSON (RFC 7493).

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, both, guest::Guest};

/// What stops an answer that would take too much memory once it is read.
const HEAVY: Expect = Expect::Fails(&["json-weight"]);
/// The longest answer that the host reads.
const OUTPUT_BYTES: usize = 1 << 20;

fn fails(names: (&str, &'static str), rule: &'static [&'static str], outcome: impl Into<Vec<u8>>) -> Vec<Hostile> {
    answers(names, Expect::Fails(rule), outcome)
}

fn answers(names: (&str, &'static str), expect: Expect, outcome: impl Into<Vec<u8>>) -> Vec<Hostile> {
    let outcome = outcome.into();
    both(names, Class::Answers, expect, move |guest| guest.answering(&outcome)).to_vec()
}

/// What is not even JSON: the core ABI finds that out when it opens the envelope.
fn not_json(names: (&str, &'static str), outcome: &'static [u8]) -> Vec<Hostile> {
    let of = |abi, rule: &'static [&'static str]| {
        Hostile::of_guest(names, Class::Answers, abi, Expect::Fails(rule), |guest| guest.answering(outcome))
    };
    vec![of(Abi::Component, &["json-syntax"]), of(Abi::Core, &["envelope"])]
}

pub(crate) fn guests() -> Vec<Hostile> {
    [texts(), values(), floods(), amplifiers(), envelopes()].concat()
}

fn texts() -> Vec<Hostile> {
    const UTF8: &[&str] = &["output-utf8"];
    [
        fails(("invalid-utf8", "bytes that no character begins with"), UTF8, b"{\"v\":1,\"output\":\"\xff\xfe\"}"),
        fails(
            ("utf8-surrogate", "half a pair of UTF-16, written in UTF-8"),
            UTF8,
            b"{\"v\":1,\"output\":\"\xed\xa0\x80\"}",
        ),
        fails(
            ("utf8-overlong", "a quote in two bytes, where one would do"),
            UTF8,
            b"{\"v\":1,\"output\":\"\xc0\xa2\"}",
        ),
        fails(("utf8-cut", "a character that ends too soon"), UTF8, b"{\"v\":1,\"output\":\"\xf0\x9f\x98\"}"),
        fails(("lone-surrogate", "half a pair of UTF-16, escaped"), &["json-syntax"], br#"{"v":1,"output":"\ud800"}"#),
        fails(
            ("surrogates-in-disorder", "a pair of UTF-16 the wrong way round"),
            &["json-syntax"],
            br#"{"v":1,"output":"\udc00\ud800"}"#,
        ),
        not_json(("no-answer", "an empty text"), b""),
        not_json(("byte-order-mark", "a mark before the text"), b"\xef\xbb\xbf{\"v\":1}"),
        not_json(("not-json", "no JSON"), b"done"),
        not_json(("unfinished-json", "JSON that does not end"), br#"{"v":1,"effects":[{"kind":"log""#),
        not_json(("control-characters", "a line break within a text"), b"{\"v\":1,\"output\":\"a\nb\"}"),
        not_json(("two-answers", "one answer after the other"), br#"{"v":1}{"v":1}"#),
        answers(("zeros-in-text", "zeros, which end a text elsewhere"), NO_EFFECT, br#"{"v":1,"output":"a\u0000b"}"#),
    ]
    .concat()
}

fn values() -> Vec<Hostile> {
    const RANGE: &[&str] = &["json-integer-range"];
    const TWICE: &[&str] = &["json-duplicate-key"];
    const DEPTH: &[&str] = &["json-depth"];
    let nested = |open: &str, depth: usize, close: &str| {
        format!(r#"{{"v":1,"output":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    [
        fails(("duplicate-key", "a name twice"), TWICE, br#"{"v":1,"effects":[],"effects":[]}"#),
        fails(
            ("duplicate-key-escaped", "a name twice, once escaped"),
            TWICE,
            br#"{"v":1,"output":{"a":1,"\u0061":2}}"#,
        ),
        fails(("depth", "100,000 lists within one another"), DEPTH, nested("[", 100_000, "]")),
        fails(("depth-of-objects", "100,000 objects within one another"), DEPTH, nested(r#"{"a":"#, 100_000, "}")),
        fails(("depth-65", "one level more than the host reads"), DEPTH, nested("[", 65, "]")),
        fails(("number-too-large", "1e400"), &["json-syntax"], br#"{"v":1,"output":1e400}"#),
        not_json(("not-a-number", "NaN"), br#"{"v":1,"output":NaN}"#),
        not_json(("infinity", "-Infinity"), br#"{"v":1,"output":-Infinity}"#),
        answers(("minus-zero", "zero from below"), NO_EFFECT, br#"{"v":1,"output":-0.0}"#),
        answers(
            ("smallest-number", "less than the smallest number there is"),
            NO_EFFECT,
            br#"{"v":1,"output":1e-400}"#,
        ),
        fails(("integer-beyond-53-bits", "2^53"), RANGE, br#"{"v":1,"output":9007199254740992}"#),
        fails(("integer-of-64-bits", "-2^63"), RANGE, br#"{"v":1,"output":-9223372036854775808}"#),
        fails(
            ("integer-of-many-digits", "an integer of 100,000 digits"),
            &["json-syntax"],
            format!(r#"{{"v":1,"output":{}}}"#, "9".repeat(100_000)),
        ),
        fails(
            ("integer-as-float", "2^70, written as a number with an exponent"),
            RANGE,
            br#"{"v":1,"output":1.180591620717411303424e21}"#,
        ),
        fails(
            ("raw-value", "a member that a reader of JSON takes for something else"),
            &["json-reserved-name"],
            br#"{"v":1,"output":{"$serde_json::private::RawValue":"[{},{}]"}}"#,
        ),
        fails(("a-list", "a list"), &["outcome"], b"[]"),
        fails(("null", "nothing"), &["outcome"], b"null"),
        fails(
            ("unknown-member", "a member that an outcome does not have"),
            &["outcome"],
            br#"{"v":1,"grant":["email"]}"#,
        ),
        fails(("version-of-outcome", "an outcome of a version that there is not"), &["outcome"], br#"{"v":2}"#),
        fails(
            ("undeclared-branch", "takes a branch that its manifest does not have"),
            &["undeclared-branch"],
            br#"{"v":1,"branch":"admin"}"#,
        ),
        answers(
            ("prototype-members", "members that mean something in JavaScript"),
            NO_EFFECT,
            br#"{"v":1,"output":{"__proto__":{"admin":true},"constructor":1,"toString":2}}"#,
        ),
        answers(
            ("markup-in-output", "a script for whoever reads the flow"),
            NO_EFFECT,
            br#"{"v":1,"output":"<script>fetch('/behaviors')</script>"}"#,
        ),
    ]
    .concat()
}

fn floods() -> Vec<Hostile> {
    const OUTPUT: &[&str] = &["output-bytes"];
    let flood = |names, rules, shape: fn(Guest) -> Guest| both(names, Class::Answers, rules, shape).to_vec();
    [
        flood(("output-flood", "an answer of 60 MiB"), Expect::Fails(OUTPUT), |guest| {
            guest.pages(1_000).running("(call $ok (i32.const 65536) (i32.const 62914560))")
        }),
        flood(("output-flood-in-describe", "a manifest of 60 MiB"), Expect::Refused(OUTPUT), |guest| {
            guest.pages(1_000).describing("(call $text (i32.const 65536) (i32.const 62914560))")
        }),
        fails(
            ("output-a-byte-too-long", "an answer of a byte more than a mebibyte"),
            OUTPUT,
            " ".repeat(OUTPUT_BYTES + 1),
        ),
        Vec::from([
            Hostile::of_guest(
                ("failure-flood", "fails with a reason of 60 MiB"),
                Class::Answers,
                Abi::Component,
                Expect::Fails(OUTPUT),
                |guest| {
                    guest.pages(1_000).running(
                        "(i32.store8 (i32.const 32) (i32.const 1)) (i32.store8 (i32.const 36) (i32.const 1))
                        (i32.store (i32.const 40) (i32.const 65536)) (i32.store (i32.const 44) (i32.const 62914560))
                        (i32.const 32)",
                    )
                },
            ),
            Hostile::of_guest(
                ("failure-long", "fails with a reason of a megabyte"),
                Class::Answers,
                Abi::Core,
                Expect::Fails(&["fatal"]),
                |guest| Guest {
                    answer: format!(r#"{{"err":{{"fatal":"{}"}}}}"#, "x".repeat(1_000_000)).into_bytes(),
                    ..guest
                },
            ),
        ]),
    ]
    .concat()
}

/// Answers within the limit that take many times their length in the host.
fn amplifiers() -> Vec<Hostile> {
    let list = |item: &str| {
        let count = (OUTPUT_BYTES - 100) / (item.len() + 1);
        format!(r#"{{"v":1,"output":[{}]}}"#, vec![item; count].join(","))
    };
    let wide = || {
        let members: Vec<String> = (0..58_000).map(|n| format!(r#""{n:x}":0"#)).collect();
        format!(r#"{{"v":1,"output":{{{}}}}}"#, members.join(","))
    };
    [
        answers(("many-numbers", "half a million numbers"), HEAVY, list("0")),
        answers(("many-lists", "350,000 lists"), HEAVY, list("[]")),
        answers(("many-objects", "130,000 objects of one member"), HEAVY, list(r#"{"":0}"#)),
        answers(
            ("objects-that-fit", "as many objects of one member as an answer may have"),
            NO_EFFECT,
            format!(r#"{{"v":1,"output":[{}0]}}"#, r#"{"":0},"#.repeat(9_000)),
        ),
        answers(("many-members", "an object of 58,000 members"), NO_EFFECT, wide()),
        answers(
            ("many-escapes", "170,000 characters of six bytes each"),
            NO_EFFECT,
            format!(r#"{{"v":1,"output":"{}"}}"#, r"\u0001".repeat(170_000)),
        ),
    ]
    .concat()
}

/// What wraps an answer in the core ABI.
fn envelopes() -> Vec<Hostile> {
    let core = |name, what, answer: &'static [u8]| {
        let expect = Expect::Fails(&["envelope"]);
        Hostile::of_guest((name, what), Class::Answers, Abi::Core, expect, move |guest| Guest {
            answer: answer.to_vec(),
            ..guest
        })
    };
    vec![
        core("envelope-missing", "an outcome without its envelope", br#"{"v":1}"#),
        core("envelope-empty", "an envelope without anything in it", b"{}"),
        core("envelope-twice", "two outcomes in an envelope", br#"{"ok":{"v":1},"ok":{"v":1}}"#),
        core("envelope-both", "an outcome and a failure", br#"{"ok":{"v":1},"err":{"fatal":"x"}}"#),
        core("envelope-unknown-failure", "a failure that there is not", br#"{"err":{"panic":"x"}}"#),
        core("envelope-failure-of-numbers", "a failure without words", br#"{"err":{"retry":7}}"#),
        core("envelope-open", "an envelope that does not end", br#"{"ok":{"v":1}"#),
        core("envelope-trailing", "something after the envelope", br#"{"ok":{"v":1}} true"#),
    ]
}
