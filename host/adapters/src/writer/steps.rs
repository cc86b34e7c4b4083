//! The writer without its thread: the same work, done when somebody says so.

use std::sync::Arc;

use rosehip_core::ports::{LogReader, LogStore};

use super::{queue::Queue, thread::WriterThread};

/// What the writer's thread does, one step at a time.
pub struct WriterSteps<S> {
    queue: Arc<Queue>,
    thread: Option<WriterThread<S>>,
}

impl<S: LogStore + LogReader> WriterSteps<S> {
    pub(super) fn new(queue: Arc<Queue>, thread: WriterThread<S>) -> Self {
        Self { queue, thread: Some(thread) }
    }

    /// Waits until something is queued, or until nothing more will be.
    pub fn arrived(&self) -> impl Future<Output = ()> + Send + use<S> {
        let queue = Arc::clone(&self.queue);
        async move { queue.arrived().await }
    }

    /// Commits one frame of what is queued and answers it, or does the next thing that is no append. `false` once nothing
    /// more will be done: all was done and the writer was stopped, or the log cannot go on, which `on_fatal` was told.
    pub fn step(&mut self) -> bool {
        let goes_on = self.thread.as_mut().is_some_and(WriterThread::step);
        if !goes_on {
            // Whoever still waits is answered.
            self.thread = None;
        }
        goes_on
    }
}
