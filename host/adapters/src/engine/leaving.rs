//! Attempts that are under way. A host that stops begins none any more and waits for their ends: one that is found open at the
//! next start has an unknown outcome and would be made again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

/// Attempts under way, and whether more may begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving {
    is_over: Arc<AtomicBool>,
    under_way: watch::Sender<usize>,
}

/// An attempt that is under way as long as this lives.
#[derive(Debug)]
pub(super) struct Pass(watch::Sender<usize>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Leaving {
    /// Begins an attempt; none once the host stops.
    pub(super) fn begin(&self) -> Option<Pass> {
        // Counted before it is asked, so that whoever ends it all either is seen here or sees this.
        self.under_way.send_modify(|count| *count += 1);
        let pass = Pass(self.under_way.clone());
        (!self.is_over()).then_some(pass)
    }

    /// Whether none begins any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Lets none begin any more, and waits until none is under way.
    pub(super) async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        // The sender lives as long as `self`.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_waits_for_what_has_begun_and_lets_nothing_begin() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let leaving = Leaving::default();
            let pass = leaving.begin().expect("nothing has ended");
            let ending = tokio::spawn(leaving.clone().end());
            tokio::task::yield_now().await;
            assert!(leaving.begin().is_none() && !ending.is_finished());
            drop(pass);
            ending.await.expect("it ends");
        });
    }
}
