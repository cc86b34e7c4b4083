//! What the tests share: drafts, a gate that holds the writer, and what an observer saw.

use std::sync::{
    Arc, Mutex,
    mpsc::{self, Receiver, Sender},
};

use rosehip_adapters::writer::{Observer, Writer};
use rosehip_core::{
    effect::Effect,
    ids::{BoxName, DedupKey, EffectId, FlowId},
    log::{Append, Draft, Entry, Expected, Stream},
    ports::Outgoing,
    state::EffectStatus,
    time::Timestamp,
};
use serde_json::Value;

pub(crate) fn stream(name: &str) -> Stream {
    Stream(name.into())
}

pub(crate) fn key(n: u8) -> DedupKey {
    DedupKey::from_bytes([n; 32])
}

pub(crate) fn draft(name: &str, body: &str) -> Draft {
    Draft {
        stream: stream(name),
        time: Timestamp::from_millis(1_700_000_000_000),
        kind: "test.happened".into(),
        dedup: None,
        body: body.as_bytes().into(),
        event: None,
    }
}

pub(crate) fn keyed(name: &str, dedup: DedupKey) -> Draft {
    Draft { dedup: Some(dedup), ..draft(name, "{}") }
}

pub(crate) fn one(name: &str) -> Append {
    Append::unconditional(vec![draft(name, "{}")])
}

pub(crate) fn after(name: &str, head: Option<u64>) -> Append {
    Append { expected: vec![Expected { stream: stream(name), head }], ..one(name) }
}

/// Holds the writer in an observer after each frame, until it is let go.
pub(crate) struct Gate {
    reached: Receiver<()>,
    release: Sender<()>,
}

impl Gate {
    pub(crate) fn new() -> (Self, Observer) {
        let (reach, reached) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let observer = move |_: &Arc<[Entry]>| {
            // Either end is gone once the test is over; then the writer just goes on.
            let _ = reach.send(());
            let _ = released.recv();
        };
        (Self { reached, release }, Box::new(observer))
    }

    /// Commits one append and holds the writer right after, so that what is queued next shares a frame.
    pub(crate) fn hold(&self, writer: &Writer) {
        writer.append_with(one("gate"), Box::new(|_| {}));
        self.reached.recv().expect("the writer shows the frame");
    }

    /// Lets the writer go on, for good.
    pub(crate) fn open(self) {
        drop(self);
    }

    /// Lets the writer go on to the next frame.
    pub(crate) fn next(&self) {
        self.release.send(()).expect("the writer waits");
    }
}

/// Every entry an observer was shown.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<u64>>>);

impl Seen {
    pub(crate) fn observer(&self) -> Observer {
        let seen = self.clone();
        Box::new(move |entries| {
            seen.0.lock().expect("no panic").extend(entries.iter().map(|entry| entry.header.seq));
        })
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.0.lock().expect("no panic").clone()
    }
}

/// An effect on its way out; `ordinal` tells it from others.
pub(crate) fn outgoing(kind: &str, ordinal: u32, payload: Value) -> Outgoing {
    let owner = "site".parse().expect("a name");
    let behavior = "publish".parse().expect("a name");
    let activity = "https://example.org/a".parse().expect("a URL");
    let flow = FlowId::derive(&activity, &owner, BoxName::Outbox, &behavior, 1);
    let node = "tell".parse().expect("a name");
    let id = EffectId::derive(flow, &node, None, ordinal);
    let (kind, status) = (kind.to_owned(), EffectStatus::Recorded);
    let effect = Effect { id, node, item: None, ordinal, kind, payload, status, receipt: None };
    Outgoing {
        flow,
        behavior,
        owner,
        object: None,
        activity: activity.clone(),
        depth: 0,
        root: activity,
        trace: None,
        effect,
    }
}
