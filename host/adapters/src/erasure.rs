//! Erasures over the log: finding what one takes, and completing one that a crash cut short.
//!
//! The `erased` entries of an erasure are one append, and whoever removes the bodies does one erasure at a time. So of
//! all erasures only the last can be incomplete, and a start need look at no other.

use rosehip_core::{
    erasure::{RETENTION, Selection, Selector, Subject},
    event::{Erased, Event, Record, UnreadableEvent, erasure_stream, run_stream},
    ids::UserMark,
    limits::ERASED_AT_ONCE,
    log::{SeqSet, StoredEntry},
    ports::{Compaction, LogReader, LogStore, StoreError},
    time::Timestamp,
};

/// Entries read at a time.
const BATCH: usize = 2_000;

/// Why the log was not walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry cannot be read.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
}

/// A walk over the log for what a subject's erasure takes, which can go on once the log has grown.
#[derive(Debug)]
pub struct Search {
    selector: Selector,
    next: u64,
}

impl Search {
    /// A search that has read nothing yet.
    pub fn new(subject: Subject) -> Self {
        Self { selector: Selector::new(subject), next: 1 }
    }

    /// Reads on to the log's end.
    pub fn go_on(&mut self, log: &impl LogReader) -> Result<(), WalkError> {
        loop {
            let batch = log.read(self.next, BATCH)?;
            for entry in &batch {
                self.selector.take(entry)?;
                self.next = entry.header.seq + 1;
            }
            if batch.len() < BATCH {
                return Ok(());
            }
        }
    }

    /// What was found so far.
    pub fn found(&self) -> &Selection {
        self.selector.found()
    }
}

/// What a set of entries is in chunks that are erased at once.
pub fn chunks(seqs: &SeqSet) -> impl Iterator<Item = Vec<u64>> {
    let mut seqs = seqs.iter().peekable();
    std::iter::from_fn(move || seqs.peek().is_some().then(|| seqs.by_ref().take(ERASED_AT_ONCE).collect()))
}

/// Removes the bodies that the last erasure names and that are there still, and what the file may hold of them. Returns
/// how many there were.
///
/// That the bodies are gone does not say that the file was written anew after that. So where nobody has begun or ended a
/// run since the erasure, it is written anew once more.
pub fn complete<L: LogStore + LogReader>(log: &mut L) -> Result<u64, StoreError> {
    let mut left = SeqSet::default();
    let (named, is_for_room) = last_erasure(log)?;
    for (first, last) in named.ranges() {
        let mut next = *first;
        while next <= *last {
            // Ranges may be many and short.
            let length = usize::try_from(*last - next + 1).unwrap_or(BATCH);
            let batch = log.read(next, length.min(BATCH))?;
            let Some(end) = batch.last().map(|entry| entry.header.seq) else { break };
            let is_left = |entry: &&StoredEntry| entry.header.seq <= *last && entry.body.is_some();
            batch.iter().filter(is_left).for_each(|entry| left.insert(entry.header.seq));
            next = end + 1;
        }
    }
    let erased = log.stream_head(&erasure_stream())?;
    let may_have_remains = erased.is_some() && erased > log.stream_head(&run_stream())?;
    if left.is_empty() {
        if may_have_remains && !is_for_room {
            log.compact(Compaction::Rewrite)?;
        }
        return Ok(0);
    }
    tracing::warn!(entries = left.len(), "an erasure that was cut short is completed");
    for chunk in chunks(&left) {
        log.erase(&chunk)?;
    }
    if !is_for_room {
        log.compact(Compaction::Rewrite)?;
    }
    Ok(left.len())
}

/// The accounts that the last erasure names, each with its moment: an account that was added later is another one.
pub(crate) fn users_of_last(log: &impl LogReader) -> Result<Vec<(Timestamp, UserMark)>, StoreError> {
    let Some(seq) = log.stream_head(&erasure_stream())? else { return Ok(Vec::new()) };
    let Some(erased) = erased_at(log, seq)? else { return Ok(Vec::new()) };
    let entry = log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq);
    let time = entry.map(|entry| entry.header.time).unwrap_or_default();
    Ok(erased.users.into_iter().map(|mark| (time, mark)).collect())
}

/// What the last erasure names, in all of its entries, and whether it was made for room alone.
fn last_erasure(log: &impl LogReader) -> Result<(SeqSet, bool), StoreError> {
    let (mut named, mut is_for_room) = (SeqSet::default(), true);
    let Some(mut seq) = log.stream_head(&erasure_stream())? else { return Ok((named, is_for_room)) };
    let mut rest = 0;
    loop {
        match erased_at(log, seq)? {
            Some(erased) if erased.rest == rest => {
                named.extend(&erased.all());
                is_for_room &= erased.about.as_deref() == Some(RETENTION);
            }
            Some(_) | None => return Ok((named, is_for_room)),
        }
        rest += 1;
        seq -= 1;
    }
}

/// What the `erased` entry at `seq` says; none where another one stands there.
pub fn erased_at(log: &impl LogReader, seq: u64) -> Result<Option<Erased>, StoreError> {
    let entry = log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq);
    let Some(entry) = entry.filter(|entry| &*entry.header.kind == "erased") else { return Ok(None) };
    let record = Record::read(&entry).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(match record.event.as_deref() {
        Some(Event::Erased(erased)) => Some(erased.clone()),
        Some(_) | None => None,
    })
}
