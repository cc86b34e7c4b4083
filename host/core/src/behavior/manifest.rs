//! The Manifest document (DESIGN §4 and §4a) and the checks it passes at install.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Capability, ConfigSchema, Dag, Trigger, TriggerDocument, needs};
use crate::{
    ids::BehaviorName,
    json,
    limits::{FILTER_PATTERNS, MANIFEST_BREACHES, MANIFEST_TEXT_CHARS, MANIFEST_TRIGGERS},
};

/// What `describe` returns. Members that are not named here are refused; a new one raises `v`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document: 1.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// The behavior's name, `[a-z][a-z0-9-]{0,62}`; the operator may install it under another.
    #[schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,62}$"))]
    pub name: String,
    /// Its version (Semantic Versioning 2.0.0).
    pub version: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What starts it.
    pub triggers: Vec<TriggerDocument>,
    /// The steps.
    pub nodes: Vec<NodeDocument>,
    /// What follows what.
    #[serde(default)]
    pub edges: Vec<EdgeDocument>,
    /// The kinds of effect it may emit.
    #[serde(default)]
    pub effects: Vec<String>,
    /// JSON Schema of the operator's config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
}

/// A step of the DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeDocument {
    /// Its id, `[a-z][a-z0-9-]{0,62}`.
    #[schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,62}$"))]
    pub id: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `step`, `wait` or `each`.
    #[schemars(extend("enum" = ["step", "wait", "each"]))]
    pub kind: String,
    /// The branches a `step` may take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<String>,
    /// What a `wait` waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitDocument>,
    /// JSON Pointer (RFC 6901) into the Call to the list of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// How often and after what delays a `retry` failure is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryDocument>,
    /// How long a call may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether the flow suspends until this node's effects have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub await_effects: Option<bool>,
}

/// What a `wait` waits for: exactly one of `for`, `until` and `signal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitDocument {
    /// An ISO 8601 duration.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "for")]
    pub duration: Option<String>,
    /// JSON Pointer into the Call to an RFC 3339 time or a schedule `{at, days?, tz}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The name of a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// How long to wait for the signal at most, an ISO 8601 duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// A node's own retry policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryDocument {
    /// Calls after the first, at most 20.
    pub max: u32,
    /// Delays before them, ISO 8601 durations; the last one repeats.
    pub backoff: Vec<String>,
}

/// An edge of the DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EdgeDocument {
    /// The node before.
    pub from: String,
    /// The node after.
    pub to: String,
    /// The branch of `from` on which it is taken; always, where it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// The places of a manifest where an object stands, if anything does.
const OBJECTS: &[&str] =
    &["", "/triggers/*", "/triggers/*/transition", "/nodes/*", "/nodes/*/wait", "/nodes/*/retry", "/edges/*"];

/// Why a manifest was refused: a breach of a rule, and what else is wrong as far as that can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}{}", in_words(.more))]
pub struct ManifestError {
    /// Where it is wrong: a JSON Pointer into the manifest without its first slash; empty where it is the whole.
    pub place: String,
    /// The rule's stable name.
    pub rule: &'static str,
    /// What is wrong, naming the node, edge or member.
    pub message: String,
    /// Further breaches, at most [`MANIFEST_BREACHES`] in all. They have none themselves.
    pub more: Vec<Self>,
}

fn in_words(more: &[ManifestError]) -> String {
    more.iter().map(|error| format!("; {error}")).collect::<Vec<_>>().concat()
}

impl ManifestError {
    pub(super) fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { place: String::new(), rule, message: message.into(), more: Vec::new() }
    }

    /// The same at a place, unless it has one.
    pub(super) fn at(self, place: impl Into<String>) -> Self {
        if self.place.is_empty() { Self { place: place.into(), ..self } } else { self }
    }

    /// All of these as one; none of them is none.
    pub(super) fn all(errors: Vec<Self>) -> Result<(), Self> {
        let apart = |error: Self| std::iter::once(Self { more: Vec::new(), ..error.clone() }).chain(error.more);
        let mut errors = errors.into_iter().flat_map(apart);
        let Some(first) = errors.next() else { return Ok(()) };
        Err(Self { more: errors.take(MANIFEST_BREACHES - 1).collect(), ..first })
    }

    /// Each breach, the first one first.
    pub fn breaches(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.more)
    }
}

/// What a part of a manifest is; where it breaks a rule, that is kept for later and the check goes on.
pub(super) fn kept<T>(
    errors: &mut Vec<ManifestError>,
    place: impl Into<String>,
    checked: Result<T, ManifestError>,
) -> Option<T> {
    checked.map_err(|error| errors.push(error.at(place))).ok()
}

/// A manifest that passed every check, ready to match and to run.
#[derive(Debug)]
pub struct Behavior {
    /// The document.
    pub manifest: Manifest,
    /// The name it gives itself.
    pub name: BehaviorName,
    /// Its version.
    pub version: Version,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Its steps. Flows share it.
    pub dag: Arc<Dag>,
    /// The kinds of effect it may emit.
    pub effects: BTreeSet<String>,
    /// What its config must look like.
    pub config: ConfigSchema,
    /// What a runner must be capable of.
    pub needs: BTreeSet<Capability>,
}

impl Behavior {
    /// Reads and checks what `describe` returned.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let document = json::parse(text.as_bytes()).map_err(|error| ManifestError::new(error.rule, error.message))?;
        if let Some(place) = json::not_an_object(&document, OBJECTS) {
            return Err(ManifestError::new("manifest-schema", format!("{place} is not an object")));
        }
        let manifest: Manifest = serde_json::from_value(document)
            .map_err(|error| ManifestError::new("manifest-schema", error.to_string()))?;
        Self::check(manifest)
    }

    /// Checks a manifest.
    pub fn check(manifest: Manifest) -> Result<Self, ManifestError> {
        if manifest.v != 1 {
            return Err(ManifestError::new("manifest-version", format!("v is {}, this host reads 1", manifest.v)));
        }
        let mut errors = Vec::new();
        let name = manifest.name.parse::<BehaviorName>();
        let name = name.map_err(|error| ManifestError::new("behavior-name", format!("name: {error}")));
        let name = kept(&mut errors, "name", name);
        let version = Version::parse(&manifest.version).map_err(|error| {
            ManifestError::new("behavior-version", format!("version {:?}: {error}", manifest.version))
        });
        let version = kept(&mut errors, "version", version);
        let description = manifest.description.as_deref().map_or(Ok(()), |text| short("description", text));
        kept(&mut errors, "description", description);
        let triggers = kept(&mut errors, "triggers", check_triggers(&manifest.triggers));
        let dag = kept(&mut errors, "nodes", Dag::check(&manifest.nodes, &manifest.edges));
        let effects = kept(&mut errors, "effects", check_kinds(&manifest.effects));
        let config = kept(&mut errors, "config_schema", ConfigSchema::check(manifest.config_schema.as_ref()));
        ManifestError::all(errors)?;
        match (name, version, triggers, dag, effects, config) {
            (Some(name), Some(version), Some(triggers), Some(dag), Some(effects), Some(config)) => {
                let needs = needs(&dag);
                Ok(Self { name, version, triggers, dag: Arc::new(dag), effects, config, needs, manifest })
            }
            _ => unreachable!("a part that is not there has left an error"),
        }
    }
}

/// Holds a text for people to its length.
pub(super) fn short(what: &str, text: &str) -> Result<(), ManifestError> {
    if text.chars().count() > MANIFEST_TEXT_CHARS {
        return Err(ManifestError::new("text-too-long", format!("{what} is over {MANIFEST_TEXT_CHARS} characters")));
    }
    Ok(())
}

/// Checks the triggers one after the other, so that no more than is allowed is ever compiled.
fn check_triggers(documents: &[TriggerDocument]) -> Result<Vec<Trigger>, ManifestError> {
    if documents.is_empty() {
        return Err(ManifestError::new("no-trigger", "triggers is empty: nothing could ever start it"));
    }
    if documents.len() > MANIFEST_TRIGGERS {
        return Err(ManifestError::new("too-many-triggers", format!("at most {MANIFEST_TRIGGERS}")));
    }
    let mut triggers = Vec::with_capacity(documents.len());
    let mut errors = Vec::new();
    let mut patterns = 0;
    for (index, document) in documents.iter().enumerate() {
        let place = format!("triggers/{index}");
        let Some(trigger) = kept(&mut errors, place.as_str(), Trigger::check(index, document)) else { continue };
        patterns += trigger.patterns();
        if patterns > FILTER_PATTERNS {
            let message = format!("{place}/filter: pattern: over {FILTER_PATTERNS} patterns in all filters");
            errors.push(ManifestError::new("filter", message).at(place));
            break;
        }
        triggers.push(trigger);
    }
    ManifestError::all(errors)?;
    Ok(triggers)
}

fn check_kinds(kinds: &[String]) -> Result<BTreeSet<String>, ManifestError> {
    let mut known = BTreeSet::new();
    for kind in kinds {
        let is_name = kind.parse::<BehaviorName>().is_ok();
        if !is_name {
            return Err(ManifestError::new("effect-kind", format!("effects: {kind:?} is not [a-z][a-z0-9-]{{0,62}}")));
        }
        if !known.insert(kind.clone()) {
            return Err(ManifestError::new("duplicate-effect-kind", format!("effects names {kind:?} twice")));
        }
    }
    Ok(known)
}
