//! What changes in a project's folders.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc, time::SystemTime};

use rosehip_adapters::source_watch::SourceWatch;
use tokio::sync::Notify;

use crate::project::{Project, Source};

/// A watch of the folders that hold sources or events.
#[derive(Debug)]
pub(super) struct Watching {
    watch: SourceWatch,
}

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    newest: Option<Source>,
    /// The events and their golden documents, as they were changed last.
    events: BTreeMap<PathBuf, (SystemTime, u64)>,
}

/// What is different from the look before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changes {
    /// Whether sources were changed.
    pub(super) sources: bool,
    /// Whether events or golden documents were.
    pub(super) events: bool,
}

impl Watching {
    pub(super) fn new(wake: &Arc<Notify>) -> anyhow::Result<Self> {
        Ok(Self { watch: SourceWatch::new(wake)? })
    }

    /// Looks at what is there, and sees to it that what changes from now on is told.
    pub(super) fn look(&mut self, project: &Project) -> anyhow::Result<Seen> {
        let mut sources = project.sources()?;
        sources.folders.insert(project.events());
        self.watch.follow(&sources.folders)?;
        Ok(Seen { newest: sources.newest, events: events(project)? })
    }
}

impl Seen {
    pub(super) fn since(&self, before: &Self) -> Changes {
        Changes { sources: self.newest != before.newest, events: self.events != before.events }
    }
}

fn events(project: &Project) -> anyhow::Result<BTreeMap<PathBuf, (SystemTime, u64)>> {
    let entries = match fs::read_dir(project.events()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut events = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        // What is gone again is not there.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            events.insert(path, (metadata.modified()?, metadata.len()));
        }
    }
    Ok(events)
}
