//! What was acknowledged, and whether a data directory keeps it.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions},
    verify::verify,
    views::{self, Projector, views_path},
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    log::{Append, Draft},
    ports::LogReader as _,
    time::Timestamp,
};

/// Everything that was said to be durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Promises {
    /// Hashes of entries by `seq`, as text.
    entries: BTreeMap<u64, String>,
    erased: Vec<u64>,
    images: Vec<String>,
    modules: Vec<String>,
    /// Public keys by the actor's name, as text.
    keys: BTreeMap<String, String>,
    sessions: Vec<String>,
}

impl Promises {
    pub(crate) fn take(&mut self, line: &str) {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        match word().as_str() {
            "entry" => drop(self.entries.insert(word().parse().expect("a number"), word())),
            "erased" => self.erased.push(word().parse().expect("a number")),
            "image" => self.images.push(word()),
            "module" => self.modules.push(word()),
            "key" => drop(self.keys.insert(word(), word())),
            "session" => self.sessions.push(word()),
            "started" => {}
            other => panic!("nothing is said of {other}"),
        }
    }

    pub(crate) fn count(&self) -> usize {
        let files = self.images.len() + self.modules.len() + self.keys.len();
        self.entries.len() + self.erased.len() + files + self.sessions.len()
    }
}

impl<'a> FromIterator<&'a str> for Promises {
    fn from_iter<I: IntoIterator<Item = &'a str>>(lines: I) -> Self {
        let mut promises = Self::default();
        lines.into_iter().for_each(|line| promises.take(line));
        promises
    }
}

/// Opens the directory as a host does at its start, and looks whether everything promised is there, the chain is whole,
/// the views say what the log says, and the log goes on.
pub(crate) fn check(dir: &Path, promises: &Promises) -> Result<(), String> {
    let opened = DataDir::open(dir, &DataDirOptions::default()).map_err(named("opening"))?;
    let reader = opened.reader().map_err(named("reading"))?;
    drop(Projector::open(&views_path(dir), &reader).map_err(named("views"))?);
    verify(dir, |_| {}).map_err(named("verify"))?;
    views::check(dir).map_err(named("views"))?;

    let mut entries = BTreeMap::new();
    for entry in reader.read(1, usize::MAX).map_err(named("reading"))? {
        entries.insert(entry.header.seq, (entry.hash.to_string(), entry.body.is_some()));
    }
    for (seq, hash) in &promises.entries {
        match entries.get(seq) {
            Some((found, _)) if found == hash => {}
            found => return Err(format!("entry {seq} was acknowledged with hash {hash}; the log has {found:?}")),
        }
    }
    if let Some(seq) = promises.erased.iter().find(|seq| entries[*seq].1) {
        return Err(format!("entry {seq} was erased, and its body is there"));
    }
    check_files(&opened, promises)?;
    go_on(opened)
}

fn check_files(opened: &DataDir, promises: &Promises) -> Result<(), String> {
    for image in &promises.images {
        let found = opened.media.get(image.parse().expect("a digest")).map_err(named("image"))?;
        found.ok_or_else(|| format!("image {image} is lost"))?;
    }
    for module in &promises.modules {
        let found = opened.modules.get(module.parse().expect("a digest")).map_err(named("module"))?;
        found.ok_or_else(|| format!("module {module} is lost"))?;
    }
    for (name, public) in &promises.keys {
        let found = opened.keys.actor(&name.parse().expect("a name"), 1).map_err(named("key"))?;
        if data_encoding::HEXLOWER.encode(found.verifying_key().as_bytes()) != *public {
            return Err(format!("the key of {name} is lost"));
        }
    }
    for id in &promises.sessions {
        let found = opened.accounts.load_session(id, Timestamp::default()).map_err(named("session"))?;
        found.ok_or_else(|| format!("session {id} is lost"))?;
    }
    Ok(())
}

/// Appends one more entry.
fn go_on(opened: DataDir) -> Result<(), String> {
    let DataDir { lock, log, head, signer, .. } = opened;
    let writer = Writer::start(log, WriterOptions { signer: Some(signer), ..WriterOptions::default() });
    let writer = writer.map_err(named("writing"))?;
    let draft = Draft {
        stream: rosehip_core::log::Stream("after".into()),
        time: Timestamp::default(),
        kind: "test.happened".into(),
        dedup: None,
        body: (*b"{}").into(),
        event: None,
    };
    let (said, answer) = std::sync::mpsc::channel();
    writer.append_with(Append::unconditional(vec![draft]), Box::new(move |answer| drop(said.send(answer))));
    let appended = answer.recv().map_err(named("writing"))?.map_err(named("writing"))?;
    writer.stop();
    drop(lock);
    if appended.last == head.seq + 1 { Ok(()) } else { Err(format!("{appended:?} follows {head:?}")) }
}

fn named<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
