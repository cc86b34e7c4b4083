//! One event, rehearsed and held against its golden document.

use std::{fs, io, path::Path};

use rosehip_core::{
    event::NodeError,
    guest::{GuestLogLevel, GuestLogLine},
    ids::NodeId,
    rehearsal::{AuthorEvent, Golden, GoldenEffect, GoldenFailure, Mismatch, Rehearsal},
};
use serde::Serialize;

use super::{Checked, EventFile, Stage};

/// What came of an event.
#[derive(Debug, Clone, Serialize)]
pub struct EventReport {
    /// Its name.
    pub event: String,
    /// Whether all is as the golden document has it.
    pub ok: bool,
    /// How it differs.
    pub differences: Vec<Mismatch>,
    /// The effects, in order.
    pub effects: Vec<GoldenEffect>,
    /// How the flow failed, in all its words; null where it did not.
    pub failed: Option<GoldenFailure>,
    /// What the guest logged.
    pub log: Vec<Line>,
    /// Whether a trigger matches.
    pub matched: bool,
    /// The nodes that were reached, in order.
    pub nodes: Vec<NodeId>,
    /// Why it was not rehearsed or could not be held against anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What became of the golden document.
    pub golden: GoldenFile,
}

/// A line that the guest logged.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The node whose call it is.
    pub node: NodeId,
    /// How much it matters.
    pub level: GuestLogLevel,
    /// The text.
    pub message: String,
}

/// What became of a golden document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GoldenFile {
    /// It was read, or nothing came of reading it.
    Kept,
    /// It was written, for it was missing or differed.
    Written,
}

impl EventReport {
    /// Rehearses an event. `update` writes the golden document where it is missing or differs; of a flow that fails only
    /// where the document declares that it does.
    pub fn of(stage: &Stage, module: &Checked, file: &EventFile, update: bool) -> Self {
        let mut report = Self {
            event: file.name.clone(),
            ok: false,
            differences: Vec::new(),
            effects: Vec::new(),
            failed: None,
            log: Vec::new(),
            matched: false,
            nodes: Vec::new(),
            error: None,
            golden: GoldenFile::Kept,
        };
        let held = rehearse(stage, module, &file.path).and_then(|rehearsal| {
            report.take(&rehearsal);
            report.hold_against(&rehearsal, &file.golden, update)
        });
        report.error = held.err();
        let is_written = report.golden == GoldenFile::Written;
        report.ok = report.error.is_none() && (report.differences.is_empty() || is_written);
        report
    }

    fn take(&mut self, rehearsal: &Rehearsal) {
        let Rehearsal::Walked(walked) = rehearsal else { return };
        self.matched = true;
        self.effects.clone_from(&walked.effects);
        self.failed.clone_from(&walked.failed);
        for node in &walked.nodes {
            self.nodes.push(node.node.clone());
            let lines = node.log.iter().map(|GuestLogLine { level, message }| Line {
                node: node.node.clone(),
                level: *level,
                message: message.clone(),
            });
            self.log.extend(lines);
            let retried = node.retried.iter().map(|NodeError { rule, message }| Line {
                node: node.node.clone(),
                level: GuestLogLevel::Warn,
                message: format!("called again after {rule}: {message}"),
            });
            self.log.extend(retried);
        }
    }

    fn hold_against(&mut self, rehearsal: &Rehearsal, path: &Path, update: bool) -> Result<(), String> {
        let golden = match fs::read(path) {
            Ok(text) => Some(Golden::read(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(format!("{}: {error}", shown(path))),
        };
        let undeclared =
            self.failed.as_ref().filter(|failed| !matches!(&golden, Some(Ok(golden)) if golden.declares(failed)));
        match golden {
            Some(Ok(golden)) => {
                self.differences = golden.mismatches(rehearsal);
                if self.differences.is_empty() || !update {
                    return Ok(());
                }
            }
            _ if update => {}
            Some(Err(error)) => return Err(format!("{}: {error}", shown(path))),
            None => {
                return Err(format!("{}: there is none; `rosehip test --update` writes it", shown(path)));
            }
        }
        if let Some(failed) = undeclared {
            let declaration = failed.declaration();
            return Err(format!(
                "{}: not written: mend the step, or declare there that it fails: {declaration}",
                shown(path)
            ));
        }
        fs::write(path, rehearsal.golden().write()).map_err(|error| format!("{}: {error}", shown(path)))?;
        self.golden = GoldenFile::Written;
        Ok(())
    }
}

fn rehearse(stage: &Stage, module: &Checked, path: &Path) -> Result<Rehearsal, String> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(format!("{}: there is none, only its golden effects", shown(path)));
        }
        Err(error) => return Err(format!("{}: {error}", shown(path))),
    };
    let event = AuthorEvent::read(&text).map_err(|error| format!("{}: {error}", shown(path)))?;
    stage.rehearse(module, &event).map_err(|error| format!("{}: {error}", shown(path)))
}

/// A file as people look for it: `events/urgent.json`.
fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    format!("{folder}/{name}")
}
