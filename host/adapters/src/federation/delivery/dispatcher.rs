//! The task that begins attempts, as the queue says.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use super::Shared;
use crate::clock::SystemClock;

/// How often the clock is looked at, because it may be set.
const LOOK: Duration = Duration::from_secs(1);

/// Begins attempts until it is told to stop, and then waits for those under way.
pub(super) async fn run(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    let mut attempts = JoinSet::new();
    while !*stopping.borrow() {
        let now = SystemClock::now();
        let (taken, again) = shared.board.queue().take(now);
        for taken in taken {
            attempts.spawn(Arc::clone(&shared).attempt(taken));
        }
        let left = again.map_or(LOOK, |again| {
            Duration::from_millis(u64::try_from(again.as_millis() - now.as_millis()).unwrap_or(1).max(1))
        });
        tokio::select! {
            () = shared.board.has_more.notified() => {}
            Some(ended) = attempts.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "an attempt to deliver panicked");
                }
            }
            () = tokio::time::sleep(left.min(LOOK)) => {}
            _ = stopping.changed() => break,
        }
    }
    while attempts.join_next().await.is_some() {}
}
