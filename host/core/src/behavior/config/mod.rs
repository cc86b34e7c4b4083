//! The operator's config of a behavior, held to the schema its manifest declares.

mod cost;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use super::ManifestError;
use crate::limits::CONFIG_SCHEMA_REGEX_BYTES;

/// A compiled `config_schema`, or none.
#[derive(Debug, Default)]
pub struct ConfigSchema {
    compiled: Option<Validator>,
    defaults: Map<String, Value>,
}

/// A config that breaks its schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("config{pointer}: {message}")]
pub struct InvalidConfig {
    /// JSON Pointer to what is wrong.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl ConfigSchema {
    /// Compiles a manifest's `config_schema`. References leave the document nowhere.
    pub(super) fn check(schema: Option<&Value>) -> Result<Self, ManifestError> {
        let Some(schema) = schema else { return Ok(Self::default()) };
        let refuse = |message: String| ManifestError::new("config-schema", format!("config_schema: {message}"));
        if !schema.is_object() {
            return Err(refuse("it is not an object".to_owned()));
        }
        cost::check(schema).map_err(refuse)?;
        // One draft, so that no keyword of an older one gives a place another name. An engine without backtracking: matching takes time linear in the text.
        let patterns = PatternOptions::regex().size_limit(CONFIG_SCHEMA_REGEX_BYTES);
        let compiled =
            jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns).build(schema);
        let compiled = compiled.map_err(|error| refuse(error.to_string()))?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let defaults = properties.into_iter().flatten().filter_map(|(name, property)| {
            let default = property.get("default")?;
            Some((name.clone(), default.clone()))
        });
        Ok(Self { defaults: defaults.collect(), compiled: Some(compiled) })
    }

    /// The config a flow sees: what the operator gave, completed by the schema's `default`s of top-level members.
    pub fn complete(&self, given: &Map<String, Value>) -> Result<Map<String, Value>, InvalidConfig> {
        let mut config = self.defaults.clone();
        config.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        let Some(schema) = &self.compiled else { return Ok(config) };
        let config = Value::Object(config);
        schema.validate(&config).map_err(|error| InvalidConfig {
            pointer: error.instance_path().to_string(),
            message: error.to_string().chars().take(300).collect(),
        })?;
        let Value::Object(config) = config else { unreachable!("it was made from a map above") };
        Ok(config)
    }
}
