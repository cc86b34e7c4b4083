//! I-JSON at the edge (RFC 7493): no duplicate member names, no lone surrogates, finite numbers, integers within
//! ±(2^53−1), nesting of at most [`JSON_DEPTH`]. Each breach is an error with a named rule.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::limits::JSON_DEPTH;

/// Largest integer that every reader of JSON keeps exactly.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A text that is not I-JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct InvalidJson {
    /// `json-syntax`, `json-depth`, `json-duplicate-key` or `json-integer-range`.
    pub rule: &'static str,
    /// What is wrong and where.
    pub message: String,
}

/// Reads one I-JSON document.
pub fn parse(bytes: &[u8]) -> Result<Value, InvalidJson> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Nested { depth: 0 }.deserialize(&mut deserializer).map_err(|error| refused(&error))?;
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

const DEPTH: &str = "nesting is deeper than 64";
const DUPLICATE: &str = "duplicate member name";
const RANGE: &str = "integer beyond ±(2^53−1); write it as a string";

fn refused(error: &serde_json::Error) -> InvalidJson {
    let message = error.to_string();
    let rule = [(DEPTH, "json-depth"), (DUPLICATE, "json-duplicate-key"), (RANGE, "json-integer-range")]
        .into_iter()
        .find_map(|(start, rule)| message.starts_with(start).then_some(rule))
        .unwrap_or("json-syntax");
    InvalidJson { rule, message }
}

/// Reads a value at a depth, the root being at 0.
#[derive(Clone, Copy)]
struct Nested {
    depth: usize,
}

impl Nested {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH { Err(E::custom(DEPTH)) } else { Ok(Self { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Nested {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested {
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

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
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
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inside)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{DUPLICATE} {name:?}")));
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
        assert_eq!(rule(&"[".repeat(100_000)), "json-depth");
    }

    #[test]
    fn depth_64_is_the_deepest() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(rule(&nested(JSON_DEPTH + 1)), "json-depth");
    }

    #[test]
    fn what_is_i_json_is_kept() {
        let text = r#"{"a":[1,-2,0.5,null,true,"é"],"b":9007199254740991}"#;
        assert_eq!(parse(text.as_bytes()).expect("I-JSON").to_string(), text);
    }
}
