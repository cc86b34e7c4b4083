//! Flows: lists, one with all that happened, and what people do to them.

use std::{collections::BTreeSet, sync::Arc};

use rosehip_adapters::{
    engine::{Engine, EngineActions, EngineError, runners},
    store::SqliteReader,
    views::{ChildFlow, FlowFilter},
};
use rosehip_core::{
    activity::Activity,
    behavior::{Capability, bind},
    effect::EffectState,
    event::{ActivityMatched, Event, Record, flow_stream},
    flow::{FlowState, FlowSummary},
    ids::{ActivityId, ActorName, BehaviorName, EffectId, FlowId},
    limits::{FLOW_CHILDREN, FLOW_RUNS, FLOWS_COUNTED, PAGE_MAX},
    log::StoredEntry,
    pipeline::walk::{Allowed, NOTHING_COUNTED},
    ports::LogReader,
    state::{EffectStatus, FlowStatus},
    time::Timestamp,
};
use serde_json::{Value, value::RawValue};

use super::{Host, ReadError, Spread};

/// What `GET /flows` asks for.
#[derive(Debug, Clone, Default)]
pub struct FlowQuery {
    /// Flows of a page.
    pub limit: usize,
    /// Where the page begins: what the page before gave as `next`.
    pub cursor: Option<u64>,
    /// Only of this status.
    pub status: Option<FlowStatus>,
    /// Only of this behavior.
    pub behavior: Option<BehaviorName>,
    /// Only about this object: its slug, its id or `Type/id`.
    pub object: Option<String>,
    /// Only of this actor.
    pub actor: Option<ActorName>,
    /// Only of this activity: its id, its token or its Cid.
    pub activity: Option<String>,
    /// Only those that started before this moment.
    pub older_than: Option<Timestamp>,
    /// Only those that started at or after this moment.
    pub newer_than: Option<Timestamp>,
    /// Only those that asked for an effect of this kind.
    pub effect: Option<String>,
    /// Only those of which an effect has each of these statuses.
    pub effect_statuses: Vec<EffectStatus>,
    /// Only those that have waited since before this moment.
    pub waits_since: Option<Timestamp>,
    /// Only those that all the words of this text are about.
    pub text: Option<String>,
}

/// How many flows a filter finds, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowCount {
    /// So many.
    pub flows: u64,
    /// Whether there are more.
    pub is_more: bool,
}

/// A page of flows, newest first.
#[derive(Debug, Clone)]
pub struct FlowPage {
    /// The flows.
    pub flows: Vec<FlowSummary>,
    /// Where each stands in the log.
    pub places: Vec<FlowPlace>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

/// Where a flow of a page stands in the log.
#[derive(Debug, Clone, Copy)]
pub struct FlowPlace {
    /// `seq` of the entry that began it.
    pub seq: u64,
    /// When its activity was recorded; none where that entry was erased.
    pub queued_at: Option<Timestamp>,
}

/// A flow with all that happened.
#[derive(Debug)]
pub struct FlowDetail {
    /// The fold of its entries; `state.summary` is its list item.
    pub state: FlowState,
    /// Its activity.
    pub activity: Activity,
    /// When its activity was recorded.
    pub queued_at: Timestamp,
    /// Its entries, oldest first, with the JSON of each body as it stands in the log: a body that says much takes many
    /// times its length once it is read.
    pub records: Vec<(Record, Box<RawValue>)>,
    /// What its DAG needs of a runner.
    pub needs: Vec<Capability>,
    /// The runner it got.
    pub runner: &'static str,
    /// Other runs of its behavior for its activity, by run; of very many the last.
    pub runs: Vec<FlowSummary>,
    /// Flows that its effects caused, oldest first.
    pub children: Vec<ChildFlow>,
    /// Whether there are more of them.
    pub more_children: bool,
    /// Who has what it is about, and what its effects said: of each activity that goes elsewhere.
    pub spreads: Vec<(ActivityId, Spread)>,
}

/// Why an action on a flow or effect was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such flow or effect.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Its state does not allow it.
    #[error("{0}")]
    Illegal(String),
    /// Queues are full, the disk is full or the host stops.
    #[error(transparent)]
    Write(#[from] super::WriteError),
    /// The log or a view could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// An activity of a box.
#[derive(Debug, Clone)]
pub struct FoundActivity {
    /// The activity.
    pub activity: Activity,
    /// What it started and why each other behavior did not, once it is matched.
    pub matched: Option<ActivityMatched>,
    /// Whether everybody may see it: an actor of this host did it, for everybody, and has not taken it back.
    pub is_for_everybody: bool,
}

impl Host {
    /// A page of flows.
    pub async fn flows(&self, query: FlowQuery) -> Result<FlowPage, ReadError> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let filter = self.flow_filter(query).await?;
        let mut rows = self.read_views(|views| views.flows(&filter, limit + 1)).await?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(|(seq, _)| *seq);
        let (seqs, flows): (Vec<_>, _) = rows.into_iter().unzip();
        let places = self.read_log(|log| seqs.into_iter().map(|seq| place(log, seq)).collect())?;
        Ok(FlowPage { flows, places, next })
    }

    /// How many flows a query finds on all pages, counted up to [`FLOWS_COUNTED`].
    pub async fn count_flows(&self, query: FlowQuery) -> Result<FlowCount, ReadError> {
        let filter = self.flow_filter(FlowQuery { cursor: None, ..query }).await?;
        let found = self.read_views(|views| views.count_flows_up_to(&filter, FLOWS_COUNTED + 1)).await?;
        Ok(FlowCount { flows: found.min(FLOWS_COUNTED), is_more: found > FLOWS_COUNTED })
    }

    /// What the views are asked.
    pub(super) async fn flow_filter(&self, query: FlowQuery) -> Result<FlowFilter, ReadError> {
        let activity = match &query.activity {
            Some(name) => Some(self.activity_id(name).await?),
            None => None,
        };
        Ok(FlowFilter {
            before: query.cursor,
            status: query.status.map(|status| status.as_str().to_owned()),
            behavior: query.behavior.map(|name| name.to_string()),
            object: query.object,
            owner: query.actor.map(|name| name.to_string()),
            activity,
            statuses: Vec::new(),
            from: query.newer_than.map(Timestamp::as_millis),
            until: query.older_than.map(Timestamp::as_millis),
            kind: query.effect,
            effect_statuses: query.effect_statuses,
            waits_since: query.waits_since.map(Timestamp::as_millis),
            text: query.text,
        })
    }

    /// The id of the activity that goes by this id, token or Cid; the name itself where none does.
    async fn activity_id(&self, name: &str) -> Result<String, ReadError> {
        if name.contains("://") {
            return Ok(name.to_owned());
        }
        Ok(self.activity(name).await?.map_or_else(|| name.to_owned(), |found| found.activity.id.to_string()))
    }

    /// A flow with all that happened. `prefix` is its id or the beginning of it, at least four characters.
    pub async fn flow(&self, prefix: &str) -> Result<Option<FlowDetail>, ReadError> {
        if prefix.len() < 4 {
            return Ok(None);
        }
        let Some((_, summary)) = self.read_views(|views| views.flow(prefix)).await? else { return Ok(None) };
        let unreadable = |error: EngineError| ReadError(error.to_string());
        let Some(state) = self.with_engine(|engine| engine.flow(summary.id)).map_err(unreadable)? else {
            return Ok(None);
        };
        let seq = state.started.activity_seq;
        let (entries, activity) =
            self.read_log(|log| Ok((log.stream(&flow_stream(summary.id), 0)?, log.read(seq, 1)?)))?;
        let event = activity.first().map(Record::read).transpose().map_err(|error| ReadError(error.to_string()))?;
        let queued_at = event.as_ref().map_or(summary.started_at, |record| record.time);
        let event = event.and_then(|record| record.event);
        let Some(Event::ActivityAppended(appended)) = event.as_deref() else {
            return Err(ReadError(format!("entry {seq} is no activity that can be read")));
        };
        let records = entries.iter().map(with_body).collect::<Result<_, _>>()?;
        let module = self.with_engine(|engine| engine.registry().module(state.started.digest).cloned());
        let needs = module.map(|module| module.needs.clone()).unwrap_or_default();
        let runner = runner_name(&needs);
        let activity = Activity::clone(&appended.activity);
        let mut children = self.read_views(|views| views.children(&summary.id.to_string(), FLOW_CHILDREN + 1)).await?;
        let more_children = children.len() > FLOW_CHILDREN;
        children.truncate(FLOW_CHILDREN);
        let needs = needs.into_iter().collect();
        let spreads = self.spreads_of(&state, &activity).await?;
        let runs = self.other_runs(&summary).await?;
        Ok(Some(FlowDetail {
            state,
            activity,
            queued_at,
            records,
            needs,
            runner,
            runs,
            children,
            more_children,
            spreads,
        }))
    }

    /// Other runs of a flow's behavior for its activity, by run.
    async fn other_runs(&self, summary: &FlowSummary) -> Result<Vec<FlowSummary>, ReadError> {
        let runs = self.read_views(|views| views.flows(&runs_of(summary), FLOW_RUNS + 1)).await?;
        let mut others: Vec<_> = runs.into_iter().map(|(_, run)| run).filter(|run| run.id != summary.id).collect();
        others.truncate(FLOW_RUNS);
        others.sort_by_key(|run| run.run);
        Ok(others)
    }

    /// Calls a failed flow's failed nodes again. Returns its list item.
    pub async fn retry(
        &self,
        flow: FlowId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        let engine = self.actions();
        Ok(engine.retry(flow, by, reason).await?)
    }

    /// Runs the flow's activity through the behavior again, as it stands now. Returns the new flow.
    pub async fn rerun(
        self: &Arc<Self>,
        flow: FlowId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        tracing::info!(%flow, by, "rerun");
        let found = self.read_views(|views| views.flow(&flow.to_string())).await?;
        let (_, summary) = found.ok_or(ActionError::NotFound("flow"))?;
        let runs = self.read_views(|views| views.flows(&runs_of(&summary), PAGE_MAX)).await?;
        let last = runs.iter().map(|(_, flow)| flow.run).max().unwrap_or(summary.run);
        let host = Arc::clone(self);
        let rerun = tokio::spawn(async move {
            // What the new flow names is needed only once it is recorded; the collector waits for its turn, which is kept
            // even if whoever asked goes away.
            let _turn = host.installing.lock().await;
            host.actions().rerun(flow, last + 1, by, reason).await
        });
        Ok(rerun.await.map_err(|error| ReadError(error.to_string()))??)
    }

    /// Ends a flow and calls off its open effects.
    pub async fn cancel(
        &self,
        flow: FlowId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        Ok(self.actions().cancel(flow, by, reason).await?)
    }

    /// Pins a flow, so that retention leaves it alone, or lets it go.
    pub async fn pin(&self, flow: FlowId, pinned: bool, by: Option<String>) -> Result<FlowSummary, ActionError> {
        Ok(self.actions().pin(flow, pinned, by).await?)
    }

    /// Sends a flow a signal; `false` where it is ignored because one of that name came before or the flow has ended.
    pub async fn signal(
        &self,
        flow: FlowId,
        name: &str,
        payload: Value,
        by: Option<String>,
    ) -> Result<bool, ActionError> {
        Ok(self.actions().signal(flow, name, payload, by).await?)
    }

    /// The rule that would deny an effect if it were attempted now; none where it would be sent.
    pub fn denies(&self, flow: &FlowState, effect: &EffectState) -> Option<String> {
        let started = &flow.started;
        let module = self.with_engine(|engine| engine.registry().module(started.digest).cloned());
        let Some(module) = module else {
            return Some("ungranted: what its module declares is not known any more".to_owned());
        };
        let standing = self.behaviors();
        let allowed = Allowed {
            declared: &module.effects,
            pinned: &started.grant,
            now: standing.get(&started.behavior).map(|installed| &installed.grant),
            owner: &started.owner,
            base_url: self.base_url(),
            recorded: &NOTHING_COUNTED,
        };
        allowed.permits(&effect.effect.kind, &effect.effect.payload).err().map(|denial| denial.to_string())
    }

    /// Has a dead or unhandled effect tried again. Returns its flow.
    pub async fn redrive(
        &self,
        effect: EffectId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowId, ActionError> {
        let flow = self.flow_of_effect(effect).await?.ok_or(ActionError::NotFound("effect"))?;
        self.actions().redrive(flow, effect, by, reason).await?;
        Ok(flow)
    }

    /// One activity by id, token or Cid.
    pub async fn activity(&self, name: &str) -> Result<Option<FoundActivity>, ReadError> {
        let Some(place) = self.read_views(|views| views.activity(name)).await? else { return Ok(None) };
        let Some(activity) = self.activity_at(place.seq)? else { return Ok(None) };
        let matched = match place.matched_by {
            Some(seq) => match self.record(seq)?.and_then(|record| record.event).as_deref() {
                Some(Event::ActivityMatched(matched)) => Some(matched.clone()),
                _ => None,
            },
            None => None,
        };
        Ok(Some(FoundActivity { activity, matched, is_for_everybody: place.is_for_everybody }))
    }

    pub(super) fn actions(&self) -> EngineActions {
        self.with_engine(Engine::actions)
    }
}

/// All runs of a flow's behavior for its activity.
fn runs_of(summary: &FlowSummary) -> FlowFilter {
    FlowFilter {
        activity: Some(summary.activity.to_string()),
        behavior: Some(summary.behavior.to_string()),
        owner: Some(summary.owner.to_string()),
        ..FlowFilter::default()
    }
}

/// Where the flow stands that an entry began.
fn place(log: &SqliteReader, seq: u64) -> Result<FlowPlace, anyhow::Error> {
    let began = log.read(seq, 1)?.first().map(Record::read).transpose()?;
    let queued_at = match began.and_then(|record| record.event).as_deref() {
        Some(Event::FlowStarted(started)) => log.read(started.activity_seq, 1)?.first().map(|entry| entry.header.time),
        _ => None,
    };
    Ok(FlowPlace { seq, queued_at })
}

/// An entry with its body as JSON, as the page of a flow shows it.
pub fn with_body(entry: &StoredEntry) -> Result<(Record, Box<RawValue>), ReadError> {
    let unreadable = |error: &dyn std::fmt::Display| ReadError(format!("entry {}: {error}", entry.header.seq));
    let record = Record::read(entry).map_err(|error| unreadable(&error))?;
    let body = match &entry.body {
        Some((_, body)) => serde_json::from_slice(body).map_err(|error| unreadable(&error))?,
        None => RawValue::NULL.to_owned(),
    };
    Ok((record, body))
}

/// The name of the runner that covers what a DAG needs.
pub fn runner_name(needs: &BTreeSet<Capability>) -> &'static str {
    let runners = runners();
    bind(needs, &runners).map_or("none", |runner| runner.name)
}

impl From<rosehip_adapters::engine::ActionError> for ActionError {
    fn from(error: rosehip_adapters::engine::ActionError) -> Self {
        use rosehip_adapters::engine::ActionError as Adapter;
        match error {
            Adapter::NotFound => Self::NotFound("flow"),
            Adapter::Illegal(illegal) => Self::Illegal(illegal.to_string()),
            Adapter::Refused(message) => Self::Illegal(message),
            Adapter::Engine(EngineError::Append(error)) => Self::Write(error.into()),
            Adapter::Engine(error) => Self::Read(ReadError(error.to_string())),
        }
    }
}
