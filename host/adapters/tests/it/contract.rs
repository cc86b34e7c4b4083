//! What every log store and its readers promise, whatever they are made of.

use rosehip_core::{
    log::{ChainVerifier, Draft, Frame, Head, SeqSet, StoredEntry},
    ports::{LogReader, LogStore, StoreError},
};

use crate::support::{draft, key, keyed, stream};

/// A store under test, and how to open another reader of it.
pub(crate) trait Subject {
    type Store: LogStore;
    type Reader: LogReader;

    fn store(&mut self) -> &mut Self::Store;
    fn reader(&self) -> Self::Reader;
    /// Closes the store without a word and opens it again.
    fn reopen(self) -> Self;
}

/// Runs the whole contract, a fresh subject for each clause.
pub(crate) fn log_store_contract<S: Subject>(make: impl Fn() -> S) {
    an_empty_log_has_the_zero_head(make());
    what_is_appended_is_read_back_as_it_was(make());
    readers_see_each_commit_at_once(make());
    a_frame_on_another_head_is_a_conflict_and_changes_nothing(make());
    a_frame_is_committed_whole_or_not_at_all(make());
    streams_are_read_apart(make());
    keys_are_found_again(make());
    erased_bodies_are_gone_and_headers_stay(make());
    what_was_committed_is_there_after_reopening(make());
}

fn frame(after: Head, drafts: Vec<Draft>) -> Frame {
    let mut frame = Frame::after(after);
    for (n, draft) in (1..).zip(drafts) {
        frame.push(draft, [n; 32]);
    }
    frame
}

/// Appends drafts as one frame and returns what must be read back.
fn append(subject: &mut impl Subject, drafts: Vec<Draft>) -> Vec<StoredEntry> {
    let head = subject.store().head().expect("a head");
    let frame = frame(head, drafts);
    subject.store().append(&frame).expect("committed");
    frame.entries.into_iter().map(StoredEntry::from).collect()
}

fn an_empty_log_has_the_zero_head(mut subject: impl Subject) {
    assert_eq!(subject.store().head().expect("a head"), Head::default());
    let reader = subject.reader();
    assert_eq!(reader.read(1, 10).expect("read"), []);
    assert_eq!(reader.stream(&stream("a"), 0).expect("read"), []);
    assert_eq!(reader.stream_head(&stream("a")).expect("read"), None);
    assert_eq!(reader.recorded(&key(1)).expect("read"), None);
    subject.store().append(&Frame::after(Head::default())).expect("an empty frame is no change");
    assert_eq!(subject.store().head().expect("a head"), Head::default());
}

fn what_is_appended_is_read_back_as_it_was(mut subject: impl Subject) {
    let mut written = append(&mut subject, vec![draft("a", "{\"é\":1}"), keyed("b", key(1))]);
    written.extend(append(&mut subject, vec![draft("ä/ö", "")]));
    let reader = subject.reader();
    assert_eq!(reader.read(0, 10).expect("read"), written);
    assert_eq!(reader.read(2, 1).expect("read"), written[1..2]);
    assert_eq!(reader.read(4, 10).expect("read"), []);
    let mut chain = ChainVerifier::default();
    for entry in &written {
        chain.check(entry, &SeqSet::default()).expect("chained");
    }
    assert_eq!(subject.store().head().expect("a head"), chain.finish().expect("verified"));
}

fn readers_see_each_commit_at_once(mut subject: impl Subject) {
    let reader = subject.reader();
    for seq in 1..4 {
        append(&mut subject, vec![draft("a", "{}")]);
        assert_eq!(reader.stream_head(&stream("a")).expect("read"), Some(seq));
    }
}

fn a_frame_on_another_head_is_a_conflict_and_changes_nothing(mut subject: impl Subject) {
    let stale = frame(Head::default(), vec![draft("a", "{}")]);
    append(&mut subject, vec![draft("a", "{}"), draft("a", "{}")]);
    let head = subject.store().head().expect("a head");
    let same_seq = frame(Head { seq: 2, ..Head::default() }, vec![draft("a", "{}")]);
    for other in [&stale, &same_seq] {
        let refused = subject.store().append(other);
        assert!(matches!(refused, Err(StoreError::Conflict { found: 2, .. })), "{refused:?}");
        assert_eq!(subject.store().head().expect("a head"), head);
    }
    append(&mut subject, vec![draft("a", "{}")]);
}

fn a_frame_is_committed_whole_or_not_at_all(mut subject: impl Subject) {
    append(&mut subject, vec![keyed("a", key(1))]);
    let head = subject.store().head().expect("a head");
    let mut twice = frame(head, vec![draft("a", "{}"), draft("a", "{}"), draft("a", "{}")]);
    twice.entries[1].header.seq = head.seq;
    subject.store().append(&twice).expect_err("that place is taken");
    assert_eq!(subject.store().head().expect("a head"), head);
    assert_eq!(subject.reader().read(1, 10).expect("read").len(), 1);
    append(&mut subject, vec![draft("a", "{}")]);
}

fn streams_are_read_apart(mut subject: impl Subject) {
    let written = append(&mut subject, vec![draft("a", "1"), draft("b", "2"), draft("a", "3"), draft("b", "4")]);
    let reader = subject.reader();
    assert_eq!(reader.stream(&stream("a"), 0).expect("read"), [written[0].clone(), written[2].clone()]);
    assert_eq!(reader.stream(&stream("b"), 2).expect("read"), written[3..]);
    assert_eq!(reader.stream_head(&stream("a")).expect("read"), Some(3));
    assert_eq!(reader.stream_head(&stream("c")).expect("read"), None);
}

fn keys_are_found_again(mut subject: impl Subject) {
    append(&mut subject, vec![draft("a", "{}"), keyed("b", key(1))]);
    let reader = subject.reader();
    assert_eq!(reader.recorded(&key(1)).expect("read"), Some(2));
    assert_eq!(reader.recorded(&key(2)).expect("read"), None);
}

fn erased_bodies_are_gone_and_headers_stay(mut subject: impl Subject) {
    let written = append(&mut subject, vec![keyed("a", key(1)), draft("a", "{\"name\":\"a person\"}"), draft("a", "")]);
    subject.store().erase(&[1, 2]).expect("erased");
    subject.store().erase(&[2]).expect("erased again");
    let read = subject.reader().read(1, 10).expect("read");
    for (found, was) in read.iter().zip(&written) {
        assert_eq!((&found.header, found.hash), (&was.header, was.hash));
    }
    assert_eq!(read.iter().map(|entry| entry.body.is_some()).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(subject.reader().recorded(&key(1)).expect("read"), Some(1));
    append(&mut subject, vec![draft("a", "{}")]);
}

fn what_was_committed_is_there_after_reopening(mut subject: impl Subject) {
    let written = append(&mut subject, vec![draft("a", "{}"), draft("b", "{}")]);
    let mut reopened = subject.reopen();
    assert_eq!(reopened.reader().read(1, 10).expect("read"), written);
    append(&mut reopened, vec![draft("a", "{}")]);
}
