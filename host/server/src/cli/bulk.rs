//! Acting on one flow or effect, or on all that a filter finds.

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    exit::Failure,
    flow_filter::FlowFilter,
    output::{plain, print_json, say},
};
use crate::client::{Client, Request};

/// Which flows: one by its id, or those that filters find.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The flow's id, or the beginning of it.
    #[arg(conflicts_with_all = ["FlowFilter", "all"])]
    flow: Option<String>,
    #[command(flatten)]
    filter: FlowFilter,
    /// All that there are.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// How it is done.
#[derive(Debug, Args)]
pub(super) struct Manner {
    /// Only count what filters find.
    #[arg(long)]
    dry_run: bool,
    /// Why, for those who read it later.
    #[arg(long)]
    pub(super) reason: Option<String>,
}

/// Which effects: one by its id, or those that filters find.
#[derive(Debug, Args)]
pub(super) struct Stuck {
    /// The effect's id, as `rosehip flows show` prints it.
    #[arg(conflicts_with_all = ["kind", "status", "behavior", "destination", "error", "all"])]
    effect: Option<String>,
    /// All of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// All that stand so.
    #[arg(long, value_parser = ["dead", "unhandled"])]
    status: Option<String>,
    /// All of this behavior.
    #[arg(long, value_name = "NAME")]
    behavior: Option<String>,
    /// All whose channel or host holds this text.
    #[arg(long, value_name = "TEXT")]
    destination: Option<String>,
    /// All whose last error holds this text.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
    /// All that there are.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// One, or those that a filter finds.
pub(super) enum Meant {
    One(String),
    Filter(Value),
}

impl Which {
    /// What is meant; nothing is no answer.
    pub(super) fn meant(&self) -> Result<Meant, Failure> {
        meant(self.flow.as_deref(), self.filter.given(), self.all, "flow", self.manner.dry_run)
    }
}

impl Stuck {
    /// What is meant; nothing is no answer.
    pub(super) fn meant(&self) -> Result<Meant, Failure> {
        let filters = [
            ("kind", &self.kind),
            ("status", &self.status),
            ("behavior", &self.behavior),
            ("destination", &self.destination),
            ("error", &self.error),
        ];
        let given = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        meant(self.effect.as_deref(), given, self.all, "effect", self.manner.dry_run)
    }
}

fn meant<'a>(
    one: Option<&str>,
    given: impl Iterator<Item = (&'static str, &'a String)>,
    all: bool,
    what: &str,
    dry_run: bool,
) -> Result<Meant, Failure> {
    if let Some(one) = one {
        return match dry_run {
            true => Err(Failure::usage(format!("--dry-run counts what filters find, not a single {what}"))),
            false => Ok(Meant::One(one.to_owned())),
        };
    }
    let mut filter: Map<String, Value> = given.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    if all {
        filter.insert("all".to_owned(), true.into());
    }
    match filter.is_empty() {
        true => Err(Failure::usage(format!("name a {what}, or what is meant by a filter, or --all"))),
        false => Ok(Meant::Filter(Value::Object(filter))),
    }
}

/// What the host answers.
#[derive(Debug, Default, Deserialize)]
struct Tally {
    matched: u64,
    done: u64,
    refused: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

/// So many of what there is, such as `1 flow`; `what` is their plural.
fn counted(count: u64, what: &str) -> String {
    let what = if count == 1 { what.trim_end_matches('s') } else { what };
    format!("{count} {what}")
}

/// Asks again and again until all that a filter finds is done with, and says what became of it.
pub(super) async fn act_on_all(
    client: &Client,
    segments: &[&str],
    mut body: Value,
    manner: &Manner,
    what: &str,
    as_json: bool,
) -> anyhow::Result<()> {
    body["dry_run"] = manner.dry_run.into();
    body["reason"] = json!(manner.reason);
    let mut all = Tally::default();
    loop {
        let answer: Tally = client.json(Request::post(segments).json(&body)).await?;
        // What the first answer counted are all; later ones count the rest.
        all.matched = all.matched.max(answer.matched);
        all.done += answer.done;
        all.refused.extend(answer.refused);
        match answer.next.filter(|_| !manner.dry_run) {
            Some(next) => body["cursor"] = next.into(),
            None => break,
        }
    }
    if as_json {
        print_json(&json!({
            "matched": all.matched, "done": all.done, "refused": all.refused, "dry_run": manner.dry_run,
        }))?;
    } else if manner.dry_run {
        say(&format!("{} would be meant", counted(all.matched, what)));
    } else {
        for refused in &all.refused {
            let text = |name: &str| refused[name].as_str().unwrap_or_default().to_owned();
            say(&plain(&format!("not {}: {}", text("id"), text("why"))));
        }
        say(&format!("done for {} of {}", all.done, counted(all.matched, what)));
    }
    match all.refused.len() {
        0 => Ok(()),
        refused => Err(anyhow::anyhow!("{refused} {what} did not allow it")),
    }
}
