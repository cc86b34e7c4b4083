//! Entries and their chain: any body decodes or is refused, what decodes encodes to what decodes to the same, and no
//! change of a byte goes unnoticed.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use rosehip_core::{
    event::{Event, Record},
    log::{ChainVerifier, Draft, EntryHash, Frame, Head, SALT_BYTES, SeqSet, StoredEntry, Stream},
    time::Timestamp,
};

const KINDS: [&str; 30] = [
    "object.revised",
    "slug.assigned",
    "activity.appended",
    "activity.matched",
    "flow.started",
    "node.attempted",
    "node.done",
    "node.retrying",
    "node.failed",
    "node.suspended",
    "node.fired",
    "signal.received",
    "flow.suspended",
    "flow.resumed",
    "flow.completed",
    "flow.failed",
    "flow.cancelled",
    "flow.retried",
    "effect.changed",
    "behavior.installed",
    "behavior.offered",
    "behavior.rolled-back",
    "behavior.switched",
    "behavior.configured",
    "behavior.granted",
    "behavior.removed",
    "actor.created",
    "host.started",
    "host.stopped",
    "erased",
];

/// Four bytes that choose a change, a line that names a kind, and the body of an entry of it.
pub fn log(data: &[u8]) {
    let Some((choice, rest)) = data.split_first_chunk::<4>() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (kind, body) = rest.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let named = String::from_utf8_lossy(kind);
    events(&named, body);
    let index = usize::from(choice[0]) % KINDS.len();
    events(KINDS[index], body);
    let entries = frame(&named, body);
    assert_eq!(verify(&entries).map(|head| head.seq), Some(3), "what was written verifies");
    for entry in &entries {
        drop(Record::read(entry));
    }
    let mut changed = entries.clone();
    if change(&mut changed, &mut Unstructured::new(choice)).is_ok() && changed != entries {
        assert_ne!(verify(&changed), verify(&entries), "a change went unnoticed");
    }
}

/// Reading an event, writing it and reading it again.
fn events(kind: &str, body: &[u8]) {
    let Ok(event) = Event::decode(kind, body) else { return };
    assert_eq!(event.kind(), kind);
    let written = event.body();
    let read = Event::decode(kind, &written).expect("what was written is read");
    assert_eq!(read.body(), written, "an event is written the same way twice");
    assert_eq!(read, event, "an event is read as it was written");
}

fn frame(kind: &str, body: &[u8]) -> Vec<StoredEntry> {
    let mut frame = Frame::after(Head::default());
    for place in 0..3_u8 {
        let draft = Draft {
            stream: Stream(format!("object:Article/{}", place % 2).into()),
            time: Timestamp::from_millis(i64::from(place)),
            kind: kind.into(),
            dedup: None,
            body: body.into(),
            event: None,
        };
        frame.push(draft, [place; SALT_BYTES]);
    }
    frame.entries.into_iter().map(StoredEntry::from).collect()
}

fn verify(entries: &[StoredEntry]) -> Option<Head> {
    let mut verifier = ChainVerifier::default();
    entries.iter().try_for_each(|entry| verifier.check(entry, &SeqSet::default())).ok()?;
    verifier.finish().ok()
}

/// Changes one thing of one entry, or leaves one out.
fn change(entries: &mut Vec<StoredEntry>, choice: &mut Unstructured<'_>) -> Result<()> {
    let place = choice.choose_index(entries.len())?;
    let what = choice.int_in_range(0..=9)?;
    let (at, bit) = (usize::from(u8::try_from(choice.len()).unwrap_or(0)) + what, 1_u8 << (what % 8));
    let entry = &mut entries[place];
    let flipped = |text: &str| -> Arc<str> { format!("{text}{bit}").into() };
    match what {
        0 => entry.header.version ^= u16::from(bit),
        1 => entry.header.seq ^= u64::from(bit),
        2 => entry.header.stream = Stream(flipped(&entry.header.stream.0)),
        3 => entry.header.time = entry.header.time.plus_millis(u64::from(bit)),
        4 => entry.header.kind = flipped(&entry.header.kind),
        5 => entry.header.body_hash[at % 32] ^= bit,
        6 => entry.hash = EntryHash([bit; 32]),
        7 => drop(entries.remove(place)),
        8 => {
            if let Some((salt, _)) = &mut entry.body {
                salt[at % SALT_BYTES] ^= bit;
            }
        }
        _ => {
            if let Some((_, body)) = &mut entry.body {
                let mut bytes = body.to_vec();
                match bytes.len() {
                    0 => bytes.push(bit),
                    length => bytes[at % length] ^= bit,
                }
                *body = bytes.into();
            }
        }
    }
    Ok(())
}
