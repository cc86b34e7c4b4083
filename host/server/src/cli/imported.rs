//! Flows of other hosts, to be looked at: `rosehip flows export`, and what `rosehip flows import` keeps in
//! `DIR/imported/`.
//!
//! What is imported is never part of the log, of the views or of anything that runs. It is read, checked and folded each
//! time it is shown.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use rosehip_core::{
    activity::Activity,
    behavior::Registry,
    event::{Event, Record},
    flow::FlowState,
    ids::{Digest, FlowId},
    limits::IMPORT_BYTES,
    log::{ExportedEntry, StoredEntry},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    exit::{Failure, unread},
    output::{print, say},
    wire,
};
use crate::{
    client::{Client, Request},
    host::{FlowDetail, runner_name, with_body},
    http::flow_document,
    words::counted,
};

/// The folder within a data directory.
const FOLDER: &str = "imported";
/// Flows of a page that an export asks for.
const PAGE: u32 = 200;

/// Writes the entries of one flow, or of all that a list holds, to stdout: one a line, none twice.
pub(super) async fn export(client: &Client, flow: Option<String>, list: Request) -> anyhow::Result<()> {
    let mut written = HashSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let (ids, next) = if let Some(flow) = &flow {
            (vec![flow.clone()], None)
        } else {
            let page: Value = client.json(list.clone().query("limit", Some(PAGE)).query("cursor", cursor)).await?;
            let ids = wire::list(&page, "flows").iter().map(|flow| wire::text(flow, "id")).collect();
            (ids, Some(wire::text(&page, "next")).filter(|next| !next.is_empty()))
        };
        for id in ids {
            let answer = client.send(Request::get(&["flows", &id, "export"])).await?;
            for line in answer.text().lines() {
                let entry: ExportedEntry = serde_json::from_str(line).context("the host's answer cannot be read")?;
                if written.insert(entry.seq) {
                    print(&format!("{line}\n"))?;
                }
            }
        }
        cursor = next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Checks a file, or stdin for `-`, and keeps it beside the log.
pub(super) fn import(data: &Path, file: &Path) -> anyhow::Result<()> {
    let origin = file.display().to_string();
    let source = Source::of(file).with_context(|| origin.clone())?;
    let imported = Imported::read(source.lines().with_context(|| origin.clone())?, &origin)?;
    let flows = imported.flows()?.len();
    if flows == 0 {
        return Err(Failure::mismatch(format!("{origin}: it holds no flow")).into());
    }
    let folder = data.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("{}.ndjson", imported.digest().short()));
    source.copy_to(&path).with_context(|| path.display().to_string())?;
    say(&format!("{}, whose hashes fit: {}", counted(flows as u64, "flow", "flows"), path.display()));
    Ok(())
}

/// Where entries are imported from.
enum Source {
    /// A file, which is read line by line.
    File(PathBuf),
    /// What can be read only once, such as stdin.
    Read(Vec<u8>),
}

impl Source {
    /// Refuses what is longer than an import may be, before more of it is read.
    fn of(file: &Path) -> anyhow::Result<Self> {
        let is_stdin = file == Path::new("-");
        let opened = if is_stdin { None } else { Some(File::open(file).map_err(unread)?) };
        let metadata = opened.as_ref().map(File::metadata).transpose()?;
        if let Some(metadata) = metadata.filter(fs::Metadata::is_file) {
            return if metadata.len() > IMPORT_BYTES { Err(too_long()) } else { Ok(Self::File(file.to_owned())) };
        }
        let mut bytes = Vec::new();
        match opened {
            Some(stream) => stream.take(IMPORT_BYTES + 1).read_to_end(&mut bytes)?,
            None => io::stdin().lock().take(IMPORT_BYTES + 1).read_to_end(&mut bytes)?,
        };
        if bytes.len() as u64 > IMPORT_BYTES { Err(too_long()) } else { Ok(Self::Read(bytes)) }
    }

    fn lines(&self) -> io::Result<Box<dyn BufRead + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(BufReader::new(File::open(path)?)),
            Self::Read(bytes) => Box::new(bytes.as_slice()),
        })
    }

    /// What is copied is checked each time it is shown: the file may have been changed since.
    fn copy_to(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::File(file) => fs::copy(file, path).map(drop),
            Self::Read(bytes) => fs::write(path, bytes),
        }
    }
}

fn too_long() -> anyhow::Error {
    anyhow!("longer than {} MiB, which an import may have; export fewer flows at a time", IMPORT_BYTES >> 20)
}

/// The list items of all imported flows, as `GET /flows` tells them.
pub(super) fn list(data: &Path) -> anyhow::Result<Value> {
    let flows: Vec<_> = all(data)?.into_iter().map(|flow| flow.state.summary).collect();
    Ok(json!({"flows": flows, "next": null}))
}

/// One imported flow, as `GET /flows/{id}` tells it.
pub(super) fn show(data: &Path, id: &str) -> anyhow::Result<Value> {
    let mut found = all(data)?.into_iter().filter(|flow| flow.state.id().to_string().starts_with(id));
    let flow = found.next().filter(|_| id.len() >= 6);
    let flow = flow.ok_or_else(|| Failure::not_found(format!("no imported flow {id}")))?;
    let mut document = flow_document(&flow)?;
    document["imported"] = true.into();
    Ok(document)
}

fn all(data: &Path) -> anyhow::Result<Vec<FlowDetail>> {
    let mut flows: BTreeMap<FlowId, FlowDetail> = BTreeMap::new();
    for path in files(data)? {
        let origin = path.display().to_string();
        let file = File::open(&path).with_context(|| origin.clone())?;
        for flow in Imported::read(BufReader::new(file), &origin)?.flows()? {
            flows.insert(flow.state.id(), flow);
        }
    }
    let mut flows: Vec<_> = flows.into_values().collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.state.summary.started_at));
    Ok(flows)
}

fn files(data: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = data.join(FOLDER);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    paths.sort();
    Ok(paths)
}

/// The entries of one file, by their place in the log they come from.
struct Imported {
    entries: BTreeMap<u64, StoredEntry>,
    origin: String,
}

impl Imported {
    /// Reads a file and checks every entry's hashes.
    fn read(lines: impl BufRead, origin: &str) -> anyhow::Result<Self> {
        let mut entries = BTreeMap::new();
        for (number, line) in lines.lines().enumerate() {
            let line = line.with_context(|| origin.to_owned())?;
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |error: &dyn std::fmt::Display| Failure::mismatch(format!("{origin}:{}: {error}", number + 1));
            let exported: ExportedEntry = serde_json::from_str(&line).map_err(|error| wrong(&error))?;
            let entry = exported.check().map_err(|error| wrong(&error))?;
            entries.insert(entry.header.seq, entry);
        }
        Ok(Self { entries, origin: origin.to_owned() })
    }

    /// What names the entries: the same, imported again, are kept once.
    fn digest(&self) -> Digest {
        let hashes: Vec<u8> = self.entries.values().flat_map(|entry| entry.hash.0).collect();
        Digest::of(&hashes)
    }

    /// The flows that the entries make.
    fn flows(&self) -> anyhow::Result<Vec<FlowDetail>> {
        let mut registry = Registry::default();
        for entry in self.entries.values().filter(|entry| entry.header.kind.starts_with("behavior.")) {
            registry.apply(&Record::read(entry)?)?;
        }
        let mut flows = Vec::new();
        for entry in self.entries.values().filter(|entry| &*entry.header.kind == "flow.started") {
            flows.push(self.flow(entry, &registry)?);
        }
        Ok(flows)
    }

    fn flow(&self, first: &StoredEntry, registry: &Registry) -> anyhow::Result<FlowDetail> {
        let lacks = |what: &str| Failure::mismatch(format!("{}: {what} is missing", self.origin));
        let record = Record::read(first)?;
        let Some(Event::FlowStarted(started)) = record.event.as_deref() else {
            return Err(lacks(&format!("the body of entry {}", record.seq)).into());
        };
        let module = registry.module(started.digest).ok_or_else(|| lacks(&format!("module {}", started.digest)))?;
        let (queued_at, activity) = self.activity(started.activity_seq)?;
        let mut state = FlowState::begin(record.seq, record.time, std::sync::Arc::clone(started), module.dag.clone());
        let mut records = Vec::new();
        for entry in self.entries.values().filter(|entry| entry.header.stream == first.header.stream) {
            let (record, body) = with_body(entry)?;
            if let Some(event) = record.event.as_deref().filter(|_| record.seq > first.header.seq) {
                state.apply(record.seq, record.time, event)?;
            }
            records.push((record, body));
        }
        let needs = module.needs.clone();
        let runner = runner_name(&needs);
        let needs = needs.into_iter().collect();
        Ok(FlowDetail {
            state,
            activity,
            queued_at,
            records,
            runs: Vec::new(),
            children: Vec::new(),
            more_children: false,
            needs,
            runner,
            spreads: Vec::new(),
        })
    }

    /// An activity, and when it was recorded.
    fn activity(&self, seq: u64) -> anyhow::Result<(Timestamp, Activity)> {
        let record = self.entries.get(&seq).map(Record::read).transpose()?;
        match record.as_ref().and_then(|record| Some((record.time, record.event.as_deref()?))) {
            Some((time, Event::ActivityAppended(appended))) => Ok((time, Activity::clone(&appended.activity))),
            _ => Err(Failure::mismatch(format!("{}: activity {seq} is missing", self.origin)).into()),
        }
    }
}
