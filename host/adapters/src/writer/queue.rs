//! What waits for the writer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use rosehip_core::{
    limits::FRAME_HEADER_BYTES,
    log::{Append, Draft},
    ports::{Compacted, Compaction, StoreError},
};
use tokio::sync::{Notify, oneshot};

use super::{Ack, AppendError};

/// Appends one frame takes at most.
const FRAME_APPENDS: usize = 4_096;

/// Bytes of a header without its stream, its kind and its dedup key.
const HEADER_FIXED_BYTES: usize = 72;
/// Bytes of a dedup key.
const DEDUP_BYTES: usize = 32;

/// An append that waits, with what it will take.
pub(super) struct Queued {
    pub(super) append: Append,
    pub(super) ack: Ack,
    header_bytes: usize,
    body_bytes: usize,
}

impl Queued {
    /// Measures the append on the caller's thread, which has time, rather than on the writer's.
    pub(super) fn new(append: Append, ack: Ack) -> Self {
        let header_bytes = append.drafts.iter().map(header_bytes).sum();
        let body_bytes = append.body_bytes();
        Self { append, ack, header_bytes, body_bytes }
    }
}

fn header_bytes(draft: &Draft) -> usize {
    let dedup = if draft.dedup.is_some() { DEDUP_BYTES } else { 0 };
    HEADER_FIXED_BYTES + draft.stream.0.len() + draft.kind.len() + dedup
}

pub(super) enum Request {
    Append(Queued),
    Erase { seqs: Vec<u64>, answer: oneshot::Sender<Result<(), AppendError>> },
    Compact { how: Compaction, answer: oneshot::Sender<Result<Compacted, StoreError>> },
}

/// What the writer does next.
pub(super) enum Work {
    /// One frame's worth of appends is in the buffer.
    Appends,
    /// Remove bodies.
    Erase { seqs: Vec<u64>, answer: oneshot::Sender<Result<(), AppendError>> },
    /// Give room back.
    Compact { how: Compaction, answer: oneshot::Sender<Result<Compacted, StoreError>> },
    /// The deadline has passed and nothing waits.
    Deadline,
    /// Nothing waits and nothing more will.
    Stopped,
}

/// First in, first out, bounded by count and by bytes.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// The same for a writer that is a task.
    bell: Notify,
    max_appends: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    stopped: bool,
    /// Whether the writer sleeps, so that callers wake it only then.
    asleep: bool,
}

impl Queue {
    pub(super) fn new(max_appends: usize, max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), bell: Notify::new(), max_appends, max_bytes }
    }

    /// Adds an append, or gives its ack back with why not.
    pub(super) fn push(&self, queued: Queued) -> Result<(), (Ack, AppendError)> {
        let mut waiting = self.lock();
        if waiting.stopped {
            return Err((queued.ack, AppendError::Stopped));
        }
        let bytes = waiting.bytes + queued.body_bytes;
        let full = waiting.requests.len() >= self.max_appends || bytes > self.max_bytes;
        if full && !waiting.requests.is_empty() {
            return Err((queued.ack, AppendError::QueueFull));
        }
        waiting.bytes = bytes;
        waiting.requests.push_back(Request::Append(queued));
        self.wake(waiting);
        Ok(())
    }

    /// Adds what is no append, or gives it back because the writer has stopped.
    pub(super) fn push_other(&self, request: Request) -> Result<(), Request> {
        let mut waiting = self.lock();
        if waiting.stopped {
            return Err(request);
        }
        waiting.requests.push_back(request);
        self.wake(waiting);
        Ok(())
    }

    /// Lets nothing more in. What waits is still worked off.
    pub(super) fn stop(&self) {
        let mut waiting = self.lock();
        waiting.stopped = true;
        self.wake(waiting);
    }

    /// Lets nothing more in and hands out what waits, to be refused.
    pub(super) fn close(&self) -> VecDeque<Request> {
        let mut waiting = self.lock();
        waiting.stopped = true;
        waiting.bytes = 0;
        std::mem::take(&mut waiting.requests)
    }

    /// Appends and erasures that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    /// Waits for work, until `deadline` if there is one. Appends are put into `frame`, which is empty: as many as are
    /// there and fit, at least one.
    pub(super) fn take(&self, frame: &mut Vec<Queued>, deadline: Option<Instant>) -> Work {
        let mut waiting = self.lock();
        while waiting.requests.is_empty() {
            if waiting.stopped {
                return Work::Stopped;
            }
            let Some(left) = deadline.map(|at| at.saturating_duration_since(Instant::now())) else {
                waiting.asleep = true;
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if left.is_zero() {
                return Work::Deadline;
            }
            waiting.asleep = true;
            waiting = self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.asleep = false;
        take_frame(&mut waiting, frame)
    }

    /// Waits until something is queued, or until nothing more will be.
    pub(super) async fn arrived(&self) {
        loop {
            {
                let mut waiting = self.lock();
                if !waiting.requests.is_empty() || waiting.stopped {
                    return;
                }
                waiting.asleep = true;
            }
            // Whoever queues something from here on leaves word.
            self.bell.notified().await;
        }
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.arrived.notify_one();
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_frame(waiting: &mut Waiting, frame: &mut Vec<Queued>) -> Work {
    let mut header_bytes = 0;
    while let Some(Request::Append(next)) = waiting.requests.front() {
        header_bytes += next.header_bytes;
        if !frame.is_empty() && (header_bytes > FRAME_HEADER_BYTES || frame.len() == FRAME_APPENDS) {
            break;
        }
        if let Some(Request::Append(next)) = waiting.requests.pop_front() {
            waiting.bytes -= next.body_bytes;
            frame.push(next);
        }
    }
    if !frame.is_empty() {
        return Work::Appends;
    }
    match waiting.requests.pop_front() {
        Some(Request::Erase { seqs, answer }) => Work::Erase { seqs, answer },
        Some(Request::Compact { how, answer }) => Work::Compact { how, answer },
        Some(Request::Append(_)) | None => unreachable!("appends were taken above, and something waits"),
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::{log::Stream, time::Timestamp};

    use super::*;

    fn append(stream: &str, body: usize) -> Queued {
        let draft = Draft {
            stream: Stream(stream.into()),
            time: Timestamp::default(),
            kind: "test".into(),
            dedup: None,
            body: vec![b' '; body].into(),
            event: None,
        };
        Queued::new(Append::unconditional(vec![draft]), Ack::Called(Box::new(|_| {})))
    }

    fn refused(queue: &Queue, queued: Queued) -> Option<AppendError> {
        queue.push(queued).err().map(|(_, error)| error)
    }

    #[test]
    fn the_queue_is_bounded_by_count_and_by_bytes() {
        let queue = Queue::new(2, 100);
        assert_eq!(refused(&queue, append("a", 60)), None);
        assert_eq!(refused(&queue, append("a", 60)), Some(AppendError::QueueFull));
        assert_eq!(refused(&queue, append("a", 40)), None);
        assert_eq!(refused(&queue, append("a", 0)), Some(AppendError::QueueFull));
        assert!(matches!(queue.take(&mut Vec::new(), None), Work::Appends));
        assert_eq!(refused(&queue, append("a", 1_000)), None, "one is always let in");
    }

    #[test]
    fn a_frame_takes_headers_up_to_its_limit_and_at_least_one_append() {
        let queue = Queue::new(10, 100);
        let long = "s".repeat(FRAME_HEADER_BYTES / 2);
        for stream in [&long, &long, &long.repeat(3)] {
            assert_eq!(refused(&queue, append(stream, 0)), None);
        }
        let taken = |queue: &Queue| {
            let mut frame = Vec::new();
            queue.take(&mut frame, None);
            frame.len()
        };
        assert_eq!([taken(&queue), taken(&queue), taken(&queue)], [1, 1, 1]);
    }

    #[test]
    fn what_is_measured_is_what_is_chained() {
        use rosehip_core::log::{Frame, Head};
        let queued = append("flow:abc", 3);
        let mut frame = Frame::after(Head::default());
        frame.push(queued.append.drafts[0].clone(), [0; 32]);
        // The ASCII tag in front of a header is counted in the fixed part.
        assert_eq!(queued.header_bytes, frame.entries[0].header.to_bytes().len());
    }
}
