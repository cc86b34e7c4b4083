//! The engine without its threads: the same jobs, done by whoever polls.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};

use super::{
    error::EngineError,
    recovery::{Care, Open},
    shared::Shared,
};

/// What the engine's threads do, for a caller that says when. Clones share the work.
#[derive(Clone)]
pub struct EngineSteps {
    shared: Arc<Shared>,
    /// What a crash left and [`EngineSteps::recover`] has not begun with.
    left: Arc<Mutex<Option<Open>>>,
}

impl EngineSteps {
    pub(super) fn new(shared: Arc<Shared>, care: Care, open: Open) -> Self {
        let left = match care {
            Care::Usual => {
                shared.take_up(open);
                None
            }
            Care::OneCallAtATime => {
                shared.jobs.hold();
                shared.recovers.store(true, Ordering::Relaxed);
                Some(open)
            }
        };
        Self { shared, left: Arc::new(Mutex::new(left)) }
    }

    /// Works off what an unclean stop left, one call at a time; until that is done no job is. After a clean stop there is
    /// nothing to do.
    pub async fn recover(&self) {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = left {
            self.shared.recover(open).await;
        }
    }

    /// Waits for the next job and does it; `false` once the engine was stopped. Several may be under way at a time.
    pub async fn step(&self) -> bool {
        let Some(job) = self.shared.jobs.next().await else { return false };
        self.shared.carry_out(job).await;
        true
    }

    /// Records a stop, once the engine was stopped and no job is under way.
    pub async fn end_run(&self) -> Result<(), EngineError> {
        if let Some(append) = self.shared.decide_end_of_run() {
            self.shared.writer().append(append).await?;
        }
        Ok(())
    }
}
