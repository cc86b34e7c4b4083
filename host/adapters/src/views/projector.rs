//! The thread that follows the log and keeps the views.

use std::{path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use rosehip_core::{event::Record, log::Head, ports::LogReader};
use rusqlite::Connection;
use tokio::sync::{broadcast, watch};

use super::{
    ViewError,
    commits::{Bell, Commit, Commits, ViewsIntake},
    fold::Batch,
    schema,
    tallies::Happened,
};

/// Records of one commit, for whoever follows live.
pub type Tail = Arc<[Record]>;

/// Entries of the log folded in one transaction at most, while it is caught up with.
const BATCH_ENTRIES: usize = 1_000;
/// How long views that could not be written wait to be tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Commits that a live follower may lag behind before it has to read the log again.
const TAIL_COMMITS: usize = 1_024;

/// The views' writer before its thread runs: it has caught up with the log.
pub struct Projector {
    connection: Connection,
    head: Head,
    commits: Commits,
    position: watch::Sender<Place>,
    tail: broadcast::Sender<Tail>,
}

/// A running projector.
#[derive(Debug)]
pub struct ProjectorHandle {
    position: ViewPosition,
    tail: broadcast::Sender<Tail>,
    thread: Option<JoinHandle<()>>,
}

impl Projector {
    /// Opens the views and folds in what the log has beyond them.
    pub fn open(path: &Path, log: &impl LogReader) -> Result<Self, ViewError> {
        let (connection, head) = schema::open(path, log)?;
        let mut projector = Self {
            connection,
            head,
            commits: Commits::new(),
            position: watch::Sender::new(Place::at(head.seq)),
            tail: broadcast::Sender::new(TAIL_COMMITS),
        };
        loop {
            let entries = log.read(projector.head.seq + 1, BATCH_ENTRIES)?;
            if entries.is_empty() {
                // A crash may have left there what was erased.
                projector.truncate();
                // What was caught up with fills the page cache, and is not what comes next.
                projector.connection.execute_batch("PRAGMA shrink_memory")?;
                return Ok(projector);
            }
            let records = entries.iter().map(Record::read).collect::<Result<Vec<_>, _>>()?;
            if let Some(last) = entries.last() {
                // What happened before this process is not its to count.
                drop(projector.fold(&records, Head { seq: last.header.seq, hash: last.hash })?);
                projector.position.send_replace(Place::at(projector.head.seq));
            }
        }
    }

    /// Starts the thread. What the returned intake is given must follow the log without gaps; when it is dropped, the thread
    /// ends.
    pub fn start(self) -> std::io::Result<(ViewsIntake, ProjectorHandle)> {
        let (position, tail) = (self.follow(), self.tail.clone());
        let followed = tail.clone();
        let intake = self.commits.intake(move || followed.receiver_count() > 0);
        let thread = std::thread::Builder::new().name("projector".to_owned()).spawn(move || self.run())?;
        Ok((intake, ProjectorHandle { position, tail, thread: Some(thread) }))
    }

    fn run(mut self) {
        let mut goes_on = true;
        while goes_on {
            let mut batch = Vec::new();
            goes_on = self.commits.gather(&mut batch, || self.tail.receiver_count() > 0);
            loop {
                match self.take_in(&batch) {
                    Ok(()) => break,
                    Err(error @ ViewError::Event(_)) => {
                        // Readers see that the views stand still; a release that can read the entry goes on from here.
                        tracing::error!(%error, position = self.head.seq, "the views stopped following the log");
                        return;
                    }
                    // A full disk, above all: the log knows how to go on after it, and so do the views.
                    Err(error) => {
                        tracing::error!(%error, position = self.head.seq, "the views are written again in a second");
                        self.position.send_modify(|place| place.is_held_up = true);
                        std::thread::sleep(PATIENCE);
                    }
                }
            }
        }
    }

    /// Folds commits that follow what the views hold and one another, in one transaction, and tells whoever follows.
    /// After an error the views are as they were.
    pub fn take_in(&mut self, commits: &[Commit]) -> Result<(), ViewError> {
        let last = commits.iter().rev().find_map(|commit| commit.last());
        let Some(last) = last.map(|entry| Head { seq: entry.header.seq, hash: entry.hash }) else { return Ok(()) };
        let records = commits.iter().flat_map(|commit| commit.iter()).map(Record::of).collect::<Result<Vec<_>, _>>()?;
        let records: Tail = records.into();
        let happened = self.fold(&records, last)?;
        // Whoever waits for the views finds the counters as far.
        happened.count();
        self.position.send_replace(Place::at(self.head.seq));
        if self.tail.receiver_count() > 0 {
            // A follower that has just gone is no reason to stop.
            let _ = self.tail.send(records);
        }
        Ok(())
    }

    /// Follows how far the views are.
    pub fn follow(&self) -> ViewPosition {
        ViewPosition { place: self.position.subscribe(), bell: self.commits.bell() }
    }

    /// Folds records that end at `head` into the views, in one transaction.
    fn fold(&mut self, records: &[Record], head: Head) -> Result<Happened, ViewError> {
        let transaction = self.connection.transaction()?;
        let mut batch = Batch::new(&transaction);
        for record in records {
            batch.apply(record)?;
        }
        let (has_erased, happened) = batch.finish()?;
        transaction
            .prepare_cached("UPDATE position SET seq = ?1, hash = ?2")?
            .execute((head.seq, head.hash.to_string()))?;
        transaction.commit()?;
        // From here on the records must not be folded again.
        self.head = head;
        if has_erased {
            // What was let go is zeros in the pages by now; the write-ahead log still has it.
            self.truncate();
        }
        Ok(happened)
    }
}

impl Projector {
    /// Empties the write-ahead log. Where that fails, the next start does it.
    fn truncate(&self) {
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        if !matches!(busy, Ok(false)) {
            tracing::warn!(?busy, "the views' write-ahead log was not emptied");
        }
    }
}

/// How far the views are.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The last entry that they hold.
    seq: u64,
    /// Whether they could not be written the last time, and will be tried again.
    is_held_up: bool,
}

impl Place {
    fn at(seq: u64) -> Self {
        Self { seq, is_held_up: false }
    }
}

/// How far the views are. A clone follows the same ones.
#[derive(Debug, Clone)]
pub struct ViewPosition {
    place: watch::Receiver<Place>,
    bell: Bell,
}

impl ViewPosition {
    /// Waits until the views hold entry `seq`.
    pub async fn reached(&self, seq: u64) -> Result<(), ViewError> {
        self.comes_to(seq, |place| place.seq >= seq).await
    }

    async fn comes_to(&self, seq: u64, mut wanted: impl FnMut(&Place) -> bool) -> Result<(), ViewError> {
        let mut place = self.place.clone();
        if !wanted(&place.borrow_and_update()) {
            self.bell.ring(seq);
        }
        place.wait_for(wanted).await.map(drop).map_err(|_| ViewError::Stopped)
    }
}

impl ProjectorHandle {
    /// Follows how far the views are.
    pub fn follow(&self) -> ViewPosition {
        self.position.clone()
    }

    /// Waits until the views hold entry `seq`.
    pub async fn reached(&self, seq: u64) -> Result<(), ViewError> {
        self.position.reached(seq).await
    }

    /// Waits until the views hold entry `seq`, or cannot be written: whoever only reads is told what they hold.
    pub async fn reached_or_held_up(&self, seq: u64) -> Result<(), ViewError> {
        self.position.comes_to(seq, |place| place.seq >= seq || place.is_held_up).await
    }

    /// `seq` of the last entry that the views hold.
    pub fn position(&self) -> u64 {
        self.position.place.borrow().seq
    }

    /// Whether the thread still follows the log.
    pub fn is_running(&self) -> bool {
        self.position.place.has_changed().is_ok()
    }

    /// Every record from now on.
    pub fn tail(&self) -> broadcast::Receiver<Tail> {
        self.tail.subscribe()
    }
}

impl Drop for ProjectorHandle {
    fn drop(&mut self) {
        // The thread ends once the sender of commits is gone, which belongs to the log's writer.
        drop(self.thread.take());
    }
}
