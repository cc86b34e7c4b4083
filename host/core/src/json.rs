//! I-JSON at the edge (RFC 7493): no duplicate member names, no lone surrogates, finite numbers, integers within
//! ±(2^53−1), nesting of at most [`JSON_DEPTH`], and a weight of at most [`JSON_WEIGHT`], because a short text may take a
//! hundred times its length once it is read. Each breach is an error with a named rule.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::limits::{JSON_DEPTH, JSON_WEIGHT};

/// Largest integer that every reader of JSON keeps exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A text that is not I-JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct InvalidJson {
    /// `json-syntax`, `json-depth`, `json-duplicate-key`, `json-integer-range`, `json-weight` or `json-reserved-name`.
    pub rule: &'static str,
    /// What is wrong and where.
    pub message: String,
}

/// Reads one I-JSON document.
pub fn parse(bytes: &[u8]) -> Result<Value, InvalidJson> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let left = Cell::new(JSON_WEIGHT);
    let root = Nested { depth: 0, left: &left };
    let value = root.deserialize(&mut deserializer).map_err(|error| refused(&error))?;
    deserializer.end().map_err(|error| refused(&error))?;
    Ok(value)
}

/// Reads one I-JSON document whose root is an object.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, InvalidJson> {
    match parse(bytes)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(InvalidJson { rule: "json-syntax", message: "the document is not an object".to_owned() })
        }
    }
}

/// What a value takes in memory, measured as [`JSON_WEIGHT`] is.
pub fn weigh(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + of_text(text),
        Value::Array(items) => items.iter().map(weigh).sum::<u64>() + 1,
        Value::Object(members) => {
            members.iter().map(|(name, value)| of_text(name) + weigh(value)).sum::<u64>() + 1 + OBJECT
        }
    }
}

/// The first of `places` in a document at which something else than an object stands. A place is a JSON Pointer whose
/// `*` stands for each item of a list; what is absent or null is passed over. A derived reader takes a list for a struct,
/// member after member, which no schema of ours allows.
pub fn not_an_object(document: &Value, places: &[&str]) -> Option<String> {
    let found = places.iter().find_map(|place| {
        let segments: Vec<&str> = place.split('/').skip(1).collect();
        wrong_below(document, &segments)
    })?;
    Some(if found.is_empty() { "the document".to_owned() } else { found })
}

/// Where something else stands, from here on.
fn wrong_below(value: &Value, segments: &[&str]) -> Option<String> {
    match (segments, value) {
        ([], Value::Object(_) | Value::Null) => None,
        ([], _) => Some(String::new()),
        (["*", rest @ ..], Value::Array(items)) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| wrong_below(item, rest).map(|below| format!("/{index}{below}"))),
        ([name, rest @ ..], Value::Object(members)) => {
            let below = members.get(*name).and_then(|member| wrong_below(member, rest))?;
            Some(format!("/{name}{below}"))
        }
        _ => None,
    }
}

/// What an object weighs beside its members.
const OBJECT: u64 = 5;
/// Bytes of text that weigh one.
const TEXT_BYTES: u64 = 64;

fn of_text(text: &str) -> u64 {
    text.len() as u64 / TEXT_BYTES
}

/// As much of a name as an error shows.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(100)]
}

const WEIGHT: &str = "it would take too much memory: at most a weight of 64000, where each value weighs 1, an object 5 \
                      more, and 64 bytes of text 1 more";
/// `serde_json` tells values of its own apart by such names, and would read a member as something else.
const RESERVED_PREFIX: &str = "$serde_json::";
const RESERVED: &str = "no member name may begin with $serde_json::";
const DEPTH: &str = "nesting is deeper than 64";
const DUPLICATE: &str = "duplicate member name";
const RANGE: &str = "integer beyond ±(2^53−1); write it as a string";

fn refused(error: &serde_json::Error) -> InvalidJson {
    let message = error.to_string();
    let rule = [
        (DEPTH, "json-depth"),
        (DUPLICATE, "json-duplicate-key"),
        (RANGE, "json-integer-range"),
        (WEIGHT, "json-weight"),
        (RESERVED, "json-reserved-name"),
    ]
    .into_iter()
    .find_map(|(start, rule)| message.starts_with(start).then_some(rule))
    .unwrap_or("json-syntax");
    InvalidJson { rule, message }
}

/// Reads a value at a depth, the root being at 0, as long as weight is left.
#[derive(Clone, Copy)]
struct Nested<'a> {
    depth: usize,
    left: &'a Cell<u64>,
}

impl Nested<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH { Err(E::custom(DEPTH)) } else { Ok(Self { depth: self.depth + 1, ..self }) }
    }

    fn take<E: serde::de::Error>(self, weight: u64) -> Result<(), E> {
        self.left.set(self.left.get().checked_sub(weight).ok_or_else(|| E::custom(WEIGHT))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_SAFE_INTEGER { Err(E::custom(RANGE)) } else { Ok(value.into()) }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_SAFE_INTEGER { Err(E::custom(RANGE)) } else { Ok(value.into()) }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // An integer too long for 64 bits arrives here, already rounded.
        #[expect(clippy::cast_precision_loss, reason = "2^53-1 is exact as a double")]
        let beyond = value.fract() == 0.0 && value.abs() > MAX_SAFE_INTEGER as f64;
        if beyond { Err(E::custom(RANGE)) } else { Ok(value.into()) }
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.take(of_text(&value))?;
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        self.take(OBJECT)?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.take(of_text(&name))?;
            if name.starts_with(RESERVED_PREFIX) {
                return Err(A::Error::custom(format_args!("{RESERVED}, as {:?} does", short(&name))));
            }
            let value = members.next_value_seed(inside)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{DUPLICATE} {:?}", short(&name))));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> &'static str {
        parse(text.as_bytes()).expect_err("not I-JSON").rule
    }

    #[test]
    fn every_breach_has_its_rule() {
        assert_eq!(rule(r#"{"a":1,"b":{"x":1,"x":2}}"#), "json-duplicate-key");
        assert_eq!(rule("9007199254740992"), "json-integer-range");
        assert_eq!(rule("-9007199254740992"), "json-integer-range");
        assert_eq!(rule("123456789012345678901234567890"), "json-integer-range");
        assert_eq!(rule("1e400"), "json-syntax");
        assert_eq!(rule(r#""\ud800""#), "json-syntax");
        assert_eq!(rule("{} {}"), "json-syntax");
        assert_eq!(rule(r#"{"a":{"$serde_json::private::RawValue":"[]"}}"#), "json-reserved-name");
        assert_eq!(rule(r#"{"a":1,"\u0024serde_json::private::Number":"1"}"#), "json-reserved-name");
        assert_eq!(rule(&"[".repeat(100_000)), "json-depth");
    }

    #[test]
    fn a_list_is_no_object() {
        let wrong = |text: &str| not_an_object(&parse(text.as_bytes()).expect("I-JSON"), &["", "/a/*", "/a/*/b"]);
        assert_eq!(wrong(r#"{"a":[{"b":{}},{}],"c":[]}"#), None);
        assert_eq!(wrong(r#"{"a":[null,{"b":null}]}"#), None);
        assert_eq!(wrong("[]").as_deref(), Some("the document"));
        assert_eq!(wrong(r#"{"a":[{},["x"]]}"#).as_deref(), Some("/a/1"));
        assert_eq!(wrong(r#"{"a":[{"b":[1]}]}"#).as_deref(), Some("/a/0/b"));
    }

    #[test]
    fn depth_64_is_the_deepest() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(rule(&nested(JSON_DEPTH + 1)), "json-depth");
    }

    #[test]
    fn what_would_take_too_much_memory_is_refused_as_it_is_read() {
        assert!(WEIGHT.contains(&JSON_WEIGHT.to_string()), "the message names the limit");
        for item in
            ["1", "{}", r#"{"a":[]}"#, &format!("{:?}", "x".repeat(200)), &format!("{{{:?}:1}}", "k".repeat(99))]
        {
            let weight = weigh(&parse(item.as_bytes()).expect("I-JSON"));
            let list = |items: u64| {
                let items: Vec<&str> = (0..items).map(|_| item).collect();
                format!("[{}]", items.join(","))
            };
            let most = (JSON_WEIGHT - 1) / weight;
            let full = parse(list(most).as_bytes()).expect("it is not too much");
            assert!(weigh(&full) <= JSON_WEIGHT);
            assert_eq!(rule(&list(most + 1)), "json-weight", "{item}");
        }
    }

    #[test]
    fn what_is_i_json_is_kept() {
        let text = r#"{"a":[1,-2,0.5,null,true,"é"],"b":9007199254740991}"#;
        assert_eq!(parse(text.as_bytes()).expect("I-JSON").to_string(), text);
    }
}
