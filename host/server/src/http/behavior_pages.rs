//! Behaviors as people read them.

use std::fmt::Display;

use askama::Template;
use rosehip_core::{
    behavior::{Binding, Bindings, Candidate, Installed, NodeWork, Wait},
    ids::Digest,
};
use serde_json::json;

use super::{
    access::Need,
    dag_picture::DagPicture,
    flow_json,
    objects::pretty,
    page::{Badge, Frame, Moment, length},
    visitor::Visitor,
};
use crate::host::{Host, Refusal, RefusedUpload};

/// A behavior as the list shows it.
struct BehaviorRow {
    name: String,
    version: String,
    digest: String,
    description: String,
    badge: Badge,
    runner: &'static str,
    triggers: Vec<String>,
}

/// The list of behaviors.
#[derive(Template)]
#[template(path = "behaviors.html")]
pub(super) struct BehaviorsPage {
    frame: Frame,
    behaviors: Vec<BehaviorRow>,
    refused: Vec<RefusedRow>,
    uploads: Vec<RefusedUploadRow>,
}

/// An upload that was refused.
struct RefusedUploadRow {
    /// What it was meant for; none where it was to say so itself.
    behavior: Option<String>,
    rule: String,
    message: String,
    by: String,
    at: Moment,
}

/// A file of the watched directory that did not load.
struct RefusedRow {
    file: String,
    rule: String,
    message: String,
    at: Moment,
}

impl BehaviorsPage {
    /// The page of the behaviors as they stand.
    pub(super) fn new(visitor: &Visitor, host: &Host) -> Self {
        let standing = host.behaviors();
        Self {
            frame: Frame::new("Behaviors", visitor),
            behaviors: standing.values().map(|installed| BehaviorRow::of(installed)).collect(),
            refused: host.refusals().into_iter().map(RefusedRow::from).collect(),
            uploads: host.refused_uploads().into_iter().map(RefusedUploadRow::from).collect(),
        }
    }
}

impl From<RefusedUpload> for RefusedUploadRow {
    fn from(RefusedUpload { behavior, rule, message, by, at }: RefusedUpload) -> Self {
        let behavior = behavior.map(|name| name.to_string());
        Self { behavior, rule, message, by: who(by.as_deref()), at: Moment(at) }
    }
}

impl From<Refusal> for RefusedRow {
    fn from(Refusal { file, rule, message, at }: Refusal) -> Self {
        Self { file, rule, message, at: Moment(at) }
    }
}

impl BehaviorRow {
    fn of(installed: &Installed) -> Self {
        let manifest = &installed.behavior.manifest;
        Self {
            name: installed.name.to_string(),
            version: manifest.version.clone(),
            digest: installed.digest.short(),
            description: manifest.description.clone().unwrap_or_default(),
            badge: badge(installed),
            runner: Host::runner_of(installed),
            triggers: triggers(installed),
        }
    }
}

fn badge(installed: &Installed) -> Badge {
    match installed.enabled {
        true => Badge { sign: "✓", word: "enabled", tone: "good" },
        false => Badge { sign: "⊘", word: "disabled", tone: "quiet" },
    }
}

/// What starts a behavior, a sentence for each trigger.
fn triggers(installed: &Installed) -> Vec<String> {
    installed.behavior.manifest.triggers.iter().map(ToString::to_string).collect()
}

struct NodeRow {
    id: String,
    label: String,
    kind: &'static str,
    after: Vec<String>,
    branches: Vec<String>,
    /// What a wait waits for.
    wait: Option<String>,
}

struct VersionRow {
    digest: String,
    version: String,
    at: Moment,
    by: String,
    /// How it was rolled back from.
    rolled_back: Option<(Moment, String)>,
    /// Whether the name is bound to this module, by this binding or by a later one.
    is_bound: bool,
    is_active: bool,
    activation: Activation,
}

/// What a form sends to bind a module.
pub(super) struct Activation {
    /// The module.
    pub(super) digest: String,
    /// Whether its version is lower than the active one.
    pub(super) is_lower: bool,
    /// Its version and digest in short, for those who do not see the row.
    pub(super) name: String,
}

impl Activation {
    pub(super) fn new(version: impl Display, digest: &Digest, is_lower: bool) -> Self {
        let name = format!("{version} ({})", digest.short());
        Self { digest: digest.to_string(), is_lower, name }
    }
}

struct CandidateRow {
    digest: String,
    version: String,
    at: Moment,
    by: String,
    activation: Activation,
}

/// One behavior.
#[derive(Template)]
#[template(path = "behavior.html")]
pub(super) struct BehaviorPage {
    frame: Frame,
    row: BehaviorRow,
    digest: String,
    is_enabled: bool,
    needs: String,
    picture: Option<DagPicture>,
    nodes: Vec<NodeRow>,
    /// Kinds with whether they are granted.
    effects: Vec<(String, bool)>,
    to_grant: String,
    candidates: Vec<CandidateRow>,
    /// Files that would have been bound to it and did not load.
    refused: Vec<RefusedRow>,
    /// The last upload, where it was refused.
    uploads: Vec<RefusedUploadRow>,
    history: Vec<VersionRow>,
    previous: Option<String>,
    config: String,
    config_error: Option<String>,
    /// Linear memory of a call, in MiB.
    memory_mib: usize,
    policy: String,
    policy_error: Option<String>,
    schema: Option<String>,
    may_operate: bool,
    /// Whether the visitor may ask what a module would have done.
    may_replay: bool,
}

/// What was typed into one of a behavior's forms and refused.
pub(super) enum Refused {
    /// The config, and why.
    Config(String, String),
    /// The grant, and why.
    Policy(String, String),
}

impl BehaviorPage {
    /// The page of a behavior, with what was refused, if something was.
    pub(super) fn new(visitor: &Visitor, host: &Host, installed: &Installed, refused: Option<Refused>) -> Self {
        let bindings = &host.bindings(&installed.name);
        let is_of_it = |refusal: &Refusal| refusal.file.strip_suffix(".wasm") == Some(installed.name.as_str());
        let behavior = &installed.behavior;
        let row = BehaviorRow::of(installed);
        let needs: Vec<_> = behavior.needs.iter().map(ToString::to_string).collect();
        let granted: Vec<&str> = installed.grant.kinds().collect();
        let mut page = Self {
            frame: Frame::new(row.name.clone(), visitor),
            row,
            digest: installed.digest.to_string(),
            is_enabled: installed.enabled,
            needs: needs.join(", "),
            picture: DagPicture::of_dag(installed.digest, &behavior.dag),
            nodes: nodes(installed),
            effects: behavior.effects.iter().map(|kind| (kind.clone(), granted.contains(&kind.as_str()))).collect(),
            to_grant: installed.grant.missing(&behavior.effects).join(", "),
            candidates: candidates(installed, bindings),
            refused: host.refusals().into_iter().filter(is_of_it).map(RefusedRow::from).collect(),
            uploads: host.refused_upload_of(&installed.name).map(RefusedUploadRow::from).into_iter().collect(),
            history: history(installed, bindings),
            previous: bindings.previous().map(|previous| previous.version.to_string()),
            config: pretty(&json!(installed.effective_config)),
            config_error: None,
            memory_mib: installed.grant.memory_bytes() >> 20,
            policy: pretty(&json!(installed.grant)),
            policy_error: None,
            schema: behavior.manifest.config_schema.as_ref().map(pretty),
            may_operate: visitor.has(Need::Operate),
            may_replay: visitor.has(Need::Upload),
        };
        match refused {
            Some(Refused::Config(typed, why)) => (page.config, page.config_error) = (typed, Some(why)),
            Some(Refused::Policy(typed, why)) => (page.policy, page.policy_error) = (typed, Some(why)),
            None => {}
        }
        page
    }
}

fn nodes(installed: &Installed) -> Vec<NodeRow> {
    let dag = &installed.behavior.dag;
    let row = |index| {
        let node = dag.node(index);
        NodeRow {
            id: node.id.to_string(),
            label: node.label.clone(),
            kind: flow_json::kind(&node.work),
            after: dag.leading_to(index),
            branches: node.branches.iter().cloned().collect(),
            wait: waits_for(&node.work),
        }
    };
    dag.reading_order().into_iter().map(row).collect()
}

fn waits_for(work: &NodeWork) -> Option<String> {
    match work {
        NodeWork::Wait(Wait::For(milliseconds)) => Some(format!("for {}", length(*milliseconds))),
        NodeWork::Wait(Wait::Until(pointer)) => Some(format!("until the time at {pointer}")),
        NodeWork::Wait(Wait::Signal { name, timeout: None }) => Some(format!("for the signal {name}")),
        NodeWork::Wait(Wait::Signal { name, timeout: Some(milliseconds) }) => {
            Some(format!("for the signal {name}, at most {}", length(*milliseconds)))
        }
        NodeWork::Each(pointer) => Some(format!("for each of {pointer}")),
        NodeWork::Step => None,
    }
}

fn who(by: Option<&str>) -> String {
    by.unwrap_or("the host").to_owned()
}

/// The modules that the name was bound to, the newest first.
fn history(installed: &Installed, bindings: &Bindings) -> Vec<VersionRow> {
    let row = |(place, past): (usize, &Binding)| VersionRow {
        digest: past.digest.short(),
        version: past.version.to_string(),
        at: Moment(past.installed_at),
        by: who(past.by.as_deref()),
        rolled_back: past.rolled_back.as_ref().map(|back| (Moment(back.at), who(back.by.as_deref()))),
        is_bound: past.digest == installed.digest,
        is_active: place == bindings.active_place(),
        activation: Activation::new(&past.version, &past.digest, past.version < installed.behavior.version),
    };
    let mut rows: Vec<_> = bindings.history().iter().enumerate().map(row).collect();
    rows.reverse();
    rows
}

/// The modules that are offered, the newest first.
fn candidates(installed: &Installed, bindings: &Bindings) -> Vec<CandidateRow> {
    let row = |offered: &Candidate| CandidateRow {
        digest: offered.digest.short(),
        version: offered.version.to_string(),
        at: Moment(offered.offered_at),
        by: who(offered.by.as_deref()),
        activation: Activation::new(&offered.version, &offered.digest, offered.version < installed.behavior.version),
    };
    bindings.candidates().iter().rev().map(row).collect()
}
