//! What was looked up, and what is being looked up: one request for everybody who wants the same.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;
use rosehip_core::{limits, time::Timestamp};
use tokio::sync::watch;

use super::{Clock, FetchError};

/// How a lookup ended.
pub(super) type Outcome<V> = Result<V, FetchError>;

/// Lookups of one kind, by what is looked up.
pub(super) struct Lookups<K, V> {
    state: Mutex<State<K, V>>,
    clock: Clock,
}

/// What can be looked up.
pub(super) trait Key: Clone + Eq + Hash + fmt::Display + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + fmt::Display + Send + Sync + 'static> Key for K {}

/// What can be found.
pub(super) trait Value: Clone + Send + Sync + 'static {}

impl<V: Clone + Send + Sync + 'static> Value for V {}

struct State<K, V> {
    found: LruCache<K, (V, Timestamp)>,
    missed: LruCache<K, (FetchError, Timestamp)>,
    forced: LruCache<K, Timestamp>,
    flights: HashMap<K, watch::Receiver<Option<Outcome<V>>>>,
}

/// What a caller makes do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// What was found, or not found, some time ago.
    Known,
    /// What is there now, unless somebody asked for that a moment ago.
    Current,
}

/// What there is for a caller.
enum Start<V> {
    Known(Outcome<V>),
    /// It is being looked up.
    Joined(watch::Receiver<Option<Outcome<V>>>),
    /// The caller is the first.
    First(watch::Sender<Option<Outcome<V>>>, watch::Receiver<Option<Outcome<V>>>),
}

impl<K: Key, V: Value> Lookups<K, V> {
    pub(super) fn new(clock: Clock) -> Self {
        let state = State {
            found: LruCache::new(limits::DIRECTORY_ACTORS),
            missed: LruCache::new(limits::DIRECTORY_ACTORS),
            forced: LruCache::new(limits::DIRECTORY_ACTORS),
            flights: HashMap::new(),
        };
        Self { state: Mutex::new(state), clock }
    }

    /// What is known and still counts, and nothing that is not.
    pub(super) fn found(&self, key: &K) -> Option<V> {
        self.state().found(key, (self.clock)())
    }

    /// Keeps what was learned at a moment elsewhere, unless something newer is known.
    pub(super) fn put(&self, key: K, value: V, learned_at: Timestamp) {
        let mut state = self.state();
        if state.found.peek(&key).is_none_or(|(_, known_at)| *known_at <= learned_at) {
            state.missed.remove(&key);
            state.found.insert(key, (value, learned_at));
        }
    }

    /// Forgets what was found and what was not.
    pub(super) fn forget(&self, key: &K) {
        let mut state = self.state();
        state.found.remove(key);
        state.missed.remove(key);
    }

    /// What is known, or else what `look` finds. It is looked for in a task of its own: a caller that gives up takes
    /// nothing from the others.
    pub(super) async fn get<F>(self: &Arc<Self>, key: &K, wants: Wants, look: impl FnOnce() -> F) -> Outcome<V>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        let started = self.state().start(key, wants, (self.clock)());
        let mut flight = match started {
            Start::Known(outcome) => return outcome,
            Start::Joined(flight) => flight,
            Start::First(sender, flight) => {
                let landing = Landing { lookups: Arc::clone(self), key: key.clone() };
                let looking = look();
                tokio::spawn(async move {
                    let outcome = looking.await;
                    landing.keep(&outcome);
                    drop(landing);
                    // Everybody may have given up.
                    let _ = sender.send(Some(outcome));
                });
                flight
            }
        };
        let landed = flight.wait_for(Option::is_some).await;
        let outcome = landed.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(FetchError::Unreachable(format!("{key}: the host is stopping"))))
    }

    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key, V: Value> State<K, V> {
    fn found(&mut self, key: &K, now: Timestamp) -> Option<V> {
        let (value, at) = self.found.get(key)?;
        is_within(*at, now, limits::DIRECTORY_FRESH_MS).then(|| value.clone())
    }

    fn missed(&self, key: &K, now: Timestamp) -> Option<FetchError> {
        let (error, at) = self.missed.peek(key)?;
        is_within(*at, now, error.remembered_ms()).then(|| error.clone())
    }

    fn start(&mut self, key: &K, wants: Wants, now: Timestamp) -> Start<V> {
        let was_asked = || self.forced.peek(key).is_some_and(|at| is_within(*at, now, limits::DIRECTORY_REFETCH_MS));
        let may_be_known = match wants {
            Wants::Known => true,
            Wants::Current => was_asked(),
        };
        if may_be_known {
            if let Some(value) = self.found(key, now) {
                return Start::Known(Ok(value));
            }
            if let Some(error) = self.missed(key, now) {
                return Start::Known(Err(error));
            }
        }
        if let Some(flight) = self.flights.get(key) {
            return Start::Joined(flight.clone());
        }
        if self.flights.len() >= limits::DIRECTORY_QUEUE {
            return Start::Known(Err(FetchError::Busy("all hosts".to_owned())));
        }
        if wants == Wants::Current {
            self.forced.insert(key.clone(), now);
        }
        let (sender, flight) = watch::channel(None);
        self.flights.insert(key.clone(), flight.clone());
        Start::First(sender, flight)
    }
}

/// Whether less than `ms` lies between two moments. A clock that was set back makes nothing last longer than that.
fn is_within(at: Timestamp, now: Timestamp, ms: u64) -> bool {
    now.as_millis().abs_diff(at.as_millis()) < ms
}

/// A lookup that is under way until this is dropped, also by a panic.
struct Landing<K: Key, V: Value> {
    lookups: Arc<Lookups<K, V>>,
    key: K,
}

impl<K: Key, V: Value> Landing<K, V> {
    /// Keeps how it ended. Only its host's word takes away what is known.
    fn keep(&self, outcome: &Outcome<V>) {
        let now = (self.lookups.clock)();
        let mut state = self.lookups.state();
        match outcome {
            Ok(value) => {
                state.missed.remove(&self.key);
                state.found.insert(self.key.clone(), (value.clone(), now));
            }
            Err(error) => {
                if matches!(error, FetchError::Gone { .. }) {
                    state.found.remove(&self.key);
                }
                state.missed.insert(self.key.clone(), (error.clone(), now));
            }
        }
    }
}

impl<K: Key, V: Value> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.lookups.state().flights.remove(&self.key);
    }
}
