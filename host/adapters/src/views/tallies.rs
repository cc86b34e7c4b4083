//! How many flows stand where. A row a status is changed with the flows, so that nobody has to count them, and what a
//! batch says about flows, effects and deliveries is counted for whoever watches the host.

use std::collections::HashMap;

use rosehip_core::{
    event::{Event, Record},
    ids::BoxName,
    state::{EffectStatus, FlowStatus},
};
use rusqlite::Transaction;

use super::{ViewError, ViewReader};

/// Changes to the rows.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<FlowStatus, i64>);

impl Tallies {
    /// A flow stands at `now` that stood at `before`, or was not there.
    pub(super) fn moved(&mut self, before: Option<FlowStatus>, now: Option<FlowStatus>) {
        if before == now {
            return;
        }
        if let Some(before) = before {
            *self.0.entry(before).or_default() -= 1;
        }
        if let Some(now) = now {
            *self.0.entry(now).or_default() += 1;
        }
    }

    /// Writes the changes.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>) -> Result<(), ViewError> {
        let changes = std::mem::take(&mut self.0);
        for (status, change) in &changes {
            transaction
                .prepare_cached(
                    "INSERT INTO tallies VALUES (?1, ?2) ON CONFLICT (status) DO UPDATE SET flows = flows + excluded.flows",
                )?
                .execute((status.as_str(), change))?;
        }
        if changes.values().any(|change| *change < 0) {
            // Views that were rebuilt have no row for what there is none of.
            transaction.prepare_cached("DELETE FROM tallies WHERE flows = 0")?.execute([])?;
        }
        Ok(())
    }
}

/// What happened in a batch, for counters that begin at zero with the host.
#[derive(Debug, Default)]
pub(super) struct Happened {
    effects: HashMap<(String, EffectStatus), u64>,
    others: HashMap<(&'static str, &'static str, &'static str), u64>,
}

impl Happened {
    /// An effect of this kind came to stand so.
    pub(super) fn effect(&mut self, kind: String, status: EffectStatus) {
        *self.effects.entry((kind, status)).or_default() += 1;
    }

    /// Takes in an entry. Its effects are told by [`Happened::effect`].
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not counted is passed over")]
    pub(super) fn record(&mut self, record: &Record) {
        let Some(event) = record.event.as_deref() else { return };
        let counted = match event {
            Event::FlowStarted(_) => ("rosehip_flows_total", "event", "started"),
            Event::FlowSuspended(_) => ("rosehip_flows_total", "event", "suspended"),
            Event::FlowResumed(_) => ("rosehip_flows_total", "event", "resumed"),
            Event::FlowCompleted(_) => ("rosehip_flows_total", "event", "completed"),
            Event::FlowFailed(_) => ("rosehip_flows_total", "event", "failed"),
            Event::FlowCancelled(_) => ("rosehip_flows_total", "event", "cancelled"),
            Event::FlowRetried(_) => ("rosehip_flows_total", "event", "retried"),
            Event::NodeRetrying(_) => ("rosehip_retries_total", "of", "node"),
            Event::EffectChanged(change) if change.to == EffectStatus::Retrying => {
                ("rosehip_retries_total", "of", "effect")
            }
            Event::ActivityAppended(appended) => match appended.activity.r#box {
                BoxName::Inbox => ("rosehip_activities_total", "box", "inbox"),
                BoxName::Outbox => ("rosehip_activities_total", "box", "outbox"),
            },
            Event::DeliveryDelivered(_) => ("rosehip_delivery_attempts_total", "end", "delivered"),
            Event::DeliveryFailed(_) => ("rosehip_delivery_attempts_total", "end", "failed"),
            Event::DeliveryDeadLettered(_) => ("rosehip_delivery_attempts_total", "end", "dead"),
            _ => return,
        };
        *self.others.entry(counted).or_default() += 1;
    }

    /// Adds it to the counters.
    pub(super) fn count(self) {
        for ((kind, status), times) in self.effects {
            metrics::counter!("rosehip_effects_total", "kind" => kind, "status" => status.as_str()).increment(times);
        }
        for ((name, label, value), times) in self.others {
            metrics::counter!(name, label => value).increment(times);
        }
    }
}

/// Numbers of what the views hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standings {
    /// Flows by status.
    pub flows: Vec<(String, u64)>,
    /// Effects that need somebody, by kind and status.
    pub stuck: Vec<(String, String, u64)>,
    /// Activities that are not matched yet.
    pub unmatched: u64,
    /// Deliveries by status.
    pub deliveries: [(&'static str, u64); 4],
}

impl ViewReader {
    /// How many flows, effects that need somebody, activities and deliveries stand where.
    pub fn standings(&self) -> Result<Standings, ViewError> {
        let connection = self.connection();
        let mut flows = connection.prepare_cached("SELECT status, flows FROM tallies ORDER BY status")?;
        let flows = flows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut stuck = connection.prepare_cached(
            "SELECT kind, stuck, count(*) FROM effects WHERE stuck_at IS NOT NULL GROUP BY kind, stuck ORDER BY kind, stuck",
        )?;
        let stuck = stuck.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let deliveries = connection
            .prepare_cached(
                "SELECT coalesce(sum(queued), 0), coalesce(sum(retrying), 0), coalesce(sum(delivered), 0),
                 coalesce(sum(dead), 0) FROM peers",
            )?
            .query_row([], |row| {
                Ok([
                    ("queued", row.get(0)?),
                    ("retrying", row.get(1)?),
                    ("delivered", row.get(2)?),
                    ("dead", row.get(3)?),
                ])
            })?;
        Ok(Standings {
            flows: flows.collect::<Result<_, _>>()?,
            stuck: stuck.collect::<Result<_, _>>()?,
            unmatched: connection
                .prepare_cached("SELECT count(*) FROM activities WHERE matched_by IS NULL")?
                .query_row([], |row| row.get(0))?,
            deliveries,
        })
    }
}
