//! What checking a config by a schema may cost, found before the schema is compiled.
//!
//! The schema comes from whoever wrote the module. A few references that each lead to two more make a check that takes
//! longer than the host lives, and compiling such a schema takes as long. So each value of a schema is counted as often as
//! a check may come by it, whatever keyword it belongs to, which errs on the safe side.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::limits::{CONFIG_SCHEMA_COST, CONFIG_SCHEMA_DEPTH};

/// What compiling and matching a regular expression counts for.
const PATTERN: u64 = 100;
/// Keywords by which a schema names itself or refers to a name. They are not followed here, and the document is one.
const NAMING: [&str; 7] =
    ["$id", "$schema", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];
/// Those of them that the root may have: what it is called, and by which draft.
const NAMING_THE_ROOT: [&str; 2] = ["$id", "$schema"];

/// Holds a schema to [`CONFIG_SCHEMA_COST`] and [`CONFIG_SCHEMA_DEPTH`]; else says why it cannot be one.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let whole = Counting { schema, counted: HashMap::new(), path: Vec::new(), depth: 0 }.value(schema)?;
    if whole.levels > CONFIG_SCHEMA_DEPTH {
        return Err(too_deep());
    }
    if whole.cost > CONFIG_SCHEMA_COST {
        return Err(format!("checking a config by it would cost {}, at most {CONFIG_SCHEMA_COST}", whole.cost));
    }
    Ok(())
}

fn too_deep() -> String {
    format!("it has over {CONFIG_SCHEMA_DEPTH} levels, references followed")
}

/// What stands at a place of a schema, references followed.
#[derive(Clone, Copy, Default)]
struct Extent {
    cost: u64,
    levels: usize,
}

impl Extent {
    fn and(self, other: Self) -> Self {
        Self { cost: self.cost.saturating_add(other.cost), levels: self.levels.max(other.levels) }
    }

    fn and_cost(self, cost: u64) -> Self {
        self.and(Self { cost, levels: 0 })
    }
}

struct Counting<'a> {
    schema: &'a Value,
    /// What the references counted so far lead to.
    counted: HashMap<&'a str, Extent>,
    /// The references that are being followed.
    path: Vec<&'a str>,
    /// Levels above the value that is being counted.
    depth: usize,
}

impl<'a> Counting<'a> {
    fn value(&mut self, value: &'a Value) -> Result<Extent, String> {
        if self.depth >= CONFIG_SCHEMA_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let inside = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Extent::default(),
            Value::Array(items) => self.all(items.iter())?,
            Value::Object(members) => self.object(members)?,
        };
        self.depth -= 1;
        Ok(Extent { levels: inside.levels + 1, ..inside.and_cost(1) })
    }

    fn all(&mut self, values: impl Iterator<Item = &'a Value>) -> Result<Extent, String> {
        values.map(|value| self.value(value)).try_fold(Extent::default(), |sum, value| Ok(sum.and(value?)))
    }

    fn object(&mut self, members: &'a Map<String, Value>) -> Result<Extent, String> {
        let is_root = self.depth == 1 && self.path.is_empty();
        let may = |name: &str| is_root && NAMING_THE_ROOT.contains(&name);
        let naming = |name: &&&str| members.get(**name).is_some_and(Value::is_string) && !may(name);
        if let Some(name) = NAMING.iter().find(naming) {
            return Err(format!(
                "{name} is not followed; refer to a place by $ref and a JSON Pointer, as in #/$defs/a"
            ));
        }
        let mut extent = self.all(members.values())?;
        if let Some(Value::String(reference)) = members.get("$ref") {
            extent = extent.and(self.reference(reference)?);
        }
        if members.get("pattern").is_some_and(Value::is_string) {
            extent = extent.and_cost(PATTERN);
        }
        if let Some(Value::Object(patterns)) = members.get("patternProperties") {
            extent = extent.and_cost(PATTERN.saturating_mul(patterns.len() as u64));
        }
        // What these keywords look at has been checked already, and is checked by them again.
        let again = ["unevaluatedProperties", "unevaluatedItems"].iter().filter(|name| members.contains_key(**name));
        Ok(Extent { cost: extent.cost.saturating_mul(1 << again.count()), ..extent })
    }

    fn reference(&mut self, reference: &'a str) -> Result<Extent, String> {
        if let Some(extent) = self.counted.get(reference) {
            return Ok(*extent);
        }
        if self.path.contains(&reference) {
            return Err(format!("$ref {reference:?} leads back to itself"));
        }
        let target = reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer));
        let target = target.ok_or_else(|| {
            format!("$ref {reference:?} is no place in it; a reference is # and a JSON Pointer, as in #/$defs/a")
        })?;
        self.path.push(reference);
        let extent = self.value(target)?;
        self.path.pop();
        self.counted.insert(reference, extent);
        Ok(extent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Levels that each refer to the one below `times` times.
    fn levels(levels: usize, times: usize) -> Value {
        let mut all = json!({"d0": {"type": "object"}});
        for level in 1..levels {
            let below = json!({"$ref": format!("#/$defs/d{}", level - 1)});
            all[format!("d{level}")] = json!({"allOf": vec![below; times]});
        }
        json!({"$ref": format!("#/$defs/d{}", levels - 1), "$defs": all})
    }

    #[test]
    fn what_people_write_is_taken() {
        let day = json!({"enum": ["mon", "tue"]});
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:config", "type": "object", "additionalProperties": false,
            "$defs": {"day": day},
            "properties": {
                "at": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"}, "days": {"items": {"$ref": "#/$defs/day"}},
                "$anchor": {"type": "string"},
            },
        });
        assert_eq!(check(&schema), Ok(()));
    }

    #[test]
    fn what_takes_too_long_or_never_ends_is_refused() {
        for (schema, reason) in [
            (levels(12, 4), "would cost"),
            (levels(60, 1), "64 levels"),
            (json!({"$ref": "#"}), "leads back to itself"),
            (json!({"properties": {"a": {"$ref": "#/properties/a"}}}), "leads back to itself"),
            (json!({"$ref": "#/$defs/nothing"}), "is no place in it"),
            (json!({"$ref": "#name"}), "is no place in it"),
            (json!({"$ref": "http://127.0.0.1/schema"}), "is no place in it"),
            (json!({"$dynamicRef": "#a"}), "$dynamicRef is not followed"),
            (
                json!({"properties": {"a": {"$id": "urn:x", "$ref": "#/$defs/d"}}, "$defs": {"d": {}}}),
                "$id is not followed",
            ),
            (json!({"items": vec![json!({"pattern": "a"}); 100]}), "would cost"),
            (
                json!({"patternProperties": (0..100).map(|n| (n.to_string(), json!({}))).collect::<Map<_, _>>()}),
                "would cost",
            ),
            (
                (0..14).fold(json!({}), |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false})),
                "would cost",
            ),
            ((0..64).fold(json!({}), |inner, _| json!({"not": inner})), "64 levels"),
        ] {
            let found = check(&schema).expect_err(reason);
            assert!(found.contains(reason), "{found}");
        }
    }
}
