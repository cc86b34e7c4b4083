//! How the effects of a module differ from those of the one before: of the last flow of the behavior in the host, or else of
//! the event that was changed last, rehearsed with both.

use std::{fmt::Write as _, fs};

use rosehip_core::rehearsal::{AuthorEvent, Mismatch};
use serde_json::{Value, json};

use super::hosting::Hosting;
use crate::{
    cli::{
        output::{bold, plain},
        replay, wire,
    },
    project::Project,
    rehearsals::{self, Checked, EventFile, Stage},
};

/// What differs.
#[derive(Debug)]
pub(super) enum Comparison {
    /// There is nothing to compare with.
    Nothing,
    /// Flows of the host, as it told of each.
    Flows(Vec<Value>),
    /// An event of the project.
    Event { name: String, mismatches: Vec<Mismatch> },
}

impl Comparison {
    /// For people; nothing where there is nothing to compare with.
    pub(super) fn in_words(&self) -> anyhow::Result<String> {
        match self {
            Self::Nothing => Ok(String::new()),
            Self::Flows(flows) => flows.iter().map(|flow| Ok(replay::block(&wire::read(flow)?))).collect(),
            Self::Event { name, mismatches } => Ok(tell_difference(name, mismatches)),
        }
    }

    /// For programs: what each is about, and how it fared.
    pub(super) fn documents(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Flows(flows) => flows.iter().map(|flow| ("replayed", flow.clone())).collect(),
            Self::Event { name, mismatches } => {
                vec![("compared", json!({"event": name, "differences": mismatches}))]
            }
        }
    }
}

/// What differs.
pub(super) async fn compare(
    hosting: &Hosting,
    stage: &Stage,
    project: &Project,
    before: Option<&Checked>,
    after: &Checked,
) -> anyhow::Result<Comparison> {
    let replayed = hosting.replay(&after.behavior.name, after).await?.unwrap_or_default();
    let flows: Vec<_> = replayed.into_iter().filter(|line| line.get("flow").is_some()).collect();
    if !flows.is_empty() {
        return Ok(Comparison::Flows(flows));
    }
    let (Some(before), Some(event)) = (before, newest(project)?) else { return Ok(Comparison::Nothing) };
    let (stage, before, after) = (stage.clone(), before.clone(), after.clone());
    tokio::task::spawn_blocking(move || rehearse_both(&stage, &before, &after, &event)).await?
}

/// The event that was changed last.
fn newest(project: &Project) -> anyhow::Result<Option<EventFile>> {
    let events = rehearsals::all(&project.events())?.into_iter();
    let dated = events.filter_map(|event| Some((fs::metadata(&event.path).ok()?.modified().ok()?, event)));
    Ok(dated.max().map(|(_, event)| event))
}

fn rehearse_both(stage: &Stage, before: &Checked, after: &Checked, file: &EventFile) -> anyhow::Result<Comparison> {
    // Whatever is wrong with the event was told when it was tested.
    let Ok(event) = AuthorEvent::read(&fs::read(&file.path)?) else { return Ok(Comparison::Nothing) };
    let rehearse = |module: &Checked| stage.rehearse(module, &event);
    let (Ok(was), Ok(is)) = (rehearse(before), rehearse(after)) else { return Ok(Comparison::Nothing) };
    Ok(Comparison::Event { name: file.name.clone(), mismatches: was.golden().mismatches(&is) })
}

fn tell_difference(event: &str, mismatches: &[Mismatch]) -> String {
    if mismatches.is_empty() {
        return format!("{}: the same effects as before\n", bold(event));
    }
    let mut text = format!("{}, against the module before:\n", bold(event));
    for mismatch in mismatches {
        writeln!(text, "    {}", plain(&mismatch.to_string())).expect("a String takes any text");
    }
    text
}
