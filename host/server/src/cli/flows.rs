//! `rosehip flows`: what happened, what waits, and what people do about it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    bulk::{Meant, Which, act_on_all},
    exit::Failure,
    flow_filter::FlowFilter,
    imported,
    output::{Table, bold, cut, plain, print, print_json, say},
    tree,
    wire::{self, Flow, FlowItem, FlowPage, FlowRun},
};
use crate::client::{Client, Request};

/// Characters of a flow's id that tables show. They are enough to name it.
const SHORT: usize = 12;

/// How long a tail waits before it comes back to a host that went away.
const BEFORE_COMING_BACK: Duration = Duration::from_secs(1);

const RETRY_EXAMPLES: &str = "\
Examples:
  rosehip flows retry k3v7wqzj
  rosehip flows retry --behavior publish --dry-run     counts the failed ones
  rosehip flows retry --behavior publish --reason 'the mail server is back'";

const CANCEL_EXAMPLES: &str = "\
Examples:
  rosehip flows cancel k3v7wqzj --reason 'not wanted any more'
  rosehip flows cancel --status suspended --older-than P7D
  rosehip flows cancel --all --dry-run";

/// List, show and act on flows.
#[derive(Debug, Subcommand)]
pub(super) enum Flows {
    Ls(Ls),
    /// Show one flow as a tree: its nodes, the branches taken, its effects.
    Show {
        /// The flow's id, or the beginning of it.
        flow: String,
        /// One that was imported.
        #[arg(long)]
        imported: bool,
    },
    /// Write the event that started a flow to stdout, as a file for `rosehip test`.
    #[command(after_help = "\
Examples:
  rosehip flows event k3v7wqzj > events/it-failed.json
  rosehip flows event k3v7wqzj | curl --json @- -H \"Authorization: Bearer $ROSEHIP_TOKEN\" $ROSEHIP_URL/behaviors/publish/test")]
    Event {
        /// The flow's id, or the beginning of it.
        flow: String,
    },
    Export(Export),
    /// Keep flows that another host exported, to look at: `flows ls --imported`, `flows show FLOW --imported`. They are
    /// checked by their hashes and never run.
    Import {
        /// What `flows export` wrote; `-` for stdin.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Follow what is recorded, as it happens; needs a running host.
    Tail {
        /// Only of this flow: its id, or the beginning of it.
        #[arg(long, value_name = "FLOW")]
        flow: Option<String>,
    },
    /// Call the failed nodes of a failed flow again, with the module and config it is pinned to.
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(Which),
    /// Run the flow's activity again, with the behavior as it stands now.
    Rerun(Which),
    /// End a flow and call off what it has not done yet.
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(Which),
    /// Keep a flow, whatever retention would have go.
    Pin {
        /// The flow's id, or the beginning of it.
        flow: String,
        /// Let it go again.
        #[arg(long)]
        remove: bool,
    },
    /// Send a flow the signal that one of its nodes waits for.
    #[command(after_help = "\
Examples:
  rosehip flows signal k3v7wqzj approved
  rosehip flows signal k3v7wqzj approved '{\"by\": \"ada\"}'")]
    Signal {
        /// The flow's id, or the beginning of it.
        flow: String,
        /// The signal.
        name: String,
        /// JSON that the waiting node passes on.
        #[arg(default_value = "null")]
        payload: String,
    },
}

/// Write flows with all their entries to stdout, one entry a line, for `flows import` elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip flows export k3v7wqzj > flow.ndjson
  rosehip flows export --status failed > failed.ndjson")]
pub(super) struct Export {
    /// One flow: its id, or the beginning of it. Without it, all that the filters leave.
    flow: Option<String>,
    #[command(flatten)]
    filter: FlowFilter,
}

/// List flows, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip flows ls --view failed
  rosehip flows ls --text timeout --effect webhook
  rosehip flows ls --object my-first-post
  rosehip flows ls --json | jq -r '.flows[].id'")]
pub(super) struct Ls {
    /// Flows of the page, at most 200.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the page begins, as the page before told.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    filter: FlowFilter,
    /// Those that were imported, and nothing else.
    #[arg(long, conflicts_with_all = ["cursor", "FlowFilter"])]
    imported: bool,
}

impl Flows {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        // What was imported lies beside the log: no host is asked.
        match &self {
            Self::Import { file } => {
                context.require_local("flows import")?;
                return imported::import(&context.data, file);
            }
            Self::Ls(Ls { imported: true, .. }) => {
                context.require_local("flows ls --imported")?;
                return list(&imported::list(&context.data)?, context.json);
            }
            Self::Show { flow, imported: true } => {
                context.require_local("flows show --imported")?;
                let flow = imported::show(&context.data, flow)?;
                return if context.json { print_json(&flow) } else { show(&flow) };
            }
            Self::Ls(_)
            | Self::Show { .. }
            | Self::Event { .. }
            | Self::Export(_)
            | Self::Tail { .. }
            | Self::Retry { .. }
            | Self::Rerun { .. }
            | Self::Cancel { .. }
            | Self::Pin { .. }
            | Self::Signal { .. } => {}
        }
        let payload = if let Self::Signal { payload, .. } = &self { parse_payload(payload)? } else { Value::Null };
        if let Self::Retry(which) | Self::Rerun(which) | Self::Cancel(which) = &self {
            which.meant()?;
        }
        let client = context.client(DataDir::MustExist).await?;
        let result = self.ask(&client, payload, context.json).await;
        client.close().await;
        result
    }

    async fn ask(self, client: &Client, payload: Value, as_json: bool) -> anyhow::Result<()> {
        match self {
            Self::Ls(ls) => ls.run(client, as_json).await,
            Self::Import { .. } => unreachable!("it was done without a host"),
            Self::Export(export) => {
                let list = export.filter.ask(Request::get(&["flows"]));
                imported::export(client, export.flow, list).await
            }
            Self::Show { flow, .. } => {
                let answer: Value = client.json(Request::get(&["flows", &flow])).await?;
                if as_json { print_json(&answer) } else { show(&answer) }
            }
            Self::Event { flow } => {
                let event: Value = client.json(Request::get(&["flows", &flow, "event"])).await?;
                print_json(&event)
            }
            Self::Tail { flow } => tail(client, flow.as_deref(), as_json).await,
            Self::Retry(which) => act_on(client, &which, "retry", as_json).await,
            Self::Rerun(which) => act_on(client, &which, "rerun", as_json).await,
            Self::Cancel(which) => act_on(client, &which, "cancel", as_json).await,
            Self::Pin { flow, remove } => {
                act(client, &flow, if remove { "unpin" } else { "pin" }, json!({}), as_json).await
            }
            Self::Signal { flow, name, .. } => {
                act(client, &flow, "signal", json!({"name": name, "payload": payload}), as_json).await
            }
        }
    }
}

fn parse_payload(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::usage(format!("the payload is not JSON: {error}")))
}

impl Ls {
    async fn run(self, client: &Client, as_json: bool) -> anyhow::Result<()> {
        let page = Request::get(&["flows"]).query("limit", Some(self.limit)).query("cursor", self.cursor);
        let request = self.filter.ask(page);
        list(&client.json(request).await?, as_json)
    }
}

fn list(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(answer);
    }
    let page: FlowPage = wire::read(answer)?;
    let mut table = Table::new(&["flow", "status", "behavior", "object", "started", "effects"]);
    for flow in &page.flows {
        table.row(row(flow));
    }
    table.print()?;
    if let Some(next) = page.next.filter(|next| !next.is_null()) {
        say(&format!("there are more: --cursor {}", wire::words(&next)));
    }
    Ok(())
}

fn row(flow: &FlowItem) -> [String; 6] {
    let counts = flow.effects.iter().filter(|(_, count)| **count > 0);
    let effects: Vec<_> = counts.map(|(status, count)| format!("{count} {status}")).collect();
    let object = flow.object.as_ref().map(wire::ObjectRef::name).unwrap_or_default();
    let id = flow.id.chars().take(SHORT).collect();
    [id, flow.status.clone(), flow.behavior.clone(), object, flow.started_at.clone(), effects.join(", ")]
}

fn show(answer: &Value) -> anyhow::Result<()> {
    let flow: Flow = wire::read(answer)?;
    let ended = flow.finished_at.as_deref().map(|at| format!(", finished {at}")).unwrap_or_default();
    let other = |run: &FlowRun| {
        let id: String = run.id.chars().take(SHORT).collect();
        format!("run {} {} {id}\n", run.run, plain(&run.status))
    };
    let others: String = flow.runs.iter().map(other).collect();
    print(&format!("{}\nstarted {}{ended}\n{others}", tree::draw(&flow), flow.started_at))
}

/// Acts on the flow that is named, or on all that filters find.
async fn act_on(client: &Client, which: &Which, action: &str, as_json: bool) -> anyhow::Result<()> {
    match which.meant()? {
        Meant::One(flow) => act(client, &flow, action, json!({"reason": which.manner.reason}), as_json).await,
        Meant::Filter(filter) => {
            let body = json!({"action": action, "filter": filter});
            act_on_all(client, &["flows", "bulk"], body, &which.manner, "flows", as_json).await
        }
    }
}

/// Acts on a flow and says what became of it. A rerun's new flow is its result.
async fn act(client: &Client, flow: &str, action: &str, body: Value, as_json: bool) -> anyhow::Result<()> {
    let answer: Value = client.json(Request::post(&["flows", flow, action]).json(&body)).await?;
    if as_json {
        return print_json(&answer);
    }
    let id = wire::text(&answer, "id");
    if action == "rerun" {
        return print(&format!("{id}\n"));
    }
    if answer["ignored"] == true {
        say("the flow had a signal of that name already, or has ended; this one is ignored");
    }
    say(&format!("{action}: {id} {}", wire::text(&answer, "status")));
    Ok(())
}

/// Prints the entries of flows as they are committed. Where the host goes away, it is asked for what was missed.
async fn tail(client: &Client, flow: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let request = Request::get(&["flows", "events"]);
        let request = if after.is_empty() { request } else { request.header("last-event-id", after.as_str()) };
        let mut chunks = client.tail(request).await?;
        let mut events = Events::default();
        while let Ok(Some(chunk)) = chunks.next().await {
            for event in events.feed(&chunk) {
                let entry: TailEntry = serde_json::from_str(&event.data).context("the host's answer cannot be read")?;
                if flow.is_none_or(|flow| entry.flow.starts_with(flow)) {
                    print(&entry.line(&event, as_json))?;
                }
                after = event.id;
            }
        }
        tokio::time::sleep(BEFORE_COMING_BACK).await;
    }
}

/// What an event of the tail carries, as far as it is shown.
#[derive(Debug, Deserialize)]
struct TailEntry {
    time: String,
    flow: String,
    body: Value,
}

impl TailEntry {
    fn line(&self, event: &SentEvent, as_json: bool) -> String {
        if as_json {
            return format!("{}\n", event.data);
        }
        let about = ["node", "effect", "status", "to", "branch", "error"];
        let about = about.map(|member| wire::text(&self.body, member));
        let about: Vec<_> = about.iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
        let id: String = self.flow.chars().take(SHORT).collect();
        format!("{} {id} {} {}\n", plain(&self.time), bold(&event.kind), cut(&plain(&about.join(" ")), 120))
    }
}

/// Takes server-sent events out of chunks (HTML living standard §9.2.6), as far as a host sends them.
#[derive(Debug, Default)]
struct Events {
    rest: Vec<u8>,
    event: SentEvent,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct SentEvent {
    id: String,
    kind: String,
    data: String,
}

impl Events {
    fn feed(&mut self, chunk: &[u8]) -> Vec<SentEvent> {
        self.rest.extend_from_slice(chunk);
        let mut complete = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            complete.extend(self.take(line.trim_end_matches(['\n', '\r'])));
        }
        complete
    }

    /// Takes in a line. An empty one ends the event.
    fn take(&mut self, line: &str) -> Option<SentEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.kind),
            "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
            "data" => self.event.data = format!("{}\n{value}", self.event.data),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_of_chunks_however_they_are_cut() {
        let stream = b": hello\n\nid: 7\nevent: node.done\ndata: {\"a\":\ndata: 1}\n\nid: 8\r\ndata:x\r\n\r\n";
        let wanted = [
            SentEvent { id: "7".to_owned(), kind: "node.done".to_owned(), data: "{\"a\":\n1}".to_owned() },
            SentEvent { id: "8".to_owned(), kind: String::new(), data: "x".to_owned() },
        ];
        for size in [1, 5, stream.len()] {
            let mut events = Events::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|chunk| events.feed(chunk)).collect();
            assert_eq!(found, wanted, "in chunks of {size}");
        }
    }

    #[test]
    fn a_payload_that_is_not_json_is_a_mistake_in_usage() {
        assert!(parse_payload("{").expect_err("refused").to_string().starts_with("the payload is not JSON"));
    }
}
