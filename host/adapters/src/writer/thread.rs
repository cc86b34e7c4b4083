//! The writer's thread: take, check, chain, commit, show, answer.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rosehip_core::{
    event::ABOUT_BEHAVIORS,
    ids::DedupKey,
    log::{Append, Entry, Frame, Head, SALT_BYTES},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};
use tokio::sync::watch;

use super::{
    Ack, Answer, AppendError, Appended, Observer, OnFatal, WriterOptions,
    gather::Gather,
    queue::{Queue, Queued, Request, Work},
    stream_heads::StreamHeads,
};
use crate::{head::HeadSigner, randomness::Randomness};

/// How often a frame is offered to a store that does not know whether it took it, and did not.
const COMMIT_ATTEMPTS: usize = 3;

/// The log cannot go on. Says why, for the operator.
struct Fatal(String);

impl From<StoreError> for Fatal {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Whether a frame is durable.
enum Outcome {
    Committed,
    DiskFull,
}

pub(super) struct WriterThread<S> {
    store: S,
    head: Head,
    heads: StreamHeads,
    /// The last entry about a behavior, as far as this writer appended it; 0 for none.
    behaviors: u64,
    /// Keys of the frame at hand, which the store does not know yet.
    recorded: HashMap<DedupKey, u64>,
    /// Room for the salts of a frame, kept between frames.
    salts: Vec<[u8; SALT_BYTES]>,
    observers: Vec<Observer>,
    signer: Option<HeadSigner>,
    /// None where the time that callers take to come back is not the machine's.
    gather: Option<Gather>,
    randomness: Arc<dyn Randomness>,
    /// Room for the appends of a frame, kept between frames.
    taken: Vec<Queued>,
    meter: Meter,
    committed: watch::Sender<u64>,
    ending: Ending,
}

/// Counts commits for whoever watches the host.
struct Meter {
    seconds: metrics::Histogram,
    entries: metrics::Counter,
}

impl Meter {
    fn new() -> Self {
        Self {
            seconds: metrics::histogram!("rosehip_commit_seconds"),
            entries: metrics::counter!("rosehip_commit_entries_total"),
        }
    }

    fn committed(&self, took: Duration, entries: usize) {
        self.seconds.record(took);
        self.entries.increment(u64::try_from(entries).unwrap_or_default());
    }
}

/// Whatever ends the thread, nobody waits for it in vain.
struct Ending {
    queue: Arc<Queue>,
    on_fatal: OnFatal,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.on_fatal)("the log writer panicked");
        }
        for request in self.queue.close() {
            match request {
                Request::Append(queued) => queued.ack.answer(Err(AppendError::Stopped)),
                Request::Erase { answer, .. } => drop(answer.send(Err(AppendError::Stopped))),
                Request::Compact { answer, .. } => drop(answer.send(Err(super::stopped()))),
            }
        }
    }
}

impl<S: LogStore + LogReader> WriterThread<S> {
    pub(super) fn new(
        store: S,
        head: Head,
        queue: Arc<Queue>,
        options: WriterOptions,
        committed: watch::Sender<u64>,
    ) -> Self {
        let WriterOptions { observers, signer, on_fatal, randomness, .. } = options;
        Self {
            store,
            head,
            heads: StreamHeads::default(),
            behaviors: 0,
            recorded: HashMap::new(),
            salts: Vec::new(),
            observers,
            signer,
            gather: Some(Gather::default()),
            randomness,
            taken: Vec::new(),
            meter: Meter::new(),
            committed,
            ending: Ending { queue, on_fatal },
        }
    }

    /// For [`super::WriterSteps`].
    pub(super) fn stepped(
        store: S,
        head: Head,
        queue: Arc<Queue>,
        options: WriterOptions,
        committed: watch::Sender<u64>,
    ) -> Self {
        Self { gather: None, ..Self::new(store, head, queue, options, committed) }
    }

    /// Does the next thing that is queued, if there is one; `false` once nothing more will be done.
    pub(super) fn step(&mut self) -> bool {
        match self.serve(Some(Instant::now())) {
            Ok(goes_on) => goes_on,
            Err(Fatal(reason)) => {
                (self.ending.on_fatal)(&reason);
                false
            }
        }
    }

    pub(super) fn run(mut self) {
        if let Err(Fatal(reason)) = self.work() {
            tracing::error!(reason, "the log cannot go on");
            (self.ending.on_fatal)(&reason);
        }
    }

    fn work(&mut self) -> Result<(), Fatal> {
        loop {
            let deadline = self.signer.as_ref().and_then(|signer| signer.deadline(self.head));
            if !self.serve(deadline)? {
                return Ok(());
            }
        }
    }

    /// Does the next thing that is queued, waiting for it until `deadline`; `false` once nothing more will be.
    fn serve(&mut self, deadline: Option<Instant>) -> Result<bool, Fatal> {
        let mut appends = std::mem::take(&mut self.taken);
        let work = self.ending.queue.take(&mut appends, deadline);
        match work {
            Work::Appends => self.write(&mut appends)?,
            Work::Erase { seqs, answer } => drop(answer.send(self.erase(&seqs)?)),
            Work::Compact { how, answer } => drop(answer.send(self.compact(how)?)),
            Work::Deadline => {}
            Work::Stopped => {
                if let Some(signer) = &mut self.signer {
                    signer.sign(self.head, Instant::now());
                }
                return Ok(false);
            }
        }
        self.taken = appends;
        self.sign_if_due();
        Ok(true)
    }

    /// Commits a frame of `appends`, which is emptied, and answers each of them.
    fn write(&mut self, appends: &mut Vec<Queued>) -> Result<(), Fatal> {
        let (frame, answers) = self.assemble(appends)?;
        if frame.entries.is_empty() {
            answer(answers);
            return Ok(());
        }
        let begun = Instant::now();
        match self.commit(&frame)? {
            Outcome::Committed => {
                let took = begun.elapsed();
                if let Some(gather) = &mut self.gather {
                    gather.commit_took(took);
                }
                self.meter.committed(took, frame.entries.len());
                self.head = frame.head();
                self.show(frame.entries);
                let (callers, waiting) = (answers.len(), self.ending.queue.len());
                answer(answers);
                if let Some(gather) = &mut self.gather {
                    gather.after_answering(callers, waiting, &self.ending.queue);
                }
            }
            Outcome::DiskFull => {
                // Answers that rest on other appends of the frame are void as well.
                self.heads.clear();
                answer(answers.into_iter().map(|(ack, _)| (ack, Err(AppendError::DiskFull))));
            }
        }
        Ok(())
    }

    /// Chains the appends that may be committed into a frame, and decides what each is told once it is.
    fn assemble(&mut self, appends: &mut Vec<Queued>) -> Result<(Frame, Vec<(Ack, Answer)>), Fatal> {
        self.recorded.clear();
        self.heads.age();
        let drafts = appends.iter().map(|queued| queued.append.drafts.len()).sum();
        let mut frame = Frame { after: self.head, entries: Vec::with_capacity(drafts) };
        let mut answers = Vec::with_capacity(appends.len());
        let salts = self.draw_salts(drafts)?;
        let mut unused = salts.iter();
        for Queued { mut append, ack, .. } in appends.drain(..) {
            let first = frame.head().seq + 1;
            if let Some(error) = self.refuse(&append, first)? {
                answers.push((ack, Err(error)));
                continue;
            }
            append.place(first);
            for draft in append.drafts {
                if draft.kind.starts_with(ABOUT_BEHAVIORS) {
                    self.behaviors = frame.head().seq + 1;
                }
                let salt = unused.next().expect("a salt was drawn for each draft");
                self.heads.set(&draft.stream, frame.head().seq + 1);
                frame.push(draft, *salt);
            }
            answers.push((ack, Ok(Appended { first, last: frame.head().seq })));
        }
        self.salts = salts;
        Ok((frame, answers))
    }

    /// One call to the system for a whole frame.
    fn draw_salts(&mut self, count: usize) -> Result<Vec<[u8; SALT_BYTES]>, Fatal> {
        let mut salts = std::mem::take(&mut self.salts);
        salts.resize(count, [0; SALT_BYTES]);
        self.randomness.fill(salts.as_flattened_mut()).map_err(|error| Fatal(error.to_string()))?;
        Ok(salts)
    }

    /// Why an append whose first entry would be `first` may not be committed. Its keys are remembered if it may.
    fn refuse(&mut self, append: &Append, first: u64) -> Result<Option<AppendError>, StoreError> {
        for expected in &append.expected {
            let found = match self.heads.get(&expected.stream) {
                Some(seq) => Some(seq),
                None => self.store.stream_head(&expected.stream)?,
            };
            if found != expected.head {
                let stream = expected.stream.clone();
                return Ok(Some(AppendError::Stale { stream, expected: expected.head, found }));
            }
        }
        if let Some(as_of) = append.behaviors_as_of.filter(|as_of| *as_of < self.behaviors) {
            return Ok(Some(AppendError::BehaviorsChanged { as_of, changed: self.behaviors }));
        }
        self.refuse_duplicate(append, first)
    }

    fn refuse_duplicate(&mut self, append: &Append, first: u64) -> Result<Option<AppendError>, StoreError> {
        let keys = append.drafts.iter().zip(first..).filter_map(|(draft, seq)| Some((draft.dedup?, seq)));
        for (key, seq) in keys.clone() {
            let earlier = match self.recorded.get(&key) {
                Some(seq) => Some(*seq),
                None => self.store.recorded(&key)?,
            };
            let Some(earlier) = earlier else {
                self.recorded.insert(key, seq);
                continue;
            };
            for (key, _) in keys.take_while(|(_, taken)| *taken < seq) {
                self.recorded.remove(&key);
            }
            return Ok(Some(AppendError::Duplicate { key, seq: earlier }));
        }
        Ok(None)
    }

    /// Makes a frame durable. After an unknown outcome the head tells whether it is: its hash depends on every entry.
    fn commit(&mut self, frame: &Frame) -> Result<Outcome, Fatal> {
        let mut last = String::new();
        for _ in 0..COMMIT_ATTEMPTS {
            match self.store.append(frame) {
                Ok(()) => return Ok(Outcome::Committed),
                Err(StoreError::Full) => return Ok(Outcome::DiskFull),
                Err(StoreError::Unknown(reason)) => last = reason,
                Err(error @ (StoreError::Conflict { .. } | StoreError::SyncFailed(_) | StoreError::Unreadable(_))) => {
                    return Err(error.into());
                }
            }
            let found = self.store.head()?;
            if found == frame.head() {
                return Ok(Outcome::Committed);
            }
            if found != frame.after {
                return Err(StoreError::Conflict { expected: frame.after.seq, found: found.seq }.into());
            }
            tracing::warn!(reason = last, after = frame.after.seq, "a frame was not committed and is offered again");
        }
        Err(Fatal(format!("a frame after entry {} was not committed: {last}", frame.after.seq)))
    }

    /// Shows what is durable now to the observers, then to whoever follows the committed `seq`.
    fn show(&mut self, entries: Vec<Entry>) {
        if !self.observers.is_empty() {
            let entries: Arc<[Entry]> = entries.into();
            for observer in &mut self.observers {
                observer(&entries);
            }
        }
        self.committed.send_replace(self.head.seq);
    }

    fn erase(&mut self, seqs: &[u64]) -> Result<Result<(), AppendError>, Fatal> {
        match self.store.erase(seqs) {
            Ok(()) => Ok(Ok(())),
            Err(StoreError::Full) => Ok(Err(AppendError::DiskFull)),
            // Erasing twice is erasing once.
            Err(StoreError::Unknown(_)) => Ok(self.store.erase(seqs).map(Ok)?),
            Err(error @ (StoreError::Conflict { .. } | StoreError::SyncFailed(_) | StoreError::Unreadable(_))) => {
                Err(error.into())
            }
        }
    }

    /// Room that was not given back is no harm to the log, so that only what casts doubt on it ends the writer.
    fn compact(&mut self, how: Compaction) -> Result<Result<Compacted, StoreError>, Fatal> {
        match self.store.compact(how) {
            Err(error @ (StoreError::SyncFailed(_) | StoreError::Conflict { .. })) => Err(error.into()),
            compacted => Ok(compacted),
        }
    }

    fn sign_if_due(&mut self) {
        if let Some(signer) = &mut self.signer {
            let now = Instant::now();
            if signer.is_due(self.head, now) {
                signer.sign(self.head, now);
            }
        }
    }
}

fn answer(answers: impl IntoIterator<Item = (Ack, Answer)>) {
    for (ack, answer) in answers {
        ack.answer(answer);
    }
}
