//! `GET /behaviors/{name}/what-if?digest=&last=`: what a behavior's newest flows would have done with a module that it has as
//! a candidate or in its history, before somebody activates it.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use rosehip_adapters::replays::ReplayedFlow;
use rosehip_core::{
    difference::Difference,
    limits::{REPLAY_FLOWS, REPLAY_FLOWS_PAGE},
    replay::{Change, EffectChange, PathChange, Replay, Tally, Verdict},
};
use serde_json::{Value, json};

use super::{
    App,
    access::Need,
    article_pages::document,
    behavior_pages::Activation,
    behaviors::{Named, installed},
    fault::Fault,
    flow_row::object_link,
    input,
    negotiate::{self, Form, choose},
    objects::pretty,
    page::{self, Badge, Frame, Moment},
    replays,
    visitor::Visitor,
};
use crate::host::{Question, ReplayRequest};

/// Flows that the page lists.
const LISTED: usize = 50;

/// `GET /behaviors/{name}/what-if`
pub(super) async fn page(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let active = installed(&app.host, &name)?;
    let mut fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    let digest = fields.remove("digest").unwrap_or_default();
    let last = match fields.get("last").map(|last| last.trim()).filter(|last| !last.is_empty()) {
        None => REPLAY_FLOWS,
        Some(last) => {
            let last = last.parse().ok().filter(|last| (1..=REPLAY_FLOWS_PAGE).contains(last));
            last.ok_or_else(|| Fault::invalid("last", "form", format!("must be 1 to {REPLAY_FLOWS_PAGE}")))?
        }
    };
    let request = ReplayRequest { behavior: Some(name.clone()), last: Some(last), ..ReplayRequest::default() };
    let what_if = app.host.what_if(Question::Known(digest.trim().to_owned()), request).await?;
    let Some((digest, behavior)) = what_if.module.clone() else { return Err(Fault::not_found("module")) };
    let (tally, flows) = replays::collect(what_if, LISTED).await?;
    let form = choose(&headers, negotiate::PAGE);
    if form != Form::Html {
        let flows: Vec<_> = flows.iter().map(replays::document).collect();
        return Ok(document(form, &json!({"digest": digest, "summary": tally, "flows": flows})));
    }
    let is_active = digest == active.digest;
    let version = behavior.version.to_string();
    let activation = Activation::new(&version, &digest, behavior.version < active.behavior.version);
    let listed = flows.len() as u64;
    let (badge, words) = verdict_of(&tally);
    Ok(page::html(&WhatIfPage {
        frame: Frame::new(format!("What if {version}? · {name}"), &visitor),
        name: name.to_string(),
        version,
        digest: digest.to_string(),
        badge,
        words,
        activation: (visitor.has(Need::Operate) && !is_active).then_some(activation),
        last,
        most: REPLAY_FLOWS_PAGE,
        more: (tally.flows - tally.same).saturating_sub(listed),
        tally,
        flows: flows.iter().map(|replayed| FlowRow::of(replayed, &visitor)).collect(),
    }))
}

#[derive(Template)]
#[template(path = "what_if.html")]
struct WhatIfPage {
    frame: Frame,
    name: String,
    version: String,
    digest: String,
    badge: Badge,
    words: &'static str,
    activation: Option<Activation>,
    last: usize,
    most: usize,
    more: u64,
    tally: Tally,
    flows: Vec<FlowRow>,
}

struct FlowRow {
    id: String,
    short: String,
    object: Option<(String, String)>,
    started: Moment,
    badge: Badge,
    why: Option<String>,
    changes: Vec<ChangeRow>,
}

/// What would be different, with the lines that say so.
pub(super) struct ChangeRow {
    pub(super) what: String,
    pub(super) lines: Vec<String>,
}

fn verdict_of(tally: &Tally) -> (Badge, &'static str) {
    match (tally.flows, tally.changed + tally.failed, tally.out_of_support) {
        (0, ..) => (
            Badge { sign: "◌", word: "nothing to replay", tone: "quiet" },
            "The behavior has no flow yet that could be replayed.",
        ),
        (_, 0, 0) => (
            Badge { sign: "✓", word: "the same", tone: "good" },
            "Its flows were replayed on this module: every one asks for the effects that it asked for. Nothing was sent.",
        ),
        (_, 0, _) => (
            Badge { sign: "?", word: "out of support", tone: "quiet" },
            "Its flows were replayed on this module, and of these nobody can tell: it asks for what was not recorded. \
             Nothing was sent.",
        ),
        _ => (
            Badge { sign: "≠", word: "different", tone: "waiting" },
            "Its flows were replayed on this module: these would have gone another way. Nothing was sent.",
        ),
    }
}

impl FlowRow {
    fn of(replayed: &ReplayedFlow, visitor: &Visitor) -> Self {
        let (flow, replay) = (&replayed.flow, &replayed.replay);
        let (sign, tone) = match &replay.verdict {
            Verdict::Same => ("✓", "good"),
            Verdict::Changed => ("≠", "waiting"),
            Verdict::Failed { .. } => ("✕", "bad"),
            Verdict::OutOfSupport { .. } => ("?", "quiet"),
            Verdict::Erased { .. } => ("⌫", "quiet"),
        };
        Self {
            short: flow.id.short(),
            id: flow.id.to_string(),
            object: object_link(flow, visitor),
            started: Moment(flow.started_at),
            badge: Badge { sign, word: replay.verdict.as_str(), tone },
            why: replay.why(),
            changes: ChangeRow::all(replay),
        }
    }
}

impl ChangeRow {
    /// Everything that is different in a replayed flow.
    pub(super) fn all(replay: &Replay) -> Vec<Self> {
        replay.paths.iter().map(Self::of_path).chain(replay.effects.iter().map(Self::of_effect)).collect()
    }

    fn of_effect(effect: &EffectChange) -> Self {
        let place = place(effect.node.as_str(), effect.item);
        let (kind, ordinal) = (&effect.kind, effect.ordinal);
        let what = |sign: &str| format!("{sign} {kind} by {place}, effect {ordinal}");
        match &effect.change {
            Change::Added { payload, denied } => {
                let denied = denied.as_ref().and_then(Value::as_str).map(|rule| format!("denied: {rule}"));
                Self { what: what("+"), lines: denied.into_iter().chain([pretty(payload)]).collect() }
            }
            Change::Removed { payload } => Self { what: what("−"), lines: vec![pretty(payload)] },
            Change::Altered { differences } => Self { what: what("~"), lines: vec![lines(differences)] },
        }
    }

    fn of_path(path: &PathChange) -> Self {
        Self { what: place(path.node.as_str(), path.item), lines: vec![lines(&path.differences)] }
    }
}

fn place(node: &str, item: Option<u32>) -> String {
    item.map_or_else(|| node.to_owned(), |item| format!("{node}, item {item}"))
}

fn lines(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
