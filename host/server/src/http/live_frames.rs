//! Entries as server-sent events, written out once for all who follow the log.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Bytes;
use rosehip_core::{event::Record, ids::FlowId};
use serde::Serialize;
use serde_json::value::RawValue;

/// Frames that are kept for who comes a little later.
const KEPT: usize = 64;

/// Entries that were committed together, as events.
#[derive(Debug)]
pub(super) struct Frame {
    first: u64,
    last: u64,
    bytes: Bytes,
    /// The entries of flows among them.
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    seq: u64,
    flow: FlowId,
    begins_flow: bool,
    /// Its place in the bytes.
    place: Range<usize>,
}

/// What a frame says to somebody.
pub(super) struct Told {
    pub(super) bytes: Bytes,
    /// `seq` of the last entry that was looked at.
    pub(super) last: u64,
}

#[derive(Serialize)]
struct Data<'a> {
    seq: u64,
    time: rosehip_core::time::Timestamp,
    kind: &'a str,
    flow: FlowId,
    body: &'a RawValue,
}

impl Frame {
    fn of(records: &[Record]) -> Option<Self> {
        let (first, last) = (records.first()?.seq, records.last()?.seq);
        let mut bytes = Vec::new();
        let mut events = Vec::new();
        for record in records {
            let from = bytes.len();
            let Some((flow, begins_flow)) = write(record, &mut bytes) else { continue };
            events.push(Event { seq: record.seq, flow, begins_flow, place: from..bytes.len() });
        }
        Some(Self { first, last, bytes: bytes.into(), events })
    }

    /// `seq` of its last entry.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Its events of one flow, or of all, after entry `after`.
    pub(super) fn told(&self, flow: Option<FlowId>, after: Option<u64>) -> Told {
        let is_whole = flow.is_none() && after.is_none_or(|after| after < self.first);
        let bytes = if is_whole {
            self.bytes.clone()
        } else {
            let wanted = self.wanted(flow, after);
            wanted.flat_map(|event| self.bytes.slice(event.place.clone())).collect()
        };
        Told { bytes, last: self.last }
    }

    /// How many events those are, and how many of them begin a flow.
    pub(super) fn count(&self, flow: Option<FlowId>, after: Option<u64>) -> (usize, usize) {
        let counted = self.wanted(flow, after);
        counted.fold((0, 0), |(all, begun), event| (all + 1, begun + usize::from(event.begins_flow)))
    }

    fn wanted(&self, flow: Option<FlowId>, after: Option<u64>) -> impl Iterator<Item = &Event> {
        let events = self.events.iter().filter(move |event| flow.is_none_or(|flow| event.flow == flow));
        events.filter(move |event| after.is_none_or(|after| event.seq > after))
    }
}

/// Writes an entry as an event; none where it is not one of a flow's. Returns its flow and whether it begins it.
fn write(record: &Record, bytes: &mut Vec<u8>) -> Option<(FlowId, bool)> {
    let event = record.event.as_deref()?;
    let flow = event.flow()?;
    let body = String::from_utf8(event.body()).ok()?;
    let body = RawValue::from_string(body).ok()?;
    let kind = event.kind();
    // JSON on one line: line feeds within texts are escaped.
    let data = serde_json::to_string(&Data { seq: record.seq, time: record.time, kind, flow, body: &body }).ok()?;
    bytes.extend_from_slice(format!("id: {}\nevent: {kind}\ndata: {data}\n\n", record.seq).as_bytes());
    Some((flow, kind == "flow.started"))
}

/// The last frames, by their first entry.
#[derive(Debug, Default)]
pub(super) struct Frames {
    kept: Mutex<VecDeque<Arc<Frame>>>,
}

impl Frames {
    /// The frame of these entries, which are those of one commit or follow one another; none of no entries.
    pub(super) fn of(&self, records: &[Record]) -> Option<Arc<Frame>> {
        let (first, last) = (records.first()?.seq, records.last()?.seq);
        // Whoever comes first writes it while the others wait: each would have to write it otherwise.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.iter().rev().find(|frame| (frame.first, frame.last) == (first, last)) {
            return Some(Arc::clone(known));
        }
        let frame = Arc::new(Frame::of(records)?);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&frame));
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::{event::FlowCompleted, ids::BoxName, time::Timestamp};

    use super::*;

    fn flow(run: u32) -> FlowId {
        let activity = "https://h.example/activities/a".parse().expect("an id");
        let (owner, behavior) = ("site".parse().expect("a name"), "publish".parse().expect("a name"));
        FlowId::derive(&activity, &owner, BoxName::Outbox, &behavior, run)
    }

    fn record(seq: u64, run: u32) -> Record {
        let event = rosehip_core::event::Event::from(FlowCompleted { flow: flow(run) });
        Record { seq, time: Timestamp::from_millis(0), stream: event.stream(), event: Some(event.into()) }
    }

    #[test]
    fn a_frame_is_written_once_and_cut_to_what_somebody_has_not_seen() {
        let frames = Frames::default();
        let records = [record(4, 1), record(5, 2)];
        let frame = frames.of(&records).expect("two entries");
        assert!(Arc::ptr_eq(&frame, &frames.of(&records).expect("the same")));
        let text = |of, after| String::from_utf8(frame.told(of, after).bytes.to_vec()).expect("text");
        let whole = text(None, None);
        assert_eq!(whole.matches("event: flow.completed\ndata: {\"seq\":").count(), 2, "{whole}");
        assert!(text(None, Some(4)).starts_with("id: 5\n"));
        assert!(text(Some(flow(1)), None).starts_with("id: 4\n"));
        assert_eq!(text(None, Some(5)), "");
        assert_eq!(frame.count(None, Some(4)), (1, 0));
    }
}
