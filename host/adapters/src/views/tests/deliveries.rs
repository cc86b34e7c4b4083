//! What the views say of deliveries and of peers.

use std::sync::Arc;

use rosehip_core::{
    activity::Activity,
    delivery::DeliveryState,
    event::{DeliveryEnqueued, Destination, Erased, Event, PeerBlocked, Record, Target, box_stream},
    federation::Peer,
    ids::{BoxName, DeliveryId},
    log::SeqSet,
    pipeline::{
        deliver::{DeliveryEnd, conclude, redriven},
        dispatch::BACKOFF_MS,
    },
    state::DeliveryStatus,
    time::Timestamp,
};
use serde_json::json;

use super::Views;
use crate::views::{DeliveryCounts, DeliveryPlace, DeliveryRow, fold::Batch};

fn peer(name: &str) -> Peer {
    format!("{name}.example").parse().expect("a host")
}

fn delivery(n: u8) -> DeliveryId {
    DeliveryId::from_bytes([n; 32])
}

impl Views {
    /// Folds an event in a batch of its own, and returns its `seq`, which is its time as well.
    fn fold(&mut self, event: impl Into<Event>) -> u64 {
        self.seq += 1;
        let (seq, time) = (self.seq, Timestamp::from_millis(i64::try_from(self.seq).expect("few")));
        let stream = box_stream(&"site".parse().expect("a name"), BoxName::Outbox);
        let record = Record { seq, time, stream, event: Some(Arc::new(event.into())) };
        let transaction = self.connection.transaction().expect("a transaction");
        let mut batch = Batch::new(&transaction);
        batch.apply(&record).expect("folded");
        batch.finish().expect("written");
        transaction.commit().expect("committed");
        seq
    }

    fn says(&mut self, name: &str, to: &[&str]) -> u64 {
        let activity: Activity = serde_json::from_value(json!({
            "id": format!("https://h.example/activities/{name}"), "cid": rosehip_core::canonical::Cid::of_document(&serde_json::Map::new()),
            "owner": "site", "box": "outbox", "kind": "Create", "object_type": "Note", "object": null, "revision": null,
            "cause": null, "depth": 0, "root": format!("https://h.example/activities/{name}"), "transitions": [],
            "document": {"type": "Create", "actor": "https://h.example/actors/site", "to": to},
        }))
        .expect("an activity");
        self.fold(rosehip_core::event::ActivityAppended { activity: Arc::new(activity) })
    }

    fn enqueue(&mut self, seq: u64, targets: &[(u8, &str)]) -> u64 {
        let target = |(n, to): &(u8, &str)| Target {
            delivery: delivery(*n),
            peer: peer(to),
            to: Destination::Inbox(format!("https://{}/inbox", peer(to))),
            recipients: 3,
        };
        self.fold(DeliveryEnqueued {
            activity: "https://h.example/activities/1".parse().expect("an id"),
            seq,
            owner: "site".parse().expect("a name"),
            about: "https://h.example/n".to_owned(),
            part: 0,
            targets: targets.iter().map(target).collect(),
        })
    }

    fn end(&mut self, n: u8, end: DeliveryEnd) {
        let event = conclude(&self.row(n).state, end, &BACKOFF_MS, 1.0).expect("legal");
        self.fold(event);
    }

    fn row(&self, n: u8) -> DeliveryRow {
        self.reader.delivery(&delivery(n)).expect("readable").expect("it is there")
    }

    fn counts(&self, name: &str) -> DeliveryCounts {
        self.reader.peer(&peer(name)).expect("readable").expect("it was met").counts
    }
}

fn silent() -> DeliveryEnd {
    DeliveryEnd::Unreachable("no answer".to_owned())
}

#[test]
fn a_delivery_is_found_by_what_it_brings_and_where_it_goes() {
    let mut views = Views::new();
    let seq = views.says("1", &["https://a.example/ada"]);
    assert_eq!(views.reader.unaddressed().expect("readable"), [seq]);
    let enqueued = views.enqueue(seq, &[(1, "a"), (2, "b"), (3, "a")]);
    assert_eq!(views.reader.unaddressed().expect("readable"), [0; 0]);
    views.end(2, DeliveryEnd::Delivered { status: 202, scheme: None });
    views.end(3, silent());
    let ids = |rows: Vec<DeliveryRow>| rows.into_iter().map(|row| row.state.delivery).collect::<Vec<_>>();
    let reader = &views.reader;
    let of_activity = |after, limit| ids(reader.deliveries_of_activity(seq, after, limit).expect("readable"));
    assert_eq!(of_activity(None, 2), [delivery(1), delivery(2)]);
    assert_eq!(of_activity(Some(DeliveryPlace::new(enqueued, 1)), 9), [delivery(3)]);
    let of_peer = |status, before| ids(reader.deliveries_of_peer(&peer("a"), status, before, 9).expect("readable"));
    assert_eq!(of_peer(None, None), [delivery(3), delivery(1)]);
    assert_eq!(of_peer(None, Some(DeliveryPlace::new(enqueued, 2))), [delivery(1)]);
    assert_eq!(of_peer(Some(DeliveryStatus::Retrying), None), [delivery(3)]);
    assert_eq!(
        reader.delivery_counts(seq).expect("readable"),
        DeliveryCounts { queued: 1, retrying: 1, delivered: 1, dead: 0 }
    );
    let mut open = Vec::new();
    reader.open_deliveries(|delivery| open.push((delivery.delivery, delivery.unreachable))).expect("readable");
    assert_eq!(open, [(delivery(1), 0), (delivery(3), 1)]);
    let row = views.row(2);
    assert_eq!((row.state.answered, row.recipients, row.activity, row.place.seq()), (Some(202), 3, seq, enqueued));
}

#[test]
fn a_row_is_the_fold_of_its_entries() {
    let mut views = Views::new();
    let seq = views.says("1", &["https://a.example/ada"]);
    views.enqueue(seq, &[(1, "a")]);
    let mut folded = DeliveryState::queued(delivery(1), peer("a"));
    let rejected = DeliveryEnd::Rejected { message: "busy".to_owned(), retry_after_ms: None };
    let ends = [silent(), rejected, silent(), DeliveryEnd::refused("no")];
    for end in ends {
        let event = conclude(&folded, end, &BACKOFF_MS, 1.0).expect("legal");
        let at = views.fold(event.clone());
        folded.apply(&event, Timestamp::from_millis(i64::try_from(at).expect("few"))).expect("legal");
        assert_eq!(views.row(1).state, folded);
    }
    let again = redriven(&folded, None, None).expect("legal");
    views.fold(again.clone());
    folded.apply(&again, Timestamp::default()).expect("legal");
    assert_eq!(views.row(1).state, folded);
}

#[test]
fn a_peer_is_counted_and_its_silence_begins_with_the_first_and_ends_with_an_answer() {
    let mut views = Views::new();
    let seq = views.says("1", &["https://a.example/ada"]);
    views.enqueue(seq, &[(1, "a"), (2, "a"), (3, "b")]);
    assert_eq!(views.counts("a"), DeliveryCounts { queued: 2, ..DeliveryCounts::default() });
    views.end(1, silent());
    let since = views.reader.peer(&peer("a")).expect("readable").expect("met").unreachable_since;
    views.end(1, silent());
    views.end(2, DeliveryEnd::refused("not by us"));
    let row = views.reader.peer(&peer("a")).expect("readable").expect("met");
    assert_eq!((row.unreachable_since, row.error.as_deref()), (since, Some("not by us")));
    assert!(since.is_some() && row.delivered_at.is_none());
    assert_eq!(row.counts, DeliveryCounts { retrying: 1, dead: 1, ..DeliveryCounts::default() });
    assert_eq!(views.reader.unreachable_peers().expect("readable"), [peer("a")]);
    views.end(1, DeliveryEnd::Delivered { status: 200, scheme: None });
    let row = views.reader.peer(&peer("a")).expect("readable").expect("met");
    assert!(row.unreachable_since.is_none() && row.delivered_at.is_some());
    views.fold(PeerBlocked { peer: peer("c"), is_blocked: true, by: None, reason: None });
    let listed = |after: &str| {
        let rows = views.reader.peers(after, 9).expect("readable");
        rows.into_iter().map(|row| (row.peer.to_string(), row.is_blocked)).collect::<Vec<_>>()
    };
    let named = |name: &str, is_blocked| (peer(name).to_string(), is_blocked);
    assert_eq!(listed(""), [named("a", false), named("b", false), named("c", true)]);
    assert_eq!(listed(peer("b").as_str()), [named("c", true)]);
}

#[test]
fn what_was_erased_is_as_if_it_had_never_been() {
    let mut views = Views::new();
    let (gone, stays) = (views.says("1", &["https://a.example/ada"]), views.says("2", &["https://a.example/ada"]));
    let left = views.says("3", &["https://a.example/ada"]);
    let of_gone = views.enqueue(gone, &[(1, "a"), (2, "b")]);
    views.enqueue(stays, &[(3, "a")]);
    views.end(1, silent());
    let mut seqs = SeqSet::default();
    for seq in [gone, of_gone, left] {
        seqs.insert(seq);
    }
    let erased: Erased = rosehip_core::erasure::erasures(
        &seqs,
        &[],
        &rosehip_core::erasure::Grounds { reason: "asked for".to_owned(), about: "a note".to_owned(), by: None },
    )
    .remove(0);
    let state = views.row(1).state;
    views.fold(erased);
    assert_eq!(views.reader.delivery(&delivery(1)).expect("readable"), None);
    assert_eq!(views.reader.unaddressed().expect("readable"), [0; 0]);
    assert_eq!(views.counts("a"), DeliveryCounts { queued: 1, ..DeliveryCounts::default() });
    assert_eq!(views.counts("b"), DeliveryCounts::default());
    // What was under way then has nothing to change.
    let event =
        conclude(&state, DeliveryEnd::Delivered { status: 200, scheme: None }, &BACKOFF_MS, 1.0).expect("legal");
    views.fold(event);
    assert_eq!(views.counts("a"), DeliveryCounts { queued: 1, ..DeliveryCounts::default() });
}
