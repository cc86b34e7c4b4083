//! `rosehip replay`: what recorded flows would have done with another module, and whether they still do on their own what
//! the log holds.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rosehip_core::{
    flow::ObjectRef,
    ids::{BehaviorName, Digest, FlowId},
    replay::{Change, EffectChange, PathChange, Replay as Fared, Tally},
    time::{Timestamp, parse_duration},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    behaviors::{self, module},
    exit::Failure,
    output::{bold, dim, plain, print, print_json, say},
};
use crate::client::{Chunks, Client, Request};

/// Hex digits of a digest that are enough to name it.
const FEWEST_DIGITS: usize = 8;

/// Replay recorded flows on another module and compare the effects; nothing is recorded, and nothing leaves the machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip replay --candidate dist/publish.wasm                  the newest 1,000 flows of the behavior that it names
  rosehip replay --candidate new.wasm --behavior news --last 50
  rosehip replay --candidate new.wasm --since 7d --promote-if-same
  rosehip replay --candidate 3f9a1c77 --behavior publish        one that was offered, or that was active before
  rosehip replay --candidate new.wasm 4tqk2pdx                  one flow
  rosehip replay --verify                                       every flow, on the module that it ran on

A flow fares the same, changed (its effects differ), failed, out of support (the module asks for what was not recorded),
or is erased. Exit code 4 where any changed, failed or is out of support.")]
pub(super) struct Replay {
    /// Only this flow, by its id or the beginning of it.
    #[arg(value_name = "FLOW", conflicts_with_all = ["last", "since"])]
    flow: Option<String>,
    /// The module: a file, a project's folder, or the digest of one that the behavior has as a candidate or in its history.
    #[arg(long, value_name = "FILE|DIR|DIGEST", required_unless_present = "verify")]
    candidate: Option<PathBuf>,
    /// Check instead that every flow, on the module that it ran on, gives byte-identical effects.
    #[arg(long, conflicts_with_all = ["candidate", "promote_if_same"])]
    verify: bool,
    /// The behavior whose flows are replayed [default: the one that the module names].
    #[arg(long, value_name = "NAME")]
    behavior: Option<String>,
    /// So many flows at most, the newest.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    last: Option<u64>,
    /// Only flows that began since: how long ago (7d, 12h, PT30M) or an RFC 3339 time.
    #[arg(long, value_name = "AGO|TIME")]
    since: Option<String>,
    /// List flows that fare the same, too.
    #[arg(long)]
    all: bool,
    /// Install the candidate where every flow fares the same.
    #[arg(long)]
    promote_if_same: bool,
}

/// A line of the host's answer.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Head { replay: Head },
    Progress { progress: Progress },
    Sum { summary: Tally },
    Error { error: String },
    Flow(Box<Flow>),
}

/// How far the host is.
#[derive(Deserialize)]
struct Progress {
    flows: u64,
}

#[derive(Deserialize)]
struct Head {
    behavior: Option<BehaviorName>,
    digest: Option<Digest>,
    /// The name that the module gives itself.
    module: Option<BehaviorName>,
    version: Option<String>,
    flows: u64,
    /// Kinds of effect that the module declares and the behavior is not granted.
    #[serde(default)]
    to_grant: Vec<String>,
    /// Why the behavior's config is none of the module's.
    config_error: Option<String>,
}

/// A flow that was replayed.
#[derive(Deserialize)]
pub(super) struct Flow {
    #[serde(rename = "flow")]
    id: FlowId,
    behavior: BehaviorName,
    object: Option<ObjectRef>,
    started_at: Timestamp,
    #[serde(flatten)]
    fared: Fared,
}

/// What is replayed on.
enum Candidate {
    Wasm(Vec<u8>),
    Digest(String),
    Recorded,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let candidate = self.candidate()?;
        let client = context.client(DataDir::MustExist).await?;
        let result = self.ask(&client, candidate, context).await;
        client.close().await;
        result
    }

    fn candidate(&self) -> anyhow::Result<Candidate> {
        let Some(file) = &self.candidate else { return Ok(Candidate::Recorded) };
        let is_digest = |text: &str| text.len() >= FEWEST_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match file.to_str().filter(|text| is_digest(text) && !file.exists()) {
            Some(_) if self.behavior.is_none() && self.flow.is_none() => {
                Err(Failure::usage("name the behavior that has this digest: --behavior NAME").into())
            }
            Some(digest) => Ok(Candidate::Digest(digest.to_owned())),
            None => Ok(Candidate::Wasm(module(file)?)),
        }
    }

    async fn ask(&self, client: &Client, candidate: Candidate, context: &Context) -> anyhow::Result<()> {
        let as_json = context.json;
        let since = self.since.as_deref().map(ago).transpose()?;
        let request = Request::post(&["replays"])
            .query("behavior", self.behavior.as_ref())
            .query("flow", self.flow.as_ref())
            .query("last", self.last)
            .query("since", since)
            .query("all", self.all.then_some(true));
        let request = match &candidate {
            Candidate::Wasm(wasm) => request.wasm(wasm.clone()),
            Candidate::Digest(digest) => request.query("digest", Some(digest)),
            Candidate::Recorded => request.query("verify", Some(true)),
        };
        let begun = std::time::Instant::now();
        let mut report = Report::new(as_json);
        report.read(client.stream(request).await?).await?;
        let tally = report.sum(begun.elapsed())?;
        let promoted = match self.promote_if_same {
            true => Some(self.promote(client, candidate, &report, &tally).await),
            false => None,
        };
        if as_json {
            print_json(&report.document(&tally, promoted.as_ref().and_then(|promoted| promoted.as_ref().ok())))?;
        } else if let Some(Ok(answer)) = &promoted {
            behaviors::installed(answer, context)?;
        }
        match promoted {
            Some(promoted) => promoted.map(|_| ()),
            None if tally.is_same() => Ok(()),
            None => Err(Failure::mismatch(not_the_same(&tally)).into()),
        }
    }

    /// Installs the candidate, where it does the same and would go on to run.
    async fn promote(
        &self,
        client: &Client,
        candidate: Candidate,
        report: &Report,
        tally: &Tally,
    ) -> anyhow::Result<Value> {
        let head = report.head.as_ref().context("the host did not say what it replayed")?;
        let name = head.behavior.as_ref().context("the host did not say whose flows it replayed")?.to_string();
        if let Some(module) = head.module.as_ref().filter(|module| self.behavior.is_none() && module.as_str() != name) {
            let message =
                format!("the flow is one of {name}, and the module calls itself {module}: say --behavior {name}");
            return Err(Failure::usage(message).into());
        }
        let why_not = match (&head.to_grant[..], &head.config_error) {
            _ if !tally.is_same() => Some(not_the_same(tally)),
            _ if tally.same == 0 => Some("there is no flow to compare with".to_owned()),
            ([], None) => None,
            ([], Some(error)) => {
                Some(format!("{name} would be disabled: its config is none of this module's: {error}"))
            }
            (kinds, _) => {
                let kinds = kinds.join(" ");
                Some(format!(
                    "{name} would be disabled: it declares what it may not do yet; `rosehip behaviors grant {name} {kinds}`"
                ))
            }
        };
        if let Some(why_not) = why_not {
            return Err(Failure::mismatch(format!("{why_not}; nothing is promoted")).into());
        }
        let request = match candidate {
            Candidate::Wasm(wasm) => Request::put(&["behaviors", &name]).wasm(wasm),
            Candidate::Digest(digest) => {
                Request::post(&["behaviors", &name, "activate"]).json(&json!({"digest": digest}))
            }
            Candidate::Recorded => anyhow::bail!("what is verified is no candidate"),
        };
        Ok(client.json(request).await?)
    }
}

fn not_the_same(tally: &Tally) -> String {
    format!("{} of {} not the same", tally.changed + tally.failed + tally.out_of_support, tally.flows)
}

/// A time, or how long ago it was in the words of ISO 8601, also where it is written as `7d` or `12h`.
fn ago(text: &str) -> Result<String, Failure> {
    let unit = text.chars().last().filter(char::is_ascii_alphabetic);
    let count = unit.map(|unit| &text[..text.len() - unit.len_utf8()]);
    let long = match (unit, count.filter(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit())))
    {
        (Some(unit @ ('d' | 'w')), Some(count)) => format!("P{count}{}", unit.to_ascii_uppercase()),
        (Some(unit @ ('h' | 'm' | 's')), Some(count)) => format!("PT{count}{}", unit.to_ascii_uppercase()),
        _ => text.to_owned(),
    };
    if parse_duration(&long).is_err() && long.parse::<Timestamp>().is_err() {
        let message = format!("--since: {text:?} is neither how long ago (7d, 12h, PT30M) nor an RFC 3339 time");
        return Err(Failure::usage(message));
    }
    Ok(long)
}

/// What is told of a replay, as it comes.
struct Report {
    as_json: bool,
    head: Option<Head>,
    flows: Vec<Value>,
    tally: Option<Tally>,
    progress: ProgressBar,
}

impl Report {
    fn new(as_json: bool) -> Self {
        let style = ProgressStyle::with_template("{spinner} {human_pos} of {human_len} flows {wide_bar}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let progress = ProgressBar::no_length().with_style(style);
        Self { as_json, head: None, flows: Vec::new(), tally: None, progress }
    }

    async fn read(&mut self, mut chunks: Chunks) -> anyhow::Result<()> {
        let mut rest = Vec::new();
        while let Some(chunk) = chunks.next().await? {
            rest.extend(chunk);
            let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let lines: Vec<u8> = rest.drain(..end).collect();
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.take(line)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let value: Value = serde_json::from_slice(line).context("a line of the answer is no JSON")?;
        match serde_json::from_value(value.clone()).context("a line of the answer cannot be read")? {
            Line::Head { replay } => {
                self.progress.set_length(replay.flows);
                self.head = Some(replay);
            }
            Line::Progress { progress } => self.progress.set_position(progress.flows),
            Line::Flow(flow) => {
                if self.as_json {
                    self.flows.push(value);
                } else {
                    self.progress.suspend(|| print(&block(&flow)))?;
                }
            }
            Line::Sum { summary } => self.tally = Some(summary),
            Line::Error { error } => anyhow::bail!("the replay was cut short: {error}"),
        }
        Ok(())
    }

    /// The sum, which people are told.
    fn sum(&mut self, took: std::time::Duration) -> anyhow::Result<Tally> {
        self.progress.finish_and_clear();
        let tally = self.tally.context("the host ended its answer before the sum")?;
        if !self.as_json {
            let Tally { flows: all, same, changed, failed, out_of_support, erased } = tally;
            print(&format!(
                "{}: {same} same, {changed} changed, {failed} failed, {out_of_support} out of support, \
                 {erased} erased\n",
                flows(all)
            ))?;
            say(&dim(&format!("in {:.1} s", took.as_secs_f64())));
        }
        Ok(tally)
    }

    /// All of it; `promoted` is what the host said of the candidate, where it was promoted.
    fn document(&self, tally: &Tally, promoted: Option<&Value>) -> Value {
        let head = self.head.as_ref();
        json!({
            "behavior": head.and_then(|head| head.behavior.as_ref()),
            "digest": head.and_then(|head| head.digest),
            "version": head.and_then(|head| head.version.as_ref()),
            "summary": tally,
            "flows": self.flows,
            "promoted": promoted,
        })
    }
}

/// So many flows, in words.
fn flows(count: u64) -> String {
    if count == 1 { "1 flow".to_owned() } else { format!("{count} flows") }
}

/// A flow with what differs, for people.
pub(super) fn block(flow: &Flow) -> String {
    let id = flow.id.short();
    let about = flow.object.as_ref().map(|object| object.slug.clone().unwrap_or_else(|| object.id.to_string()));
    let heading = [flow.behavior.to_string(), about.unwrap_or_default(), flow.started_at.to_string()];
    let mut text = format!("{} {id} {}\n", bold(flow.fared.verdict.as_str()), plain(heading.join(" ").trim()));
    let mut tell = |line: String| {
        text.push_str("  ");
        text.push_str(&plain(&line));
        text.push('\n');
    };
    // A line each, also where a message has several.
    flow.fared.why().iter().flat_map(|why| why.lines()).for_each(|line| tell(line.to_owned()));
    flow.fared.paths.iter().flat_map(path_lines).for_each(&mut tell);
    flow.fared.effects.iter().flat_map(effect_lines).for_each(&mut tell);
    text
}

fn place(node: &str, item: Option<u32>) -> String {
    item.map_or_else(|| node.to_owned(), |item| format!("{node} item {item}"))
}

fn path_lines(path: &PathChange) -> Vec<String> {
    let place = place(path.node.as_str(), path.item);
    path.differences.iter().map(|difference| format!("  {place}: {difference}")).collect()
}

fn effect_lines(effect: &EffectChange) -> Vec<String> {
    let place = format!("{}, effect {} ({})", place(effect.node.as_str(), effect.item), effect.ordinal, effect.kind);
    match &effect.change {
        Change::Added { payload, denied: None } => vec![format!("+ {place}: {payload}")],
        Change::Added { payload, denied: Some(rule) } => vec![format!("+ {place}: {payload} (denied: {rule})")],
        Change::Removed { payload } => vec![format!("- {place}: {payload}")],
        Change::Altered { differences } => {
            differences.iter().map(|difference| format!("~ {place}: {difference}")).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_is_written_in_short() {
        assert_eq!(
            ["7d", "2w", "12h", "30m", "PT1H", "2026-01-01T00:00:00Z"].map(|text| ago(text).expect("a time")),
            ["P7D", "P2W", "PT12H", "PT30M", "PT1H", "2026-01-01T00:00:00Z"]
        );
        for none in ["d", "yesterday", "", "7"] {
            assert!(ago(none).is_err(), "{none}");
        }
    }

    #[test]
    fn a_flow_is_told_with_what_differs() {
        let flow = "a".repeat(51) + "q";
        let line = json!({
            "verdict": "changed", "flow": flow, "behavior": "publish", "started_at": "2026-01-01T00:00:00.000Z",
            "object": {"type": "Article", "id": "1", "slug": "on-roses"},
            "paths": [{"node": "validate", "differences": [{"pointer": "/branch", "before": "other", "after": "urgent"}]}],
            "effects": [
                {"node": "notify", "ordinal": 0, "kind": "notify", "change": "added", "payload": {"subject": "s"}},
                {"node": "a", "item": 2, "ordinal": 1, "kind": "log", "change": "removed", "payload": {"message": "m"}},
                {"node": "b", "ordinal": 0, "kind": "log", "change": "altered",
                 "differences": [{"pointer": "/payload/message", "before": "x", "after": "y"}]},
            ],
        });
        let Line::Flow(flow) = serde_json::from_value(line).expect("a line") else { panic!("no flow") };
        insta::assert_snapshot!(anstream::adapter::strip_str(&block(&flow)).to_string(), @r#"
        changed aaaaaaaaaaaa publish on-roses 2026-01-01T00:00:00.000Z
            validate: /branch: "other" → "urgent"
          + notify, effect 0 (notify): {"subject":"s"}
          - a item 2, effect 1 (log): {"message":"m"}
          ~ b, effect 0 (log): /payload/message: "x" → "y"
        "#);
    }
}
