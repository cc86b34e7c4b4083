//! How the effects of a module differ from those of the one before: of the last flow of the behavior in the host, or else of
//! the event that was changed last, rehearsed with both.

use std::{fmt::Write as _, fs};

use rosehip_core::rehearsal::{AuthorEvent, Rehearsal};

use super::hosting::Hosting;
use crate::{
    cli::{
        output::{bold, plain},
        replay, wire,
    },
    project::Project,
    rehearsals::{self, Checked, EventFile, Stage},
};

/// What differs, for people; nothing where there is nothing to compare with.
pub(super) async fn compare(
    hosting: &Hosting,
    stage: &Stage,
    project: &Project,
    before: Option<&Checked>,
    after: &Checked,
) -> anyhow::Result<String> {
    let replayed = hosting.replay(&after.behavior.name, after).await?.unwrap_or_default();
    let flows = replayed.iter().filter(|line| line.get("flow").is_some()).map(wire::read);
    let flows: Vec<replay::Flow> = flows.collect::<Result<_, _>>()?;
    if !flows.is_empty() {
        return Ok(flows.iter().map(replay::block).collect());
    }
    let (Some(before), Some(event)) = (before, newest(project)?) else { return Ok(String::new()) };
    let (stage, before, after) = (stage.clone(), before.clone(), after.clone());
    tokio::task::spawn_blocking(move || rehearse_both(&stage, &before, &after, &event)).await?
}

/// The event that was changed last.
fn newest(project: &Project) -> anyhow::Result<Option<EventFile>> {
    let events = rehearsals::all(&project.events())?.into_iter();
    let dated = events.filter_map(|event| Some((fs::metadata(&event.path).ok()?.modified().ok()?, event)));
    Ok(dated.max().map(|(_, event)| event))
}

fn rehearse_both(stage: &Stage, before: &Checked, after: &Checked, file: &EventFile) -> anyhow::Result<String> {
    // Whatever is wrong with the event was told when it was tested.
    let Ok(event) = AuthorEvent::read(&fs::read(&file.path)?) else { return Ok(String::new()) };
    let rehearse = |module: &Checked| stage.rehearse(module, &event);
    let (Ok(was), Ok(is)) = (rehearse(before), rehearse(after)) else { return Ok(String::new()) };
    Ok(tell_difference(&file.name, &was, &is))
}

fn tell_difference(event: &str, was: &Rehearsal, is: &Rehearsal) -> String {
    let mismatches = was.golden().mismatches(is);
    if mismatches.is_empty() {
        return format!("{}: the same effects as before\n", bold(event));
    }
    let mut text = format!("{}, against the module before:\n", bold(event));
    for mismatch in mismatches {
        writeln!(text, "    {}", plain(&mismatch.to_string())).expect("a String takes any text");
    }
    text
}
