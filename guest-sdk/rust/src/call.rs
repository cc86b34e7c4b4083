//! What a node is given.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{DOCUMENT_VERSION, Failure};

/// What a node is given: everything it may depend on.
///
/// The parts whose shape is the author's or Activity Streams' stay text until they are asked for as a type, so that a
/// node pays for what it reads. Fields that this crate does not know are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct Call<'a> {
    /// The version of the document, 1.
    pub v: u32,
    /// The id of the flow.
    #[serde(borrow)]
    pub flow: Cow<'a, str>,
    /// The name the behavior is installed under.
    #[serde(borrow)]
    pub behavior: Cow<'a, str>,
    /// The node to run.
    #[serde(borrow)]
    pub node: Cow<'a, str>,
    /// The attempt at this node (or item), from 1.
    pub attempt: u32,
    /// The position of the item in its list, from 0, in a node of kind `each`.
    #[serde(default)]
    pub item_index: Option<u64>,
    /// The time of the entry that made the node ready, RFC 3339 UTC with milliseconds.
    #[serde(borrow)]
    pub now: Cow<'a, str>,
    /// The object as it stood at that entry, or `None` where it is gone.
    #[serde(borrow, default)]
    pub current: Option<Current<'a>>,
    /// What the nodes before this one came to, by node id.
    #[serde(borrow, default)]
    pub input: BTreeMap<Cow<'a, str>, NodeInput<'a>>,
    #[serde(borrow, default = "null")]
    activity: &'a RawValue,
    #[serde(borrow, default = "null")]
    object: &'a RawValue,
    #[serde(borrow, default = "null")]
    item: &'a RawValue,
    #[serde(borrow, default = "null")]
    config: &'a RawValue,
}

impl<'a> Call<'a> {
    /// Reads a Call document. A document of another version, or that is none, is a fatal failure.
    pub fn parse(document: &'a str) -> Result<Self, Failure> {
        let call: Self = read("the call", document)?;
        if call.v != DOCUMENT_VERSION {
            return Err(Failure::fatal(format!(
                "the call is of version {}, this behavior reads version {DOCUMENT_VERSION}",
                call.v
            )));
        }
        Ok(call)
    }

    /// The activity that started the flow, whose `object` is an id.
    pub fn activity<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        read("activity", self.activity.get())
    }

    /// The object that the activity is about, such as an [`Article`](crate::Article), as the activity left it.
    pub fn object<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        read("object", self.object.get())
    }

    /// The operator's config.
    pub fn config<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        read("config", self.config.get())
    }

    /// The item of a node of kind `each`.
    pub fn item<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        read("item", self.item.get())
    }

    /// What a node before this one returned. A node that has not run, or returned nothing, reads as `null`.
    pub fn output<T: Deserialize<'a>>(&self, node: &str) -> Result<T, Failure> {
        let output = self.input.get(node).map_or("null", |input| input.output.get());
        read(&format!("output of {node}"), output)
    }

    /// The branch that a node before this one took.
    pub fn branch(&self, node: &str) -> Option<&str> {
        self.input.get(node)?.branch.as_deref()
    }
}

/// What a node before this one came to.
#[derive(Debug, Clone, Deserialize)]
pub struct NodeInput<'a> {
    #[serde(borrow, default = "null")]
    output: &'a RawValue,
    /// The branch it took, if it has any.
    #[serde(borrow, default)]
    pub branch: Option<Cow<'a, str>>,
    /// The effects it asked for, and how far they are. Only a node with `await_effects` has them all at an end.
    #[serde(borrow, default)]
    pub effects: Vec<EffectStatus<'a>>,
}

/// How far an effect of a node before this one is.
#[derive(Debug, Clone, Deserialize)]
pub struct EffectStatus<'a> {
    /// The id of the effect.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// Its kind.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Its status, such as `recorded`, `dispatched` or `dead`.
    #[serde(borrow)]
    pub status: Cow<'a, str>,
    #[serde(borrow, default = "null")]
    receipt: &'a RawValue,
}

impl<'a> EffectStatus<'a> {
    /// How its dispatch ended: what its sink reported, or `null`.
    pub fn receipt<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        read("receipt", self.receipt.get())
    }
}

/// The object as it stood when the node became ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Current<'a> {
    /// Its revision.
    pub revision: u64,
    /// Its status, such as `published`; empty for a type without one.
    #[serde(borrow, default, deserialize_with = "text_or_null")]
    pub status: Cow<'a, str>,
}

/// What a wait outputs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WaitOutput {
    /// The time that was waited for, RFC 3339.
    pub at: String,
    /// What ended the wait: `timer`, `signal` or `timeout`.
    pub by: String,
    /// What came with the signal.
    #[serde(default)]
    pub payload: serde_json::Value,
}

fn null() -> &'static RawValue {
    RawValue::NULL
}

fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    Ok(Option::<Cow<'de, str>>::deserialize(deserializer)?.unwrap_or_default())
}

fn read<'a, T: Deserialize<'a>>(what: &str, text: &'a str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::fatal(format!("{what} does not read: {error}")))
}
