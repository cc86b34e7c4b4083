//! `GET /flows/events`: the entries of flows as they are committed (server-sent events). An event's id is its `seq`;
//! who comes back with `Last-Event-ID` misses nothing.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Uri},
    response::{IntoResponse, Response, sse},
};
use futures_util::stream::{self, Stream};
use rosehip_core::event::Record;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{App, GoesOn, fault::Fault, input};
use crate::host::Host;

/// Entries read at a time while catching up.
const BATCH: usize = 500;

/// `GET /flows/events`
pub(super) async fn events(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = header.or_else(|| input::fields(uri.query().unwrap_or_default().as_bytes()).remove("after"));
    let after = match asked.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => {
            let seq: u64 = text.parse().map_err(|_| Fault::invalid("last-event-id", "form", "must be a seq"))?;
            // Nobody has seen what is not there yet.
            Some(seq.min(app.host.committed()))
        }
        None => None,
    };
    // Subscribing comes first: what is committed while the past is read waits in the channel.
    let tail =
        Tail { live: app.host.tail(), host: app.host, after, is_behind: after.is_some(), ready: VecDeque::new() };
    let mut response = sse::Sse::new(tail.stream()).keep_alive(sse::KeepAlive::default()).into_response();
    response.extensions_mut().insert(GoesOn);
    // Proxies that hold answers back would hold this one for ever.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// A reader of the log's end.
struct Tail {
    host: Arc<Host>,
    live: Receiver<Arc<[Record]>>,
    /// The last entry that was looked at; none until the first one comes.
    after: Option<u64>,
    /// Whether entries between `after` and the channel have yet to be read.
    is_behind: bool,
    ready: VecDeque<sse::Event>,
}

impl Tail {
    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        stream::unfold(self, |mut tail| async move {
            let event = tail.next().await?;
            Some((Ok(event), tail))
        })
    }

    /// The next event; none once the host stops or the log cannot be read, which has the client come back.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let (true, Some(after)) = (self.is_behind, self.after) {
                // A long past is read in turns with other requests.
                tokio::task::yield_now().await;
                let records = self.host.records_after(after, BATCH).ok()?;
                self.is_behind = records.len() == BATCH;
                self.take(&records);
                continue;
            }
            match self.live.recv().await {
                Ok(records) => self.take(&records),
                Err(RecvError::Lagged(_)) => self.is_behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Queues the entries that belong to flows and were not looked at before.
    fn take(&mut self, records: &[Record]) {
        for record in records.iter().filter(|record| self.after.is_none_or(|after| record.seq > after)) {
            self.ready.extend(event(record));
        }
        self.after = records.last().map(|last| last.seq).max(self.after);
    }
}

/// An entry of a flow as an event.
fn event(record: &Record) -> Option<sse::Event> {
    let event = record.event.as_deref()?;
    let flow = event.flow()?;
    let body: Value = serde_json::from_slice(&event.body()).ok()?;
    let data = json!({"seq": record.seq, "time": record.time, "kind": event.kind(), "flow": flow, "body": body});
    Some(sse::Event::default().id(record.seq.to_string()).event(event.kind()).data(data.to_string()))
}
