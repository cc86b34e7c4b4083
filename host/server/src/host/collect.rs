//! Modules that nothing needs any more are removed: their bytes, and what was compiled of them.
//!
//! A module is needed while it is active, in the history that is kept or among the candidates of a behavior that
//! stands, while a flow names it, and while an activity that is not matched yet may start it.

use std::{
    collections::HashSet,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use rosehip_core::ids::Digest;
use tokio::sync::Notify;

use super::{Host, WriteError, installs::blocking};

/// Wakes the collector, and ends it.
#[derive(Debug, Default)]
pub(super) struct Collector {
    wanted: Notify,
    ended: AtomicBool,
}

impl Collector {
    /// Has the collector look, once for however many changes there were.
    pub(super) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Lets the collector begin no more. One that is at work holds the turn.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.wanted.notify_one();
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Collects at once and whenever it is woken, for as long as the host is there.
    pub(super) async fn run(self: Arc<Self>, host: Weak<Host>) {
        loop {
            let Some(host) = host.upgrade().filter(|_| !self.has_ended()) else { return };
            if let Err(error) = host.collect().await {
                tracing::warn!(%error, "modules that may not be needed any more were not looked at");
            }
            drop(host);
            self.wanted.notified().await;
        }
    }
}

impl Host {
    /// Removes what is not needed. It takes its turn among the installs, so that bytes that are kept and not bound yet
    /// are not there to be seen.
    async fn collect(&self) -> Result<(), WriteError> {
        let _turn = self.installing.lock().await;
        if self.collector.has_ended() {
            return Ok(());
        }
        // What is matched from here on was appended after this entry, or is found to be unmatched.
        let committed = self.writer.committed();
        let first = self.read_views(rosehip_adapters::views::ViewReader::first_unmatched).await?;
        let since = first.map_or(committed, |first| first.min(committed));
        let needed = self.with_engine(|engine| engine.registry().needed(since));
        let modules = Arc::clone(&self.modules);
        let kept = blocking(move || modules.list()).await?;
        for digest in kept.into_iter().collect::<HashSet<Digest>>().difference(&needed).copied() {
            if self.read_views(move |views| views.has_flow_of_module(digest)).await? {
                continue;
            }
            let (modules, guests) = (Arc::clone(&self.modules), Arc::clone(&self.guests));
            blocking(move || {
                guests.forget(digest);
                modules.remove(digest)
            })
            .await?;
            tracing::info!(%digest, "a module that nothing needs was removed");
        }
        Ok(())
    }
}
