//! Traces (OpenTelemetry): what the log says happened, as spans, sent to a collector. It reads all of the log and appends
//! nothing.
//!
//! Spans are a fold of entries, so that what a host did before it was killed and what it does after are one trace, and
//! nothing is in the way of the work itself. While no collector is configured, none of this runs.

pub mod accepted;
mod otlp;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    event::{Event, Record, flow_stream, run_stream},
    limits::{SPANS_COLLECTED_MS, SPANS_EXPORTED, SPANS_LOOK_BACK_MS, SPANS_QUEUED},
    trace::{Missing, Span, Spans},
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, oneshot},
    task::JoinHandle,
};

pub use otlp::{Collector, CollectorError, is_configured};

use crate::host::{Host, ReadError};

/// Entries read at a time while catching up.
const BATCH: usize = 500;
/// Entries that are looked through for the beginning.
const LOOK_BACK: u64 = 10_000;
/// How long a collector that does not answer keeps a host from ending.
const FLUSH: Duration = Duration::from_secs(5);

/// A host whose traces are exported.
#[derive(Debug)]
pub struct Traces {
    stop: oneshot::Sender<u64>,
    tail: JoinHandle<()>,
    sender: JoinHandle<()>,
}

impl Traces {
    /// Begins to export what a host does from its start on. After a host that was killed, what it did last is exported
    /// again, as the same spans: nobody knows what of it arrived.
    pub fn start(host: &Arc<Host>, collector: Collector) -> Result<Self, ReadError> {
        let after = beginning(host)?;
        let (spans, queued) = mpsc::channel(SPANS_QUEUED);
        let (stop, stopped) = oneshot::channel();
        let tail = Tail { host: Arc::clone(host), spans, fold: Spans::default(), after, lost: 0 };
        let sender = tokio::spawn(export(collector, queued));
        Ok(Self { stop, tail: tokio::spawn(tail.run(stopped)), sender })
    }

    /// Exports what the log holds by now, and ends.
    pub async fn end(self, committed: u64) {
        let _tail_has_ended = self.stop.send(committed);
        let ended = async {
            let _ = self.tail.await;
            let _ = self.sender.await;
        };
        if tokio::time::timeout(FLUSH, ended).await.is_err() {
            tracing::warn!(seconds = FLUSH.as_secs(), "the collector of traces did not take the last spans in time");
        }
    }
}

/// The entry after which spans are exported: the last of the host before, or an earlier one where that did not stop.
fn beginning(host: &Host) -> Result<u64, ReadError> {
    let Some(started) = host.last_of_stream(&run_stream())? else { return Ok(0) };
    let before = started.saturating_sub(1);
    let last = host.records_after(before.saturating_sub(1), 1)?.pop().filter(|last| last.seq == before);
    let Some(last) = last else { return Ok(before) };
    if matches!(last.event.as_deref(), Some(Event::HostStopped(_))) {
        return Ok(before);
    }
    let since = last.time.as_millis().saturating_sub(i64::try_from(SPANS_LOOK_BACK_MS).unwrap_or(i64::MAX));
    let mut after = before.saturating_sub(LOOK_BACK);
    while after < before {
        let records = host.records_after(after, BATCH)?;
        if let Some(first) = records.iter().find(|record| record.time.as_millis() >= since || record.seq >= before) {
            return Ok(first.seq.saturating_sub(1).min(before));
        }
        let Some(last) = records.last() else { break };
        after = last.seq;
    }
    Ok(before)
}

/// A reader of the log's end that makes spans of it.
struct Tail {
    host: Arc<Host>,
    spans: mpsc::Sender<Span>,
    fold: Spans,
    after: u64,
    /// Spans that found the queue full.
    lost: u64,
}

impl Tail {
    async fn run(mut self, mut stop: oneshot::Receiver<u64>) {
        // Subscribing comes first: what is committed while the past is read waits in the channel.
        let mut live = self.host.tail();
        let mut is_behind = true;
        loop {
            if is_behind {
                is_behind = false;
                if let Err(error) = self.catch_up(self.host.committed()).await {
                    tracing::error!(%error, "traces are not exported any more");
                    return;
                }
            }
            tokio::select! {
                records = live.recv() => match records {
                    Ok(records) => self.take(&records, true),
                    Err(RecvError::Lagged(_)) => is_behind = true,
                    Err(RecvError::Closed) => return,
                },
                committed = &mut stop => {
                    let caught_up = self.catch_up(committed.unwrap_or(0)).await;
                    return caught_up.unwrap_or_else(|error| tracing::warn!(%error, "the last spans are lost"));
                }
            }
        }
    }

    /// Reads the log up to an entry.
    async fn catch_up(&mut self, until: u64) -> Result<(), ReadError> {
        while self.after < until {
            // A long past is read in turns with other work.
            tokio::task::yield_now().await;
            let records = self.host.records_after(self.after, BATCH)?;
            if records.is_empty() {
                return Ok(());
            }
            self.take(&records, false);
        }
        Ok(())
    }

    /// Takes entries that were not taken before. Of those that come live it is known when they were durable: now.
    fn take(&mut self, records: &[Record], is_live: bool) {
        let now = SystemClock::now();
        for record in records {
            if record.seq <= self.after {
                continue;
            }
            self.after = record.seq;
            if let Some(missing) = self.fold.missing(record) {
                self.recall(missing, record.seq);
            }
            for span in self.fold.take(record, if is_live { now } else { record.time }) {
                self.queue(span);
            }
        }
    }

    /// Tells the fold what it has not seen or has forgotten.
    fn recall(&mut self, missing: Missing, before: u64) {
        match missing {
            Missing::Flow(flow) => {
                let mut past = self.host.records_of(&flow_stream(flow)).unwrap_or_default();
                past.retain(|record| record.seq < before);
                self.fold.recall_flow(flow, &past);
            }
            Missing::Activity(seq) => {
                let found = self.host.records_after(seq.saturating_sub(1), 1).unwrap_or_default();
                self.fold.recall_activity(seq, found.first().filter(|record| record.seq == seq));
            }
        }
    }

    /// A collector that is slow or gone holds up nothing: what finds the queue full is lost.
    fn queue(&mut self, span: Span) {
        if self.spans.try_send(span).is_ok() {
            return;
        }
        self.lost += 1;
        if self.lost.is_power_of_two() {
            tracing::warn!(lost = self.lost, "the collector of traces does not keep up");
        }
    }
}

/// Sends spans on, some at a time.
async fn export(collector: Collector, mut queued: mpsc::Receiver<Span>) {
    let mut waiting = VecDeque::new();
    let mut is_failing = false;
    while let Some(first) = queued.recv().await {
        waiting.push_back(first);
        let collected = async {
            while waiting.len() < SPANS_EXPORTED {
                let Some(span) = queued.recv().await else { return };
                waiting.push_back(span);
            }
        };
        let _is_full = tokio::time::timeout(Duration::from_millis(SPANS_COLLECTED_MS), collected).await;
        match collector.export(waiting.drain(..)).await {
            Ok(()) => is_failing = false,
            // Told once, until it works again.
            Err(error) if !is_failing => {
                is_failing = true;
                tracing::warn!(%error, "the collector of traces does not take spans; they are lost");
            }
            Err(_) => {}
        }
    }
}
