//! What an operator does to many flows or effects at once: counted first, each with who and why, each refusal told.

use std::{collections::HashSet, sync::Arc};

use futures_util::stream::{self, StreamExt as _};
use rosehip_adapters::views::{FlowFilter, StuckEffect, StuckFilter};
use rosehip_core::{flow::FlowSummary, ids::FlowId, limits::BULK_AT_ONCE, state::FlowStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ActionError, FlowQuery, Host, ReadError};

/// Flows or effects that are acted on at a time, so that their appends share commits.
const CONCURRENT: usize = 16;

/// What is done to flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowAction {
    /// Failed nodes are called again.
    Retry,
    /// The activity goes through the behavior as it stands now.
    Rerun,
    /// Flows end, and their open effects are called off.
    Cancel,
}

impl FlowAction {
    /// The action that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "retry" => Some(Self::Retry),
            "rerun" => Some(Self::Rerun),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }

    /// The statuses of flows that it is meant for, where the filter names none.
    fn statuses(self) -> Vec<&'static str> {
        let statuses: &[FlowStatus] = match self {
            Self::Retry => &[FlowStatus::Failed],
            Self::Rerun => &[FlowStatus::Completed, FlowStatus::Failed, FlowStatus::Cancelled],
            Self::Cancel => &[FlowStatus::Running, FlowStatus::Suspended],
        };
        statuses.iter().map(|status| status.as_str()).collect()
    }
}

/// How many things are acted on, by whom and why.
#[derive(Debug, Clone, Default)]
pub struct Bulk {
    /// Only count them.
    pub dry_run: bool,
    /// Who.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BulkDone {
    /// How many the filter finds, from the cursor on.
    pub matched: u64,
    /// How many were acted on.
    pub done: usize,
    /// Those that did not allow it.
    pub refused: Vec<Refused>,
    /// Whether it was only counted.
    pub dry_run: bool,
    /// Whether there are more than are acted on at once.
    pub more: bool,
    /// Where they begin.
    pub next: Option<String>,
}

/// A flow or effect that did not allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// Why not.
    pub why: String,
}

impl Host {
    /// Retries, reruns or cancels the flows that a filter finds, the newest first, [`BULK_AT_ONCE`] at most. It is carried
    /// through even if whoever asked goes away.
    pub async fn act_on_flows(
        self: &Arc<Self>,
        action: FlowAction,
        query: FlowQuery,
        bulk: Bulk,
    ) -> Result<BulkDone, ActionError> {
        let filter = self.flow_filter(query).await?;
        let statuses = if filter.status.is_none() { action.statuses() } else { Vec::new() };
        let filter = FlowFilter { statuses, ..filter };
        let read = self.read_views(|views| Ok((views.count_flows(&filter)?, views.flows(&filter, BULK_AT_ONCE)?)));
        let (matched, found) = read.await?;
        let mut done = BulkDone { matched, dry_run: bulk.dry_run, ..BulkDone::default() };
        done.goes_on(found.len(), found.last().map(|(seq, _)| seq.to_string()));
        if bulk.dry_run {
            return Ok(done);
        }
        let mut flows: Vec<FlowSummary> = found.into_iter().map(|(_, flow)| flow).collect();
        if action == FlowAction::Rerun {
            done.refused.extend(take_earlier_runs(&mut flows));
        }
        let host = Arc::clone(self);
        let ends = tokio::spawn(async move {
            let act = |flow: FlowSummary| {
                let (host, bulk) = (Arc::clone(&host), bulk.clone());
                async move { (flow.id.to_string(), host.act_on_flow(action, flow.id, bulk).await) }
            };
            // Those that began first are acted on first.
            stream::iter(flows.into_iter().rev().map(act)).buffered(CONCURRENT).collect::<Vec<_>>().await
        });
        done.take(ends.await.map_err(|error| ReadError(error.to_string()))?)
    }

    async fn act_on_flow(self: &Arc<Self>, action: FlowAction, flow: FlowId, bulk: Bulk) -> Result<(), ActionError> {
        let Bulk { by, reason, .. } = bulk;
        match action {
            FlowAction::Retry => self.retry(flow, by, reason).await.map(drop),
            FlowAction::Rerun => self.rerun(flow, by, reason).await.map(drop),
            FlowAction::Cancel => self.cancel(flow, by, reason).await.map(drop),
        }
    }

    /// Has dead and unhandled effects that a filter finds tried again, those first that have waited longest,
    /// [`BULK_AT_ONCE`] at most. It is carried through even if whoever asked goes away.
    pub async fn redrive_all(self: &Arc<Self>, filter: StuckFilter, bulk: Bulk) -> Result<BulkDone, ActionError> {
        // What fails again meanwhile is stuck anew, and is no part of what was meant.
        let until = filter.until.unwrap_or(self.committed());
        let filter = StuckFilter { until: Some(until), ..filter };
        let read = self.read_views(|views| Ok((views.count_stuck(&filter)?, views.stuck(&filter, BULK_AT_ONCE)?)));
        let (matched, found) = read.await?;
        let mut done = BulkDone { matched, dry_run: bulk.dry_run, ..BulkDone::default() };
        done.goes_on(found.len(), found.last().map(|effect| format!("{}-{until}", effect.seq)));
        if bulk.dry_run {
            return Ok(done);
        }
        let host = Arc::clone(self);
        let ends = tokio::spawn(async move {
            let act = |stuck: StuckEffect| {
                let (host, Bulk { by, reason, .. }) = (Arc::clone(&host), bulk.clone());
                async move {
                    let redriven = host.actions().redrive(stuck.flow, stuck.effect, by, reason).await;
                    (stuck.effect.to_string(), redriven.map(drop).map_err(ActionError::from))
                }
            };
            stream::iter(found.into_iter().map(act)).buffered(CONCURRENT).collect::<Vec<_>>().await
        });
        done.take(ends.await.map_err(|error| ReadError(error.to_string()))?)
    }
}

/// Of several runs of one activity only the newest is run again: all would become the same.
fn take_earlier_runs(flows: &mut Vec<FlowSummary>) -> Vec<Refused> {
    let mut seen = HashSet::new();
    let mut refused = Vec::new();
    flows.retain(|flow| {
        let is_first = seen.insert((flow.activity.clone(), flow.owner.clone(), flow.behavior.clone()));
        if !is_first {
            let why = "a later run of the same activity is run again".to_owned();
            refused.push(Refused { id: flow.id.to_string(), why });
        }
        is_first
    });
    refused
}

impl BulkDone {
    fn goes_on(&mut self, found: usize, next: Option<String>) {
        self.more = self.matched > found as u64;
        self.next = next.filter(|_| self.more);
    }

    /// Counts what became of each. What is a matter of the host and not of the flow ends it.
    fn take(mut self, ends: Vec<(String, Result<(), ActionError>)>) -> Result<Self, ActionError> {
        for (id, end) in ends {
            match end {
                Ok(()) => self.done += 1,
                Err(error @ (ActionError::NotFound(_) | ActionError::Illegal(_))) => {
                    self.refused.push(Refused { id, why: error.to_string() });
                }
                // What was done before is told: nobody would know it from an error.
                Err(error) if self.done > 0 => self.refused.push(Refused { id, why: error.to_string() }),
                Err(error) => return Err(error),
            }
        }
        Ok(self)
    }
}
