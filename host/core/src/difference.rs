//! What differs between two JSON values, place by place.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One place at which two values differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Where: a JSON Pointer (RFC 6901), empty for the whole.
    pub pointer: String,
    /// What stood there; none where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub before: Option<Value>,
    /// What stands there; none where nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub after: Option<Value>,
}

/// A member that is there is something, also where it is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Every place at which `after` differs from `before`: members in the order of their names, items by their place.
/// Objects and lists are looked into as far as both sides have them.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    collect(Some(before), Some(after), &mut String::new(), &mut found);
    found
}

fn collect(before: Option<&Value>, after: Option<&Value>, pointer: &mut String, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let token = name.replace('~', "~0").replace('/', "~1");
                at(pointer, &token, |pointer| collect(before.get(name), after.get(name), pointer, found));
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for place in 0..before.len().max(after.len()) {
                let token = place.to_string();
                at(pointer, &token, |pointer| collect(before.get(place), after.get(place), pointer, found));
            }
        }
        _ => found.push(Difference { pointer: pointer.clone(), before: before.cloned(), after: after.cloned() }),
    }
}

fn at(pointer: &mut String, token: &str, then: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(token);
    then(pointer);
    pointer.truncate(length);
}

impl fmt::Display for Difference {
    /// `/subject: "On roses" → "On hips"`, with `(nothing)` for what is not there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "(nothing)".to_owned(), Value::to_string);
        let place = if self.pointer.is_empty() { "(all of it)" } else { &self.pointer };
        write!(f, "{place}: {} → {}", text(&self.before), text(&self.after))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn told(before: &Value, after: &Value) -> Vec<String> {
        differences(before, after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_place_is_named_by_its_pointer() {
        let before = json!({"a/b": 1, "list": [1, {"x": null}], "same": [true], "gone": 0});
        let after = json!({"a/b": 2, "list": [1, {"x": "y"}, 3], "same": [true], "new": null});
        let expected = [
            "/a~1b: 1 → 2",
            "/gone: 0 → (nothing)",
            "/list/1/x: null → \"y\"",
            "/list/2: (nothing) → 3",
            "/new: (nothing) → null",
        ];
        assert_eq!(told(&before, &after), expected);
        assert_eq!(told(&json!(1), &json!("1")), ["(all of it): 1 → \"1\""]);
        assert_eq!(told(&json!({}), &json!([])), ["(all of it): {} → []"]);
    }

    #[test]
    fn a_null_that_came_is_not_nothing() {
        let text = serde_json::to_string(&differences(&json!({}), &json!({"a": null}))).expect("JSON");
        assert_eq!(text, r#"[{"pointer":"/a","after":null}]"#);
        let read: Vec<Difference> = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read[0].after, Some(Value::Null));
        assert_eq!(read[0].before, None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from)];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[ab/~]", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_told_is_true_and_equal_values_have_none(before in value(), after in value()) {
            let found = differences(&before, &after);
            prop_assert_eq!(found.is_empty(), before == after);
            for difference in found {
                prop_assert_eq!(before.pointer(&difference.pointer).cloned(), difference.before);
                prop_assert_eq!(after.pointer(&difference.pointer).cloned(), difference.after);
            }
        }
    }
}
