//! `rosehip test`: a project's events, rehearsed and held against their golden effects.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use rosehip_core::{ids::NodeId, rehearsal::Mismatch};

use super::{
    Context, behaviors, build,
    check::tell_refusal,
    exit::Failure,
    output::{bold, dim, mark, plain, print, print_json, say},
};
use crate::{
    project::Project,
    rehearsals::{self, EventFile, EventReport, EventsError, GoldenFile, NO_EVENTS, Stage},
};

/// Rehearse a project's events without a host, and compare what they record with their golden effects.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip test                        every event of the project in this folder
  rosehip test rose-notes
  rosehip test urgent digest          two of them, events/urgent.json and events/digest.json
  rosehip test --update               write golden effects that are missing or differ, but of no step that fails
  rosehip test urgent --verbose       with what the guest logs

Exit codes: 0 all is as expected, 1 it is not built or has no events, 3 there is no such event, 4 something differs.")]
pub(super) struct Test {
    /// The project's folder, then events by name; without any, all of them.
    #[arg(value_name = "DIR|EVENT")]
    what: Vec<PathBuf>,
    /// Write golden effects that are missing or differ.
    #[arg(long)]
    update: bool,
    /// Show what the guest logs also where all is as expected.
    #[arg(long, short)]
    verbose: bool,
}

impl Test {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let (dir, asked) = self.split();
        let project = build::open(&dir)?;
        let wasm = behaviors::of_project(&dir)?;
        let events = events(&project, asked)?;
        let stage = Stage::new()?;
        let run = Run { stage, path: project.wasm_in_project().to_owned(), update: self.update, verbose: self.verbose };
        let as_json = context.json;
        let reports = tokio::task::spawn_blocking(move || run.all(wasm, &events, as_json)).await??;
        conclude(&reports, self.update)
    }

    /// The folder and the events: the first is a folder where it is one.
    fn split(&self) -> (PathBuf, &[PathBuf]) {
        match self.what.split_first() {
            Some((first, events)) if first.is_dir() => (first.clone(), events),
            Some(_) | None => (PathBuf::from("."), &self.what),
        }
    }
}

fn events(project: &Project, asked: &[PathBuf]) -> anyhow::Result<Vec<EventFile>> {
    let folder = project.events();
    let found = match asked {
        [] => rehearsals::all(&folder),
        asked => asked.iter().map(|asked| rehearsals::named(&folder, asked)).collect(),
    };
    match found {
        Ok(events) if events.is_empty() => bail!("{}: {NO_EVENTS}", folder.display()),
        Ok(events) => Ok(events),
        Err(error @ EventsError::Unknown { .. }) => Err(Failure::not_found(error.to_string()).into()),
        Err(error @ EventsError::File { .. }) => Err(error.into()),
    }
}

/// How events are rehearsed and told.
#[derive(Debug)]
struct Run {
    stage: Stage,
    path: PathBuf,
    update: bool,
    verbose: bool,
}

impl Run {
    fn all(&self, wasm: Vec<u8>, events: &[EventFile], as_json: bool) -> anyhow::Result<Vec<EventReport>> {
        let module = self.stage.check(wasm).map_err(|refused| tell_refusal(&self.path, &refused, as_json))?;
        let mut reports = Vec::with_capacity(events.len());
        for event in events {
            let report = EventReport::of(&self.stage, &module, event, self.update);
            if !as_json {
                print(&tell(&report, self.verbose))?;
            }
            reports.push(report);
        }
        if as_json {
            print_json(&reports)?;
        }
        Ok(reports)
    }
}

fn conclude(reports: &[EventReport], update: bool) -> anyhow::Result<()> {
    let bad = reports.iter().filter(|report| !report.ok).count();
    let all = if reports.len() == 1 { "1 event".to_owned() } else { format!("{} events", reports.len()) };
    if bad > 0 {
        // What a host refuses is never as it should be.
        let is_readable = |report: &&EventReport| !report.ok && report.error.is_none();
        let hint = match reports.iter().find(is_readable) {
            Some(_) if update => String::new(),
            Some(EventReport { event, failed: Some(failed), .. }) => {
                let declaration = failed.declaration();
                format!("; mend the step, or declare in events/{event}.effects.json that it fails: {declaration}")
            }
            Some(_) => "; if it is as it should be, `rosehip test --update` takes it over".to_owned(),
            None => String::new(),
        };
        return Err(Failure::mismatch(format!("{bad} of {all} not as expected{hint}")).into());
    }
    say(&format!("{all}, all as expected"));
    Ok(())
}

/// What came of an event, for people: a line, and what differs below it.
pub(super) fn tell(report: &EventReport, verbose: bool) -> String {
    let way = match (&report.error, report.matched) {
        (Some(_), false) => String::new(),
        (None, false) => dim("no trigger matches"),
        (_, true) => way(&report.nodes, report.failed.as_ref().map(|failed| &failed.node)),
    };
    let mut text = format!("{} {}  {way}\n", mark(report.ok), bold(&report.event)).replace("  \n", "\n");
    let mut line = |shown: String| {
        text.push_str("    ");
        text.push_str(&shown);
        text.push('\n');
    };
    if let Some(error) = &report.error {
        line(plain(error));
    }
    if let Some(failed) = report.failed.as_ref().filter(|_| !report.ok || verbose) {
        let mut lines = failed.message.as_deref().unwrap_or_default().lines();
        line(plain(&format!("{} failed, {}: {}", failed.node, failed.rule, lines.next().unwrap_or_default())));
        lines.for_each(|more| line(format!("  {}", plain(more))));
    }
    // That it failed is told; how else it was to end is not.
    let is_told = |difference: &&Mismatch| matches!(difference, Mismatch::Failed { expected: None, found: Some(_) });
    for difference in report.differences.iter().filter(|difference| !is_told(difference)) {
        line(plain(&difference.to_string()));
    }
    if report.golden == GoldenFile::Written {
        line(dim("its golden effects were written"));
    }
    if report.ok && !verbose {
        return text;
    }
    for logged in &report.log {
        for said in logged.message.lines() {
            line(dim(&format!("{} {} | {said}", logged.node, logged.level.as_str())));
        }
    }
    text
}

/// The nodes that were reached.
fn way(nodes: &[NodeId], failed: Option<&NodeId>) -> String {
    let nodes: Vec<_> = nodes
        .iter()
        .map(|node| if Some(node) == failed { format!("{node} {}", mark(false)) } else { node.to_string() })
        .collect();
    nodes.join(" → ")
}
