//! Where effects go: receivers that are slow, gone, unwilling, or there when the host ends.

use std::{pin::Pin, sync::Arc, time::Duration};

use rosehip_core::{
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
};
use serde_json::json;

use crate::world::World;

/// Carries out one kind of effect in a world.
pub(crate) struct WorldSink {
    world: Arc<World>,
    kind: &'static str,
}

impl WorldSink {
    /// For effects of `kind`.
    pub(crate) fn of(world: &Arc<World>, kind: &'static str) -> Box<dyn Sink> {
        Box::new(Self { world: Arc::clone(world), kind })
    }

    async fn carry(&self, batch: &[Outgoing]) -> AttemptEnd {
        let world = &self.world;
        self.stop_if_dead().await;
        world.pause(10).await;
        {
            let mut witness = world.witness();
            witness.count("sends");
            for outgoing in batch {
                witness.leaves(outgoing);
            }
        }
        if world.mishap_once_in(60) {
            world.crash();
            self.stop_if_dead().await;
        }
        if world.mishap_once_in(20) {
            // A receiver that takes its time.
            tokio::time::sleep(Duration::from_millis(world.below(20_000))).await;
        }
        world.pause(50).await;
        let end = self.end();
        // Of what it took it may say that it did not.
        if matches!(end, AttemptEnd::Done(_)) || world.once_in(2) {
            for outgoing in batch {
                world.witness().takes(outgoing.effect.id);
            }
        }
        if world.mishap_once_in(60) {
            world.crash();
            self.stop_if_dead().await;
        }
        end
    }

    fn end(&self) -> AttemptEnd {
        let world = &self.world;
        if !world.mishap_once_in(4) {
            return AttemptEnd::Done(json!({"taken": true}));
        }
        match world.below(8) {
            0 => AttemptEnd::Refused("never".to_owned()),
            1 => AttemptEnd::Rejected { message: "later".to_owned(), retry_after_ms: Some(world.below(7_200_000)) },
            2..5 => AttemptEnd::Rejected { message: "not now".to_owned(), retry_after_ms: None },
            _ => AttemptEnd::Unreachable("nobody answers".to_owned()),
        }
    }

    /// What a dead host sends goes nowhere.
    async fn stop_if_dead(&self) {
        if self.world.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

impl Sink for WorldSink {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>> {
        Box::pin(self.carry(batch))
    }
}
