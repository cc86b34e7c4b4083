//! Reading an author's file member by member, so that what is wrong is named by its place.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is wrong with an event file or a golden document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidFile {
    /// The member, as a JSON Pointer without its first slash; `the file`, where it is no single one.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl InvalidFile {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The members of one object of the file that were not read yet.
#[derive(Debug)]
pub(super) struct Members {
    at: String,
    left: Map<String, Value>,
}

impl Members {
    /// The members of the file itself.
    pub(super) fn of_file(members: Map<String, Value>) -> Self {
        Self { at: String::new(), left: members }
    }

    /// The place of a member.
    pub(super) fn place(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}/{name}", self.at) }
    }

    /// Takes a member, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    /// Takes a member that is of a type, if it is there.
    pub(super) fn read<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, InvalidFile> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = serde_json::from_value(value).map(Some);
        read.map_err(|error| InvalidFile::new(self.place(name), error.to_string()))
    }

    /// Takes a member that has to be there.
    pub(super) fn require<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, InvalidFile> {
        let read = self.read(name)?;
        read.ok_or_else(|| InvalidFile::new(self.place(name), "is missing"))
    }

    /// Takes the members of an object within, if it is there.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, InvalidFile> {
        let at = self.place(name);
        self.take(name).map(|value| Self::of(at, value)).transpose()
    }

    /// The members of an object that stands at a place.
    pub(super) fn of(at: String, value: Value) -> Result<Self, InvalidFile> {
        match value {
            Value::Object(left) => Ok(Self { at, left }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(InvalidFile::new(at, "is not an object"))
            }
        }
    }

    /// All that is left, each with its place.
    pub(super) fn rest(self) -> Vec<(String, String, Value)> {
        let Self { at, left } = self;
        left.into_iter().map(|(name, value)| (format!("{at}/{name}"), name, value)).collect()
    }

    /// Refuses what nothing has taken.
    pub(super) fn end(self, known: &str) -> Result<(), InvalidFile> {
        match self.left.keys().next() {
            Some(name) => Err(InvalidFile::new(self.place(name), format!("is no member here; those are {known}"))),
            None => Ok(()),
        }
    }
}
