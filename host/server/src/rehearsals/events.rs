//! The events of a project: `events/NAME.json`, each with its golden effects beside it in `events/NAME.effects.json`.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// How a golden document's name ends, and how an event's does.
const GOLDEN: &str = ".effects.json";
const EVENT: &str = ".json";

/// How to begin.
pub const NO_EVENTS: &str = "there are no events; write one, such as published.json: \
                             {\"object\": {\"type\": \"Article\", \"name\": \"A title\", \"status\": \"published\"}}";

/// An event and its golden document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventFile {
    /// Its name, without an ending.
    pub name: String,
    /// The event; it may be missing where only the golden document is there.
    pub path: PathBuf,
    /// The golden document, which may be missing.
    pub golden: PathBuf,
}

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The folder, or a file in it, cannot be read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no event of this name.
    #[error("{}: there is no event {name}{}", .folder.display(), listed(.known))]
    Unknown {
        /// The folder of events.
        folder: PathBuf,
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) }
}

impl EventFile {
    fn new(folder: &Path, name: String) -> Self {
        let (path, golden) = (folder.join(format!("{name}{EVENT}")), folder.join(format!("{name}{GOLDEN}")));
        Self { name, path, golden }
    }
}

/// All events of a folder, by name; none where it is not there. A golden document without an event counts as one that is
/// missing: it would never be looked at.
pub fn all(folder: &Path) -> Result<Vec<EventFile>, EventsError> {
    let failed = |source| EventsError::File { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut names = BTreeSet::new();
    for entry in entries {
        let file = entry.map_err(failed)?.file_name();
        let Some(file) = file.to_str().filter(|file| !file.starts_with('.')) else { continue };
        names.extend(file.strip_suffix(GOLDEN).or_else(|| file.strip_suffix(EVENT)).map(str::to_owned));
    }
    Ok(names.into_iter().map(|name| EventFile::new(folder, name)).collect())
}

/// The event that somebody names: `urgent`, `urgent.json` or `events/urgent.json`.
pub fn named(folder: &Path, asked: &Path) -> Result<EventFile, EventsError> {
    let file = asked.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let name = file.strip_suffix(GOLDEN).or_else(|| file.strip_suffix(EVENT)).unwrap_or(file);
    let mut known = all(folder)?;
    match known.iter().position(|event| event.name == name) {
        Some(place) => Ok(known.swap_remove(place)),
        None => Err(EventsError::Unknown {
            folder: folder.to_owned(),
            name: name.to_owned(),
            known: known.into_iter().map(|event| event.name).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_golden_document_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        for file in ["b.json", "a.json", "a.effects.json", "lone.effects.json", ".c.json", "readme.md"] {
            fs::write(dir.path().join(file), "{}").expect("written");
        }
        let names: Vec<_> = all(dir.path()).expect("read").into_iter().map(|event| event.name).collect();
        assert_eq!(names, ["a", "b", "lone"]);
        for asked in ["a", "a.json", "events/a.json", "./events/a.effects.json"] {
            assert_eq!(named(dir.path(), Path::new(asked)).expect("found").golden, dir.path().join("a.effects.json"));
        }
        let unknown = named(dir.path(), Path::new("c")).expect_err("there is none").to_string();
        assert!(unknown.ends_with("there is no event c; there are a, b, lone"), "{unknown}");
        assert_eq!(all(&dir.path().join("none")).expect("read"), []);
    }
}
