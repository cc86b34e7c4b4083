//! Retention: the bodies of flows that ended long ago go, oldest first, where the operator says how long or how much is
//! kept. Nothing else ever goes by age: objects, activities, matches and behaviors are what pages are made from.
//!
//! It reads the views for flows that have ended, and appends `erased` entries in small steps, so that writes come in
//! between. It begins at a start and looks again every hour.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rosehip_adapters::{clock::SystemClock, engine::HeldFlows};
use rosehip_core::{
    erasure::{Grounds, RETENTION, erasures, may_go},
    event::flow_stream,
    flow::FlowSummary,
    ids::FlowId,
    limits::RETENTION_FLOWS,
    log::SeqSet,
    ports::{Compaction, LogReader as _},
    time::Timestamp,
};

use super::{
    ActionError, Host, ReadError,
    erasing::{Erasure, ErasureError, ErasureRequest},
};

/// How often it is looked what may go.
const EVERY: Duration = Duration::from_hours(1);
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is kept. By default, everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Days that flows are kept after they ended.
    pub flows_days: Option<u32>,
    /// Bytes of bodies that the log may have; beyond, flows go before their days are over.
    pub max_bytes: Option<u64>,
}

impl Retention {
    /// Whether nothing ever goes.
    fn keeps_everything(self) -> bool {
        self == Self::default()
    }
}

/// How far a pass goes.
struct Pass<'a> {
    /// Flows that ended later stay.
    until: Timestamp,
    /// It ends once so many bytes are gone.
    enough: u64,
    grounds: &'a Grounds,
    dry_run: bool,
}

/// Looks at once and then every hour, for as long as the host is there.
pub(super) async fn run(host: Weak<Host>) {
    loop {
        let Some(strong) = host.upgrade() else { return };
        let retention = strong.options.retention;
        if retention.keeps_everything() {
            return;
        }
        match strong.retain(retention).await {
            Ok(gone) if gone.flows > 0 => {
                tracing::info!(flows = gone.flows, bytes = gone.bytes, "retention erased flows");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "retention is tried again in an hour"),
        }
        drop(strong);
        tokio::time::sleep(EVERY).await;
    }
}

impl Host {
    /// Erases what is over its days, and then what is over the log's size.
    async fn retain(self: &Arc<Self>, retention: Retention) -> Result<Erasure, ErasureError> {
        let _erasing = self.erasing.lock().await;
        let now = SystemClock::now();
        let grounds = |reason: String| Grounds { reason, about: RETENTION.to_owned(), by: None };
        let mut gone = Erasure::default();
        if let Some(days) = retention.flows_days {
            let grounds = grounds(format!("retention.flows_days = {days}"));
            let until = Timestamp::from_millis(now.as_millis().saturating_sub(i64::from(days) * DAY_MS));
            self.pass(&Pass { until, enough: u64::MAX, grounds: &grounds, dry_run: false }, &mut gone).await?;
        }
        if let Some(max_bytes) = retention.max_bytes {
            let host = Arc::clone(self);
            let counted = tokio::task::spawn_blocking(move || host.read_log(|log| Ok(log.body_bytes()?))).await;
            let excess = counted.map_err(|error| ReadError(error.to_string()))??.saturating_sub(max_bytes);
            let grounds = grounds(format!("retention.max_bytes = {max_bytes}"));
            let enough = gone.bytes.saturating_add(excess);
            self.pass(&Pass { until: now, enough, grounds: &grounds, dry_run: false }, &mut gone).await?;
        }
        self.give_back(&gone).await;
        Ok(gone)
    }

    /// Erases flows that ended by `until`, at an operator's word.
    pub(super) async fn erase_flows_until(
        self: &Arc<Self>,
        until: Timestamp,
        request: &ErasureRequest,
    ) -> Result<Erasure, ErasureError> {
        // It is no retention, which a copy that is put back makes again by itself.
        let about = format!("flows that ended by {until}");
        let grounds = Grounds { reason: request.reason.clone(), about: about.clone(), by: request.by.clone() };
        let mut gone = Erasure { about, ..Erasure::default() };
        let pass = Pass { until, enough: u64::MAX, grounds: &grounds, dry_run: request.dry_run };
        self.pass(&pass, &mut gone).await?;
        if !request.dry_run && gone.entries > 0 {
            self.collector.wake();
            gone.warning = self.rewrite().await;
        }
        Ok(gone)
    }

    /// Goes over the flows that have ended, oldest first, a step at a time.
    async fn pass(&self, pass: &Pass<'_>, gone: &mut Erasure) -> Result<(), ErasureError> {
        let mut after = 0;
        while gone.bytes < pass.enough {
            let rows = self.read_views(|views| views.ended_flows(after, RETENTION_FLOWS)).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            if rows.iter().all(|(_, flow)| flow.started_at > pass.until) {
                return Ok(());
            }
            let flows: Vec<_> =
                rows.iter().filter(|(_, flow)| may_go(flow, pass.until).is_ok()).map(|(_, flow)| flow.id).collect();
            self.step(pass, flows, gone).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn step(&self, pass: &Pass<'_>, flows: Vec<FlowId>, gone: &mut Erasure) -> Result<(), ErasureError> {
        let _turn = self.installing.lock().await;
        let mut held = self.actions().hold(flows.iter().copied()).await;
        let spent = spent(&held, pass.until)?;
        let mut seqs = SeqSet::default();
        // By the order they began in.
        for flow in flows.into_iter().filter(|flow| spent.contains(flow)) {
            if gone.bytes >= pass.enough {
                break;
            }
            let entries = self.read_log(|log| Ok(log.stream(&flow_stream(flow), 0)?))?;
            for entry in entries {
                let Some((_, body)) = &entry.body else { continue };
                seqs.insert(entry.header.seq);
                gone.bytes += body.len() as u64;
                gone.entries += 1;
            }
            gone.flows += 1;
        }
        if pass.dry_run || seqs.is_empty() {
            return Ok(());
        }
        let entry = self.commit_erasure(erasures(&seqs, &[], pass.grounds), Vec::new()).await?;
        self.remove_bodies(&seqs).await?;
        held.forget();
        gone.entry = entry;
        Ok(())
    }

    /// Gives back the room that erased bodies took. A file of before room could be given back in steps is written anew
    /// once it is worth it.
    async fn give_back(&self, gone: &Erasure) {
        self.collector.wake();
        if gone.bytes == 0 {
            return;
        }
        let mut compacted = self.writer.compact(Compaction::Some(gone.bytes)).await;
        if compacted.as_ref().is_ok_and(|left| left.free > left.bytes / 2) {
            compacted = self.writer.compact(Compaction::Rewrite).await;
        }
        match compacted {
            Ok(left) => tracing::info!(bytes = left.bytes, free = left.free, "room was given back"),
            Err(error) => tracing::warn!(%error, "no room was given back; what is free is used by later entries"),
        }
    }
}

/// The flows among those held that may go by what the log says now.
fn spent(held: &HeldFlows, until: Timestamp) -> Result<Vec<FlowId>, ErasureError> {
    let summaries = held.summaries().map_err(ActionError::from)?;
    let may = |flow: &FlowSummary| may_go(flow, until).is_ok();
    Ok(summaries.into_iter().filter(may).map(|flow| flow.id).collect())
}
