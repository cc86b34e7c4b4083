//! What outlives a host: the disks, time, luck, and what was seen from outside. One world belongs to one seed and is
//! touched by one thread, so that the same seed makes the same world twice.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use rosehip_adapters::{
    clock::Clock,
    randomness::{NoRandomness, Randomness},
};
use rosehip_core::time::Timestamp;
use tokio::{sync::Notify, time::Instant};

use crate::{disk::Disk, witness::Witness};

/// Where every world's calendar begins: 2026-01-01T00:00:00Z.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// A world.
pub(crate) struct World {
    /// What everything in it is derived from.
    pub(crate) seed: u64,
    /// What survives a crash.
    pub(crate) disk: Disk,
    luck: Mutex<fastrand::Rng>,
    witness: Mutex<Witness>,
    /// What the clock on the wall shows beyond the time that has passed since the host was started, in milliseconds.
    wall: AtomicI64,
    started: Mutex<Option<Instant>>,
    is_dead: AtomicBool,
    died: Notify,
    is_calm: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// The world of a seed, with empty disks.
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            seed,
            disk: Disk::new(),
            luck: Mutex::new(fastrand::Rng::with_seed(seed)),
            witness: Mutex::default(),
            wall: AtomicI64::new(BEGINNING_MS),
            started: Mutex::default(),
            is_dead: AtomicBool::new(false),
            died: Notify::new(),
            is_calm: AtomicBool::new(false),
        })
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        locked(&self.luck).u64(..end.max(1))
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// The same for what goes wrong, which nothing does any more once the world is calm.
    pub(crate) fn mishap_once_in(&self, times: u64) -> bool {
        self.once_in(times) && !self.is_calm.load(Ordering::Relaxed)
    }

    /// One of several.
    pub(crate) fn one_of<'a, T>(&self, several: &'a [T]) -> &'a T {
        let place = self.below(several.len() as u64);
        &several[usize::try_from(place).expect("a place in a slice")]
    }

    /// What was seen from outside.
    pub(crate) fn witness(&self) -> MutexGuard<'_, Witness> {
        locked(&self.witness)
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm_down(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    /// A host is started: it lives until it crashes or stops.
    pub(crate) fn begin_life(&self) {
        self.is_dead.store(false, Ordering::Relaxed);
        *locked(&self.started) = Some(Instant::now());
    }

    /// The host is gone; its clock stops with it.
    pub(crate) fn end_life(&self, lasted: Duration) {
        *locked(&self.started) = None;
        self.jump(i64::try_from(lasted.as_millis()).unwrap_or(0));
    }

    /// How long the host has lived.
    pub(crate) fn lived(&self) -> Duration {
        locked(&self.started).map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// The host ends in this moment: nothing that it does from here on leaves it.
    pub(crate) fn crash(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
    }

    /// Whether the host has ended.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Resolves when the host ends.
    pub(crate) async fn death(&self) {
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Sets the clock on the wall, forwards or back, in milliseconds.
    pub(crate) fn jump(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
    }

    /// Lets others have their turn, or time pass: nothing of both, one of both, `longest_ms` at most. Of a dead host
    /// nothing goes on from here.
    pub(crate) async fn pause(&self, longest_ms: u64) {
        match self.below(4) {
            0 | 1 => {}
            2 => tokio::task::yield_now().await,
            _ => tokio::time::sleep(Duration::from_millis(self.below(longest_ms + 1))).await,
        }
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

/// The clock on the wall of a world.
pub(crate) struct WorldClock(pub(crate) Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let lived = i64::try_from(self.0.lived().as_millis()).unwrap_or(0);
        Timestamp::from_millis(self.0.wall.load(Ordering::Relaxed) + lived)
    }
}

/// Random bytes that are none.
pub(crate) struct WorldRandomness(pub(crate) Arc<World>);

impl Randomness for WorldRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        locked(&self.0.luck).fill(bytes);
        Ok(())
    }
}
