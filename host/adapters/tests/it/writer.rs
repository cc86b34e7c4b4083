//! The writer: what it commits, what it refuses, and what it does when the store fails.

use std::{
    path::Path,
    sync::{Arc, Mutex, mpsc},
};

use rosehip_adapters::{
    store::{SqliteLog, SqliteOptions, SqliteReader},
    verify::verify_log,
    writer::{AppendError, Appended, Writer, WriterOptions},
};
use rosehip_core::{
    limits::APPEND_ENTRIES,
    log::{Append, Draft, Head},
    ports::LogReader as _,
};

use crate::{
    faults::{Fault, Faulty},
    support::{Gate, Seen, after, draft, key, keyed, one, stream},
};

fn store(dir: &Path) -> SqliteLog {
    SqliteLog::open(&dir.join("log.db"), &SqliteOptions::default()).expect("opened")
}

fn reader(dir: &Path) -> SqliteReader {
    SqliteReader::open(&dir.join("log.db")).expect("opened")
}

fn head_of(dir: &Path) -> Head {
    verify_log(&reader(dir), None, |_| {}).expect("the chain holds").head
}

/// A writer that is held after its first entry, so that what is queued next shares a frame.
fn held(dir: &Path) -> (Writer, Gate) {
    let (gate, observer) = Gate::new();
    let writer = Writer::start(store(dir), WriterOptions { observers: vec![observer], ..WriterOptions::default() })
        .expect("started");
    gate.hold(&writer);
    (writer, gate)
}

/// Fatal conditions that were reported, instead of an abort.
fn reported() -> (Arc<Mutex<Vec<String>>>, WriterOptions) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reports);
    let on_fatal = Arc::new(move |reason: &str| sink.lock().expect("no panic").push(reason.to_owned()));
    (reports, WriterOptions { on_fatal, ..WriterOptions::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_append_at_once_and_each_is_told_where() {
    let dir = tempfile::tempdir().expect("a directory");
    let seen = Seen::default();
    let options = WriterOptions { observers: vec![seen.observer()], ..WriterOptions::default() };
    let writer = Writer::start(store(dir.path()), options).expect("started");
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let writer = writer.clone();
            tokio::spawn(async move {
                let own = format!("flow:{caller}");
                let mut head = None;
                for _ in 0..25 {
                    let mut append = after(&own, head);
                    append.drafts.push(draft("shared", "{}"));
                    let appended = writer.append(append).await.expect("appended");
                    assert_eq!(appended.last, appended.first + 1);
                    assert!(writer.committed() >= appended.last);
                    head = Some(appended.first);
                }
                head
            })
        })
        .collect();
    let mut heads = Vec::new();
    for caller in callers {
        heads.push(caller.await.expect("no panic"));
    }
    writer.stop();
    assert_eq!(head_of(dir.path()).seq, 800);
    assert_eq!(seen.seqs(), (1..=800).collect::<Vec<_>>());
    for (caller, head) in heads.into_iter().enumerate() {
        assert_eq!(reader(dir.path()).stream_head(&stream(&format!("flow:{caller}"))).expect("read"), head);
    }
}

#[tokio::test]
async fn a_stale_append_is_refused_whichever_frame_made_it_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let (writer, gate) = held(dir.path());
    let first = writer.append(after("a", None));
    let same_frame = writer.append(after("a", None));
    let going_on = writer.append(after("a", Some(2)));
    gate.next();
    gate.open();
    assert_eq!(first.await, Ok(Appended { first: 2, last: 2 }));
    let stale = |expected, found| Err(AppendError::Stale { stream: stream("a"), expected, found: Some(found) });
    assert_eq!(same_frame.await, stale(None, 2));
    assert_eq!(going_on.await, Ok(Appended { first: 3, last: 3 }));
    assert_eq!(writer.append(after("a", Some(2))).await, stale(Some(2), 3));

    // A writer that has just started knows no heads and asks the store.
    writer.stop();
    let writer = Writer::start(store(dir.path()), WriterOptions::default()).expect("started");
    assert_eq!(writer.append(after("a", None)).await, stale(None, 3));
    assert_eq!(writer.append(after("a", Some(3))).await, Ok(Appended { first: 4, last: 4 }));
    let message = writer.append(after("a", None)).await.expect_err("stale").to_string();
    assert_eq!(message, "stream a is at entry 4, not at entry none");
}

#[tokio::test]
async fn a_key_is_recorded_once_whichever_frame_did() {
    let dir = tempfile::tempdir().expect("a directory");
    let (writer, gate) = held(dir.path());
    let keyed = |drafts: &[u8]| Append::unconditional(drafts.iter().map(|n| keyed("a", key(*n))).collect());
    let first = writer.append(keyed(&[1]));
    let same_frame = writer.append(keyed(&[2, 1]));
    let within_itself = writer.append(keyed(&[3, 3]));
    let of_the_refused = writer.append(keyed(&[2, 3]));
    gate.next();
    gate.open();
    assert_eq!(first.await, Ok(Appended { first: 2, last: 2 }));
    assert_eq!(same_frame.await, Err(AppendError::Duplicate { key: key(1), seq: 2 }));
    assert!(matches!(within_itself.await, Err(AppendError::Duplicate { .. })));
    assert_eq!(of_the_refused.await, Ok(Appended { first: 3, last: 4 }));
    assert_eq!(writer.append(keyed(&[4, 2])).await, Err(AppendError::Duplicate { key: key(2), seq: 3 }));
    assert_eq!(writer.append(keyed(&[4])).await, Ok(Appended { first: 5, last: 5 }));
    drop(writer);
    assert_eq!(head_of(dir.path()).seq, 5);
}

#[tokio::test]
async fn an_append_without_drafts_checks_heads_and_writes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let writer = Writer::start(store(dir.path()), WriterOptions::default()).expect("started");
    writer.append(one("a")).await.expect("appended");
    let check = |head| Append { drafts: Vec::new(), ..after("a", head) };
    assert_eq!(writer.append(check(Some(1))).await, Ok(Appended { first: 2, last: 1 }));
    assert!(matches!(writer.append(check(None)).await, Err(AppendError::Stale { .. })));
    assert_eq!(writer.committed(), 1);
}

#[tokio::test]
async fn what_was_decided_by_how_behaviors_stood_is_refused_once_one_changed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (gate, observer) = Gate::new();
    let options = WriterOptions { observers: vec![observer], ..WriterOptions::default() };
    let writer = Writer::start(store(dir.path()), options).expect("started");
    let by = |as_of| Append { behaviors_as_of: Some(as_of), ..one("a") };
    gate.hold(&writer);
    let change = Draft { kind: "behavior.switched".into(), ..draft("behavior:b", "{}") };
    let appends = [by(0), Append::unconditional(vec![change]), by(0), by(2), by(3)].map(|append| writer.append(append));
    gate.next();
    gate.open();
    let [before, change, lost, lost_as_well, after] = appends;
    assert_eq!(before.await, Ok(Appended { first: 2, last: 2 }));
    assert_eq!(change.await, Ok(Appended { first: 3, last: 3 }));
    assert_eq!(lost.await, Err(AppendError::BehaviorsChanged { as_of: 0, changed: 3 }), "in the same frame");
    assert_eq!(lost_as_well.await, Err(AppendError::BehaviorsChanged { as_of: 2, changed: 3 }));
    assert_eq!(after.await, Ok(Appended { first: 4, last: 4 }));
    assert_eq!(writer.append(by(2)).await, Err(AppendError::BehaviorsChanged { as_of: 2, changed: 3 }));
    assert_eq!(writer.append(by(4)).await, Ok(Appended { first: 5, last: 5 }));
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_queued() {
    let dir = tempfile::tempdir().expect("a directory");
    let (gate, observer) = Gate::new();
    let options = WriterOptions { observers: vec![observer], queue_appends: 2, ..WriterOptions::default() };
    let writer = Writer::start(store(dir.path()), options).expect("started");
    gate.hold(&writer);
    let waiting = [writer.append(one("a")), writer.append(one("a"))];
    assert_eq!(writer.append(one("a")).await, Err(AppendError::QueueFull));
    gate.next();
    gate.open();
    for append in waiting {
        append.await.expect("what was queued is committed");
    }
    writer.append(one("a")).await.expect("there is room again");

    let entries = APPEND_ENTRIES + 1;
    let large = Append::unconditional(vec![draft("a", "{}"); entries]);
    assert_eq!(writer.append(large).await, Err(AppendError::TooLarge { entries }));
    writer.append(Append::unconditional(vec![draft("a", "{}"); APPEND_ENTRIES])).await.expect("at the limit");
}

#[tokio::test]
async fn observers_see_entries_before_whoever_appended_them_is_answered() {
    let dir = tempfile::tempdir().expect("a directory");
    let seen = Seen::default();
    let options = WriterOptions { observers: vec![seen.observer()], ..WriterOptions::default() };
    let writer = Writer::start(store(dir.path()), options).expect("started");
    let (report, reports) = mpsc::channel();
    for _ in 0..100 {
        let (seen, report, committed) = (seen.clone(), report.clone(), writer.watch());
        let on_done = move |answer: Result<Appended, AppendError>| {
            let appended = answer.expect("appended");
            let shown = seen.seqs().contains(&appended.last) && *committed.borrow() >= appended.last;
            report.send((appended.last, shown)).expect("the test listens");
        };
        writer.append_with(one("a"), Box::new(on_done));
    }
    let answers: Vec<_> = reports.iter().take(100).collect();
    assert_eq!(answers, (1..=100).map(|seq| (seq, true)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_writer_resumes_when_there_is_space() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = SqliteLog::open(
        &dir.path().join("log.db"),
        &SqliteOptions { max_page_count: Some(40), ..SqliteOptions::default() },
    )
    .expect("opened");
    let writer = Writer::start(log, WriterOptions::default()).expect("started");
    let large = || Append::unconditional(vec![draft("a", &"x".repeat(30_000))]);
    let refused = loop {
        if let Err(error) = writer.append(large()).await {
            break error;
        }
    };
    assert_eq!(refused, AppendError::DiskFull);
    let kept = writer.committed();
    assert!(kept > 1);

    writer.append(one("a")).await.expect("what is small still fits");
    writer.erase(vec![1]).await.expect("erased");
    let resumed = writer.append(large()).await.expect("there is space again");
    assert_eq!(resumed.first, kept + 2);
    writer.stop();
    assert_eq!(writer.erase(vec![1]).await, Err(AppendError::Stopped));
}

#[tokio::test]
async fn a_frame_that_found_no_space_leaves_no_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let faulty = Faulty::new(dir.path(), [Fault::None, Fault::Full]);
    let (gate, observer) = Gate::new();
    let seen = Seen::default();
    let options = WriterOptions { observers: vec![observer, seen.observer()], ..WriterOptions::default() };
    let writer = Writer::start(faulty, options).expect("started");
    gate.hold(&writer);
    let duplicate = || Append::unconditional(vec![keyed("a", key(1))]);
    let (first, stale, twice) =
        (writer.append(after("a", None)), writer.append(after("a", None)), (writer.append(duplicate())));
    gate.next();
    gate.open();
    for append in [first, stale, twice] {
        assert_eq!(append.await, Err(AppendError::DiskFull), "answers that rest on the frame are void");
    }
    assert_eq!(writer.append(after("a", None)).await, Ok(Appended { first: 2, last: 2 }));
    assert_eq!(writer.append(duplicate()).await, Ok(Appended { first: 3, last: 3 }));
    writer.stop();
    assert_eq!(seen.seqs(), [1, 2, 3]);
}

#[tokio::test]
async fn after_an_unknown_outcome_the_head_tells() {
    let dir = tempfile::tempdir().expect("a directory");
    let faults = [Fault::UnknownLanded, Fault::UnknownLost, Fault::UnknownLost, Fault::None, Fault::UnknownLanded];
    let (reports, options) = reported();
    let writer = Writer::start(Faulty::new(dir.path(), faults), options).expect("started");
    for seq in 1..=4 {
        assert_eq!(writer.append(one("a")).await, Ok(Appended { first: seq, last: seq }));
    }
    writer.stop();
    assert_eq!(head_of(dir.path()).seq, 4);
    assert!(reports.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn what_the_log_cannot_survive_ends_the_writer() {
    for (faults, reason) in [
        (vec![Fault::Sync], "did not confirm"),
        (vec![Fault::Conflict], "a second writer is at work"),
        (vec![Fault::UnknownLost; 3], "a frame after entry 0 was not committed"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let (reports, options) = reported();
        let writer = Writer::start(Faulty::new(dir.path(), faults), options).expect("started");
        assert_eq!(writer.append(one("a")).await, Err(AppendError::Stopped));
        writer.stop();
        assert_eq!(writer.append(one("a")).await, Err(AppendError::Stopped));
        assert_eq!(writer.committed(), 0);
        let reports = reports.lock().expect("no panic");
        assert!(reports.len() == 1 && reports[0].contains(reason), "{reports:?}");
    }
}

#[tokio::test]
async fn a_panic_on_the_writers_thread_leaves_nobody_waiting() {
    let dir = tempfile::tempdir().expect("a directory");
    let (reports, mut options) = reported();
    options.observers.push(Box::new(|_| panic!("told so")));
    let writer = Writer::start(store(dir.path()), options).expect("started");
    assert_eq!(writer.append(one("a")).await, Err(AppendError::Stopped));
    writer.stop();
    assert_eq!(writer.append(one("a")).await, Err(AppendError::Stopped));
    assert_eq!(*reports.lock().expect("no panic"), ["the log writer panicked"]);
}

#[tokio::test]
async fn stopping_commits_what_is_queued_and_lets_nothing_more_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let (writer, gate) = held(dir.path());
    let queued: Vec<_> = (0..10).map(|_| writer.append(one("a"))).collect();
    let other = writer.clone();
    gate.next();
    gate.open();
    tokio::task::spawn_blocking(move || other.stop()).await.expect("stopped");
    for append in queued {
        append.await.expect("committed before the stop");
    }
    assert_eq!(writer.append(one("a")).await, Err(AppendError::Stopped));
    writer.stop();
    assert_eq!(head_of(dir.path()).seq, 11);
}

#[tokio::test]
async fn the_last_handle_may_go_in_an_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (writer, gate) = held(dir.path());
    let (told, tell) = mpsc::channel();
    let last = writer.clone();
    let on_done = Box::new(move |answer: Result<Appended, AppendError>| {
        drop(last);
        told.send(answer).expect("the test listens");
    });
    writer.append_with(one("a"), on_done);
    drop(writer);
    gate.next();
    gate.open();
    assert_eq!(tell.recv().expect("answered"), Ok(Appended { first: 2, last: 2 }));
}
