//! The nth write, sync or change of a name fails, for every n of a scenario. Whatever becomes of the process, what it
//! acknowledged is there for the next one; after a sync of the log that failed there is no acknowledgement any more.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::io::Errno;

use crate::{
    promises::{Promises, check},
    recording::{Change, Recording},
    runs,
    scenario::{self, Plan},
    shim::{self, Fault},
};

/// In the ordinary tests one call of so many is made to fail, by command (`STEP=1`) each.
const STEP: u64 = if cfg!(debug_assertions) { 31 } else { 7 };
/// How a process ends that the log's writer gave up.
const SIGABRT: i32 = 6;

/// What was seen of one fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The scenario went on.
    WentOn,
    /// It ended.
    Ended,
    /// It has not as many calls.
    NotReached,
}

/// Runs the scenario with one fault, and looks what it leaves.
fn fail(fault: Fault) -> Result<Seen, String> {
    let root = runs::scratch();
    let root = root.path().canonicalize().expect("it is there");
    let journal = root.with_extension("journal");
    let ran = shim::run(&root, Plan::Short, Some(fault), &journal);
    fs::remove_file(&journal).expect("it was written");
    let failed = ran.recording.changes.iter().position(|change| matches!(change, Change::Failed(_)));
    let Some(failed) = failed else { return Ok(Seen::NotReached) };
    let Change::Failed(about) = &ran.recording.changes[failed] else { unreachable!("it was found by that") };
    let about = about.clone();
    let told = |error: String| format!("{} of {}: {error}", fault.class, about.display());

    let promises: Promises = ran.recording.acks(ran.recording.changes.len()).collect();
    check(&scenario::data(&root), &promises).map_err(told)?;
    let told = |error: &str| format!("{} of {}, {}: {error}", fault.class, about.display(), ran.status);
    let has_begun = ran.recording.acks(failed).next().is_some();
    let is_log = ["data/log.db", "data/log.db-wal"].iter().any(|log| about == Path::new(log));
    if is_log && fault.class == "sync" {
        if ran.status.success() || (has_begun && ran.status.signal() != Some(SIGABRT)) {
            return Err(told("the process goes on after a failed sync of the log"));
        }
        if acks_after(&ran.recording, failed) > 0 {
            return Err(told("something was acknowledged after a failed sync of the log"));
        }
    } else if has_begun && !ran.status.success() {
        return Err(told("the process ended, and it need not have"));
    }
    Ok(if ran.status.success() { Seen::WentOn } else { Seen::Ended })
}

/// Entries that were acknowledged after change `failed`.
fn acks_after(recording: &Recording, failed: usize) -> usize {
    recording.changes[failed..]
        .iter()
        .filter(|change| matches!(change, Change::Ack(line) if line.starts_with("entry")))
        .count()
}

/// Runs the scenario once for every `STEP`th call of a class, each time with that one failing. Tells how often the scenario
/// went on, and how often it ended.
fn each_call(class: &'static str, errno: Errno, test: &str) -> (u64, u64) {
    let step = runs::number("STEP", STEP);
    let root = runs::scratch();
    let root = root.path().canonicalize().expect("it is there");
    let journal = root.with_extension("journal");
    let calls = shim::run(&root, Plan::Short, None, &journal).recording.calls(class);
    fs::remove_file(&journal).expect("it was written");
    let (went_on, ended) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed = runs::each("CALL", calls.div_ceil(step), |index| {
        let number = u32::try_from(index * step + 1).expect("there are not so many");
        match fail(Fault { class, number, errno: errno.raw_os_error() })? {
            Seen::WentOn => went_on.fetch_add(1, Ordering::Relaxed),
            Seen::Ended => ended.fetch_add(1, Ordering::Relaxed),
            // The views' thread folds what it finds, so that runs differ by some calls.
            Seen::NotReached => 0,
        };
        Ok(())
    });
    if let Err((index, error)) = failed {
        panic!(
            "call {}: {error}\nto repeat it: STEP={step} CALL={index} cargo test {}-p rosehip-adapters --test disk -- \
             io_errors::{test}",
            index * step + 1,
            runs::flags()
        );
    }
    let (went_on, ended) = (went_on.into_inner(), ended.into_inner());
    println!("{class}, {errno:?}: {calls} calls, {} made to fail; it went on {went_on} times", went_on + ended);
    assert!(env::var_os("CALL").is_some() || went_on + ended >= calls / step / 2, "too few calls failed");
    (went_on, ended)
}

#[test]
fn a_failed_sync_of_the_log_ends_the_process_before_any_acknowledgement() {
    let (_, ended) = each_call("sync", Errno::IO, "a_failed_sync");
    assert!(env::var_os("CALL").is_some() || ended > 0, "no sync of the log failed");
}

#[test]
fn a_failed_write_loses_nothing() {
    each_call("write", Errno::IO, "a_failed_write");
}

#[test]
fn a_write_without_room_loses_nothing_and_work_resumes() {
    each_call("write", Errno::NOSPC, "a_write_without");
}

#[test]
fn a_name_that_cannot_be_given_loses_nothing() {
    each_call("name", Errno::IO, "a_name");
}
