//! Whose turn it is to ask: so many documents at a time, of one host one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rosehip_core::{federation::Peer, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::FetchError;

/// The turns of all hosts.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<Peer, Queue>>,
}

/// Those who wait for a host, with the one whose turn it is.
#[derive(Debug)]
struct Queue {
    turn: Arc<Semaphore>,
    length: usize,
}

/// A turn, as long as it is held.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// Given back before the place, so that the next one has its turn.
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    _place: Place<'a>,
}

/// A place in a host's queue, also while the turn is waited for.
#[derive(Debug)]
struct Place<'a> {
    turns: &'a Turns,
    host: Peer,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(limits::DIRECTORY_FETCHES)), hosts: Mutex::default() }
    }
}

impl Turns {
    /// Waits for a turn at a host, unless too many wait already.
    pub(super) async fn take(&self, host: &Peer) -> Result<Turn<'_>, FetchError> {
        let (place, turn) = self.place(host)?;
        // One who waits for a host that is slow keeps nobody from asking another.
        let of_host = turn.acquire_owned().await.expect("the semaphore is never closed");
        let of_all = Arc::clone(&self.all).acquire_owned().await.expect("the semaphore is never closed");
        Ok(Turn { _permits: (of_host, of_all), _place: place })
    }

    fn place(&self, host: &Peer) -> Result<(Place<'_>, Arc<Semaphore>), FetchError> {
        let mut hosts = self.hosts();
        let queue = hosts.entry(host.clone()).or_insert_with(|| Queue { turn: Arc::new(Semaphore::new(1)), length: 0 });
        if queue.length >= limits::DIRECTORY_HOST_QUEUE {
            return Err(FetchError::Busy(host.to_string()));
        }
        queue.length += 1;
        Ok((Place { turns: self, host: host.clone() }, Arc::clone(&queue.turn)))
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<Peer, Queue>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut hosts = self.turns.hosts();
        let Some(queue) = hosts.get_mut(&self.host) else { return };
        queue.length -= 1;
        if queue.length == 0 {
            hosts.remove(&self.host);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future as _,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn peer(name: &str) -> Peer {
        name.parse().expect("a host")
    }

    #[tokio::test]
    async fn a_host_is_asked_by_one_at_a_time_and_others_at_once() {
        let (turns, a) = (Turns::default(), peer("a.example"));
        let first = turns.take(&a).await.expect("a turn");
        let mut second = std::pin::pin!(turns.take(&a));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        turns.take(&peer("b.example")).await.expect("another host's turn");
        drop(first);
        assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
        assert!(turns.hosts().keys().all(|host| *host != peer("b.example")), "what nobody waits for is not kept");
    }

    #[tokio::test]
    async fn a_queue_has_an_end_and_who_gives_up_leaves_it() {
        let turns = Turns::default();
        let a = peer("a.example");
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> = (0..limits::DIRECTORY_HOST_QUEUE).map(|_| Box::pin(turns.take(&a))).collect();
        let mut held = Vec::new();
        for turn in &mut waiting {
            if let Poll::Ready(turn) = turn.as_mut().poll(&mut context) {
                held.push(turn.expect("a turn"));
            }
        }
        assert_eq!(held.len(), 1);
        assert_eq!(turns.take(&a).await.expect_err("full"), FetchError::Busy("a.example".to_owned()));
        drop((waiting, held));
        assert!(turns.hosts().is_empty());
        turns.take(&a).await.expect("a turn");
    }

    #[tokio::test]
    async fn so_many_are_asked_at_a_time() {
        let (turns, one_more) = (Turns::default(), peer("next.example"));
        let mut held = Vec::new();
        for n in 0..limits::DIRECTORY_FETCHES {
            held.push(turns.take(&peer(&format!("{n}.example"))).await.expect("a turn"));
        }
        let mut next = std::pin::pin!(turns.take(&one_more));
        let mut context = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut context).is_pending());
        held.pop();
        assert!(next.as_mut().poll(&mut context).is_ready());
    }
}
