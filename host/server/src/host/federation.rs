//! What other hosts bring, and what is asked of them.

use rosehip_adapters::engine::Engine;
use rosehip_adapters::federation::{InboxRequest, Refused, TakenIn};
use rosehip_adapters::writer::AppendError;
use rosehip_core::limits::UNMATCHED_ACTIVITIES;

use super::Host;

impl Host {
    /// Takes in a request to an inbox; returns once what it brings is durable.
    pub async fn take_in(&self, request: InboxRequest) -> Result<TakenIn, Refused> {
        if self.with_engine(Engine::jobs) >= UNMATCHED_ACTIVITIES {
            return Err(AppendError::QueueFull.into());
        }
        self.inbox.take_in(request).await
    }
}
