//! What filters may not do: overflow a stack, take long, look at a clock, or panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    Filter, affordable,
    cost::bound,
    extent::Extent,
    nesting,
    sealed::{self, VARIABLES},
};
use crate::{
    activity::{Activity, Announcement},
    limits::{FILTER_BYTES, FILTER_COST},
    object::{Object, transitions},
    time::Timestamp,
};

fn activity(content: &Value) -> Activity {
    let content = content.as_object().cloned().expect("an object");
    let changes = transitions(None, Some(&content));
    let object = Object {
        key: "Article/a".parse().expect("a key"),
        revision: 1,
        seq: 1,
        owner: "site".parse().expect("a name"),
        content: Some(content),
        publications: 1,
        created_at: Timestamp::default(),
        published_at: None,
        updated_at: Timestamp::default(),
    };
    let kind = "Create".parse().expect("a type");
    let now = Timestamp::default();
    Announcement {
        base_url: "http://h",
        kind,
        object: &object,
        deleted: None,
        transitions: &changes,
        now,
        origin: None,
    }
    .compose(&crate::ports::Unsigned)
}

fn article() -> Activity {
    activity(&json!({
        "name": "Rose hips", "price": 120, "tag": ["a", "b", {"name": "c"}], "least": i64::MIN, "half": 0.5,
        "big": u64::MAX, "deep": {"er": {"still": [[1, 2], [3]]}}, "empty": [], "status": "published",
    }))
}

/// `matches`, or the rule and message by which the filter did not.
fn outcome(filter: &str, activity: &Activity) -> String {
    let filter = Filter::compile(filter).expect("it compiles");
    filter.holds(activity).map_or_else(|why| format!("{}: {}", why.rule, why.message), |()| "matches".to_owned())
}

fn refusal(filter: &str) -> String {
    Filter::compile(filter).err().unwrap_or_else(|| panic!("{filter} compiles"))
}

#[test]
fn usual_filters_hold() {
    for filter in [
        "object.price > 100 && transitions.exists(t, t.field == 'price')",
        "object.name.matches('(?i)^rose\\\\b') && matches(object.name, r'hips$')",
        "has(object.tag) && object.tag.size() == 3 && 'a' in object.tag",
        "object.tag.filter(t, type(t) == string).map(t, t + '!') == ['a!', 'b!']",
        "activity['type'] == 'Create' && activity.object.name.startsWith('Rose')",
        "object.deep.er.still.exists_one(l, size(l) == 1) && object.deep.er.still[0][1] == 2",
        "{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && object.half < 1.0 && object.big > 1.0",
        "object.price == 120 ? true : false // as it was",
    ] {
        assert_eq!(outcome(filter, &article()), "matches", "{filter}");
    }
}

#[test]
fn the_names_of_a_map_come_in_order() {
    assert_eq!(outcome("{'c': 1, 'a': 2, 'b': 3}.map(k, k) == ['a', 'b', 'c']", &article()), "matches");
    assert_eq!(outcome("object.deep.map(k, k)[0] == 'er'", &article()), "matches");
}

#[test]
fn text_that_nests_is_refused_before_it_is_parsed() {
    let many = |open: &str, middle: &str, close: &str| {
        let times = (FILTER_BYTES - middle.len()) / (open.len() + close.len());
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    for filter in [
        many("(", "1", ")"),
        many("[", "1", "]"),
        many("{1:", "1", "}"),
        many("!", "true", ""),
        many("-", "1", ""),
        many("", "1", "+1"),
        many("", "1", "<1"),
        many("", "object", ".a"),
        many("", "object", "[0]"),
        many("dyn(", "1", ")"),
        many("true?1:", "1", ""),
        many("[1].map(x,", "1", ")"),
        many("", "[1]", ".map(x,x)"),
        many("A{a:", "1", "}"),
        many("(", "", ""),
        many("[?", "", ""),
        many("'a'in", "['a']", ""),
        many("1r'\\'(", "", ""),
    ] {
        let error = nesting::check(&filter).expect_err(&filter[..40]);
        assert!(error.starts_with("depth") || error.starts_with("a string right after"), "{error}");
    }
}

/// The deepest that is let through, on a stack half as large as that of a thread of the host.
#[test]
fn what_is_let_through_fits_a_small_stack() {
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let texts = [
        nested("(", "true", ")", 30),
        nested("[", "1", "]", 30),
        nested("{1:", "1", "}", 30),
        nested("[1].exists(x,", "true", ")", 20),
        nested("[1].map(x,", "1", ")", 14),
        nested("dyn(", "1", ")", 25),
        nested("!", "true", "", 120),
        nested("", "1", "+1", 120),
        nested("", "[1]", ".map(x,x)", 20),
        nested("", "object", ".deep", 120),
        nested("true?true:", "true", "", 120),
        nested("", "true", "&&true", 500),
        nested("[?", "", "", 25),
    ];
    let read = move || {
        texts.iter().map(|text| (text.clone(), Filter::compile(text).map(|f| f.holds(&article())))).collect::<Vec<_>>()
    };
    let ends = std::thread::Builder::new().stack_size(1 << 20).spawn(read).expect("a thread").join().expect("it ends");
    assert!(ends.iter().filter(|(_, end)| end.is_ok()).count() >= 8, "{ends:?}");
}

#[test]
fn what_costs_too_much_over_any_activity_is_refused_at_install() {
    for filter in [
        format!("['a']{} == []", ".map(x, x + x)".repeat(24)),
        format!("[{0}].all(a, [{0}].all(b, [{0}].all(c, [{0}].all(d, true))))", ["1"; 50].join(",")),
        format!("['a']{}.all(x, x.matches('[ab]{{50}}c'))", ".map(x, x + x)".repeat(22)),
    ] {
        assert!(refusal(&filter).starts_with("cost: up to "), "{}", refusal(&filter));
    }
}

#[test]
fn what_costs_too_much_over_an_activity_does_not_match_it() {
    let tags: Vec<String> = (0..2_000).map(|tag| format!("tag {tag}")).collect();
    let activity = activity(&json!({"tag": tags}));
    assert_eq!(outcome("object.tag.exists(t, t == 'tag 1999')", &activity), "matches");
    let why = outcome("object.tag.all(t, object.tag.exists(u, t == u))", &activity);
    assert!(why.starts_with("filter-error: ") && why.contains("cost: up to "), "{why}");
    assert!(why.contains(&FILTER_COST.to_string()), "{why}");
}

#[test]
fn a_realistic_filter_passes_over_an_article_of_a_mebibyte() {
    let words = "rose hips and what becomes of them. ".repeat((1 << 20) / 36);
    let activity = activity(&json!({"content": words, "name": "long", "tag": ["a", "b"]}));
    for filter in [
        "object.content.contains('becomes') && !object.content.contains('thorns')",
        "object.content.matches('(?i)\\\\bROSE\\\\s+hips?\\\\b') && size(object.content) > 1000000",
        "transitions.exists(t, t.field == 'name') && object.tag.exists(t, t == 'b')",
    ] {
        assert_eq!(outcome(filter, &activity), "matches", "{filter}");
    }
}

#[test]
fn what_is_not_known_is_refused_at_install() {
    for (filter, cause) in [
        ("now() > 0", "function: now"),
        ("timestamp('2020-01-01T00:00:00Z') != null", "function: timestamp"),
        ("duration('1s') != null", "function: duration"),
        ("optional.of(1).hasValue()", "function: "),
        ("object.name.reverse() == ''", "function: reverse"),
        ("random() > 0.5", "function: random"),
        ("config.price > 1", "name: config"),
        (".object.price > 1", "name: .object"),
        ("google.protobuf.Duration{seconds: 1} == null", "optional elements and message types"),
        ("object.name.matches(object.pattern)", "pattern: matches takes"),
        ("object.name.matches('(')", "pattern: unclosed group"),
        ("object.name.matches('(\\\\w{1000}){1000}')", "pattern: "),
        ("object.?name == 1", "1:"),
        ("'unended", "a string does not end"),
    ] {
        let error = refusal(filter);
        assert!(error.starts_with(cause), "{filter}: {error}");
    }
}

#[test]
fn odd_arithmetic_is_an_error_and_no_panic() {
    for filter in [
        "object.least / -1 == 0",
        "object.least % -1 == 0",
        "-object.least == 0",
        "object.least - 1 == 0",
        "object.least * -1 == 0",
        "object.price / 0 == 0",
        "object.price % 0 == 0",
        "9223372036854775807 + 1 == 0",
        "18446744073709551615u + 1u == 0u",
        "0u - 1u == 0u",
        "int(1e300) == 0",
        "uint(-1) == 0u",
        "int('x') == 0",
        "object.tag[9223372036854775807] == 'a'",
        "object.tag[-1] == 'a'",
        "object.tag[0.5] == 'a'",
        "object.tag[object] == 'a'",
        "object + 1 == 2",
        "object < 1",
        "{1: 1, 1u: 2} == {}",
        "{object: 1} == {}",
        "size(1) == 1",
        "'a'.all(x, true)",
        "object.price",
    ] {
        let why = outcome(filter, &article());
        assert!(why.starts_with("filter-error: ") && why.len() < 400, "{filter}: {why}");
    }
}

/// Expressions of every kind that the grammar has, most of them of the wrong types.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "-1",
        "0",
        "9223372036854775807",
        "1u",
        "0.5",
        "1e308",
        "true",
        "false",
        "null",
        "''",
        "'a'",
        "b'\\xff'",
        "object",
        "activity",
        "transitions",
        "object.tag",
        "object.least",
        "object.deep.er",
        "object.gone",
        "x",
        "int",
        "[]",
        "{}",
        "r'\\'",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(6, 64, 3, |inner| {
        let operator =
            prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]);
        let word = prop::sample::select(vec!["all", "exists", "exists_one", "map", "filter"]);
        let function =
            prop::sample::select(vec!["size", "int", "uint", "double", "string", "bytes", "bool", "dyn", "type"]);
        let method = prop::sample::select(vec!["contains", "startsWith", "endsWith"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (inner.clone(), word, inner.clone()).prop_map(|(a, m, b)| format!("({a}).{m}(x, {b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), method, inner.clone()).prop_map(|(a, m, b)| format!("({a}).{m}({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            inner.clone().prop_map(|a| format!("({a}).matches('[a-z]+')")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.prop_map(|a| format!("has({a}.name)")),
        ]
    })
}

/// The weight of a value that was got: what its bound must not fall short of.
#[expect(clippy::wildcard_enum_match_arm, reason = "all else is of one size")]
fn weight(value: &cel::Value) -> u64 {
    match value {
        cel::Value::List(items) => Extent::open(0, items.iter().map(weight).sum()).weight(),
        cel::Value::Map(map) => {
            let key = |key: &cel::objects::Key| weight(&key.into());
            Extent::open(0, map.map.iter().map(|(name, value)| key(name) + weight(value)).sum()).weight()
        }
        cel::Value::String(text) => Extent::text(text.len()).weight(),
        cel::Value::Bytes(bytes) => Extent::text(bytes.len()).weight(),
        _ => Extent::default().weight(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_ends(text in expression()) {
        let text = format!("[1].all(x, {text})");
        if let Ok(filter) = Filter::compile(&text) {
            let once = filter.holds(&article());
            prop_assert_eq!(once, filter.holds(&article()), "{}", text);
        }
    }

    /// No value is larger than its bound, so no cost that is counted from bounds is too low.
    #[test]
    fn no_value_is_larger_than_its_bound(text in expression()) {
        let text = text.replace('x', "object");
        if nesting::check(&text).is_err() { return Ok(()) }
        let Ok(parsed) = cel::parser::Parser::new().parse(&text) else { return Ok(()) };
        let Ok(sealed) = sealed::seal(parsed) else { return Ok(()) };
        let activity = article();
        let document = Value::Object(activity.document.clone());
        let changes = serde_json::to_value(&activity.transitions).expect("JSON");
        let values = VARIABLES.map(|name| match name {
            "activity" => (name, &document),
            "object" => (name, activity.object_document()),
            _ => (name, &changes),
        });
        let cost = bound(&sealed, values.map(|(name, value)| (name, Extent::of(value))));
        if affordable(cost).is_err() { return Ok(()) }
        let mut context = cel::Context::with_env(super::ENVIRONMENT.clone());
        for (name, value) in values {
            context.add_variable_from_value(name, super::to_cel(value));
        }
        if let Ok(value) = cel::Value::resolve(&sealed.expression, &context) {
            prop_assert!(weight(&value) <= cost, "{}: {:?} weighs more than {}", text, value, cost);
        }
    }

    #[test]
    fn any_text_compiles_or_is_refused(text in "[ -~]{0,80}|[\\[\\](){}.?:,!'\"\\\\a-c0-9+&|/ \\-]{0,200}|\\PC{0,40}") {
        if let Ok(filter) = Filter::compile(&text) {
            drop(filter.holds(&article()));
        }
    }
}
