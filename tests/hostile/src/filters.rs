//! Filters in CEL that cost whoever compiles or evaluates them.

use serde_json::json;

use crate::{Abi, Class, Expect, Hostile};

/// What a filter may be stopped by once it is installed: the activity records why the trigger did not match.
const STOPPED: Expect = Expect::NotFired(&["filter-error"]);
const REFUSED: Expect = Expect::Refused(&["filter"]);

/// A guest with a filter, in one ABI: a filter is read the same way in both.
fn filter(names: (&str, &'static str), expect: Expect, filter: impl Into<String>) -> Hostile {
    let filter = filter.into();
    Hostile::of_guest(names, Class::Manifest, Abi::Core, expect, move |mut guest| {
        guest.document["triggers"][0]["filter"] = json!(filter);
        guest
    })
}

/// A list of the numbers below `length`.
fn numbers(length: usize) -> String {
    let numbers: Vec<String> = (0..length).map(|n| n.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

/// A macro over ten numbers, within itself.
fn nested(name: &str, depth: usize, inner: &str) -> String {
    (0..depth).rev().fold(inner.to_owned(), |body, level| format!("{}.{name}(x{level}, {body})", numbers(10)))
}

pub(crate) fn guests() -> Vec<Hostile> {
    vec![
        filter(("filter-nested-all", "ten thousand million rounds"), REFUSED, nested("all", 10, "true")),
        filter(
            ("filter-nested-map", "lists of lists, ten deep"),
            REFUSED,
            format!("size({}) > 0", nested("map", 10, "1")),
        ),
        filter(
            ("filter-nested-exists", "looks for what is not there, 10^12 times"),
            REFUSED,
            nested("exists", 12, "false"),
        ),
        filter(
            ("filter-doubling-text", "a text that doubles 40 times"),
            REFUSED,
            format!(
                "size([\"xxxxxxxx\"]{}[0]) > 0",
                (0..40).map(|n| format!(".map(x{n}, x{n} + x{n})")).collect::<String>()
            ),
        ),
        filter(
            ("filter-doubling-list", "a list that doubles 40 times"),
            REFUSED,
            format!("size([[1,2]]{}[0]) > 0", (0..40).map(|n| format!(".map(x{n}, x{n} + x{n})")).collect::<String>()),
        ),
        filter(
            ("filter-parentheses", "2,000 parentheses within one another"),
            REFUSED,
            format!("{}true{}", "(".repeat(2_000), ")".repeat(2_000)),
        ),
        filter(
            ("filter-lists", "2,000 lists within one another"),
            REFUSED,
            format!("size({}{}) > 0", "[".repeat(2_000), "]".repeat(2_000)),
        ),
        filter(("filter-negations", "4,000 negations"), REFUSED, format!("{}true", "!".repeat(4_000))),
        filter(
            ("filter-conditions", "conditions within one another"),
            REFUSED,
            format!("{}true{}", "true ? ".repeat(400), " : false".repeat(400)),
        ),
        filter(
            ("filter-members", "1,900 members, each of the one before"),
            REFUSED,
            format!("object{} == 1", ".a".repeat(1_900)),
        ),
        filter(("filter-long", "a filter of a megabyte"), REFUSED, format!("true{}", " ".repeat(1_000_000))),
        filter(("filter-wrong", "a filter that does not parse"), REFUSED, "object.price >"),
        filter(
            ("filter-large-expression", "an expression of a thousand million states"),
            REFUSED,
            r#""x".matches("((((x{1,99}){1,99}){1,99}){1,99}){1,99}")"#,
        ),
        filter(
            ("filter-expression-of-letters", "an expression over every letter there is"),
            REFUSED,
            r#""x".matches("(\\pL{1,1000}|\\pN{1,1000}){1,1000}")"#,
        ),
        filter(
            ("filter-expressions", "compiles an expression a thousand million times"),
            REFUSED,
            nested("all", 9, r#""x".matches("^(\\pL|\\pN){1,50}$")"#),
        ),
        filter(
            ("filter-many-expressions", "a hundred expressions"),
            REFUSED,
            vec![r#""".matches("\w{9}")"#; 100].join("||"),
        ),
        filter(
            ("filter-catastrophe", "an expression that takes some readers for ever"),
            Expect::NotFired(&["filter", "filter-error"]),
            format!(r#""{}!".matches("^(a+)+$")"#, "a".repeat(2_000)),
        ),
        filter(("filter-of-no-truth", "is a number"), STOPPED, "1 + 1"),
        filter(("filter-divides", "divides by zero"), STOPPED, "1 / 0 == 1"),
        filter(("filter-overflows", "counts too far"), STOPPED, "9223372036854775807 + 1 > 0"),
        filter(("filter-of-a-secret", "reads what is not in the activity"), REFUSED, "env.ROSEHIP_TOKEN != ''"),
    ]
}
