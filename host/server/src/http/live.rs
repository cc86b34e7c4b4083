//! `GET /flows/events`: the entries of flows as they are committed (server-sent events). An event's id is its `seq`; who
//! comes back with `Last-Event-ID`, or with `?after=`, misses nothing.
//!
//! `?flow=` tells of one flow alone. `?changes=1` is for pages: at most twice a second it says that something happened and
//! how many flows began, and the page asks for what it shows.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream::{self, Stream};
use rosehip_core::{event::Record, ids::FlowId};
use serde_json::json;
use tokio::{
    sync::broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    time::{Instant, timeout},
};

use super::{
    App, GoesOn,
    fault::Fault,
    input,
    live_frames::{Frame, Frames},
};
use crate::host::Host;

/// Entries read at a time while catching up.
const BATCH: usize = 500;
/// How often a page is told of changes at most.
const CHANGES_EVERY: Duration = Duration::from_millis(500);
/// After so much silence a comment is sent, so that whoever is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Bytes that are handed over at once.
const CHUNK_BYTES: usize = 256 << 10;

/// `GET /flows/events`
pub(super) async fn events(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Fault> {
    follow(&app, &headers, uri.query(), None)
}

/// The tail of one flow, or of what the query asks for.
pub(super) fn follow(
    app: &App,
    headers: &HeaderMap,
    query: Option<&str>,
    flow: Option<FlowId>,
) -> Result<Response, Fault> {
    // The address of a flow may say more: which part of it is shown.
    let mut fields = match flow {
        None => input::query(query, &["after", "flow", "changes"])?,
        Some(_) => input::fields(query.unwrap_or_default().as_bytes()),
    };
    fields.retain(|_, value| !value.is_empty());
    let asked = match fields.remove("flow").map(|flow| flow.parse()) {
        None => None,
        Some(Ok(flow)) => Some(flow),
        Some(Err(_)) => return Err(Fault::invalid("flow", "form", "must be the id of a flow")),
    };
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let after = match header.or(fields.remove("after")).as_deref().filter(|text| !text.is_empty()) {
        Some(text) => {
            let seq: u64 = text.parse().map_err(|_| Fault::invalid("last-event-id", "form", "must be a seq"))?;
            // Nobody has seen what is not there yet.
            Some(seq.min(app.host.committed()))
        }
        None => None,
    };
    // Subscribing comes first: what is committed while the past is read waits in the channel.
    let tail = Tail {
        live: app.host.tail(),
        host: Arc::clone(&app.host),
        frames: Arc::clone(&app.frames),
        after,
        is_behind: after.is_some(),
        flow: flow.or(asked),
        ready: VecDeque::new(),
    };
    let body = if fields.contains_key("changes") {
        Body::from_stream(tail.changes())
    } else {
        Body::from_stream(tail.entries())
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that hold answers back would hold this one for ever.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let mut response = (headers, body).into_response();
    response.extensions_mut().insert(GoesOn);
    Ok(response)
}

/// A reader of the log's end.
struct Tail {
    live: Receiver<Arc<[Record]>>,
    host: Arc<Host>,
    frames: Arc<Frames>,
    /// The last entry that was looked at; none until the first one comes.
    after: Option<u64>,
    /// Whether entries between `after` and the channel have yet to be read.
    is_behind: bool,
    /// The only flow that is told of.
    flow: Option<FlowId>,
    ready: VecDeque<Arc<Frame>>,
}

/// What comes next of the log.
enum Next {
    /// These entries.
    Frame(Arc<Frame>),
    /// Nothing, for a while.
    Silence,
    /// Nothing any more: the host stops or the log cannot be read. The client comes back.
    End,
}

impl Tail {
    /// Every entry as an event.
    fn entries(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut tail| async move {
            loop {
                let chunk = match tail.next(KEEP_ALIVE).await {
                    Next::End => return None,
                    Next::Silence => Bytes::from_static(b":\n\n"),
                    Next::Frame(frame) => tail.chunk(&frame),
                };
                if !chunk.is_empty() {
                    return Some((Ok(chunk), tail));
                }
            }
        })
    }

    /// What a frame, and those that have come meanwhile, say of the flows that are told of.
    fn chunk(&mut self, first: &Frame) -> Bytes {
        let first = first.told(self.flow, self.after);
        self.after = self.after.max(Some(first.last));
        let mut chunk = Vec::new();
        while chunk.len() + first.bytes.len() < CHUNK_BYTES && !self.is_behind {
            let Some(frame) = self.ready.pop_front().or_else(|| self.try_next()) else { break };
            let told = frame.told(self.flow, self.after);
            self.after = self.after.max(Some(told.last));
            if chunk.is_empty() {
                chunk.extend_from_slice(&first.bytes);
            }
            chunk.extend_from_slice(&told.bytes);
        }
        // What many tails send alone they share.
        if chunk.is_empty() { first.bytes } else { chunk.into() }
    }

    /// Now and then an event that says that something happened.
    fn changes(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut tail| async move {
            let (mut entries, mut started) = (0_usize, 0_usize);
            let mut due = None;
            loop {
                let patience = due.map_or(KEEP_ALIVE, |due: Instant| due.saturating_duration_since(Instant::now()));
                match tail.next(patience).await {
                    Next::End => return None,
                    Next::Frame(frame) => {
                        let counted = frame.count(tail.flow, tail.after);
                        tail.after = tail.after.max(Some(frame.last()));
                        (entries, started) = (entries + counted.0, started + counted.1);
                    }
                    Next::Silence if entries == 0 => return Some((Ok(Bytes::from_static(b":\n\n")), tail)),
                    Next::Silence => {}
                }
                if entries > 0 && due.is_none() {
                    due = Some(Instant::now() + CHANGES_EVERY);
                }
                if due.is_some_and(|due| due <= Instant::now()) {
                    let data = json!({"entries": entries, "started": started});
                    let event = format!("id: {}\nevent: changes\ndata: {data}\n\n", tail.after.unwrap_or_default());
                    return Some((Ok(event.into()), tail));
                }
            }
        })
    }

    /// What comes next, waited for so long at most.
    async fn next(&mut self, patience: Duration) -> Next {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Next::Frame(frame);
            }
            if let (true, Some(after)) = (self.is_behind, self.after) {
                // A long past is read in turns with other requests.
                tokio::task::yield_now().await;
                let Ok(records) = self.host.records_after(after, BATCH) else { return Next::End };
                self.is_behind = records.len() == BATCH;
                self.ready.extend(self.frames.of(&records));
                continue;
            }
            match timeout(patience, self.live.recv()).await {
                Err(_) => return Next::Silence,
                Ok(Ok(records)) => self.ready.extend(self.frames.of(&records)),
                Ok(Err(RecvError::Lagged(_))) => self.is_behind = true,
                Ok(Err(RecvError::Closed)) => return Next::End,
            }
        }
    }

    /// What has come already.
    fn try_next(&mut self) -> Option<Arc<Frame>> {
        match self.live.try_recv() {
            Ok(records) => self.frames.of(&records),
            Err(TryRecvError::Lagged(_)) => {
                self.is_behind = true;
                None
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}
