//! Those who are not known to behave: what they want is done, on threads that stand back.
//!
//! Who sends to an inbox is known only once a signature was verified, and a thousand hosts that each send rubbish within
//! their budgets have a lot verified. What they send waits for processors that nobody else wants: pages, guests and hosts
//! whose last arrival was taken in go first. An address is a regular's from an arrival that was recorded until one that was
//! not, however that came about, and a suspect's from then on: of a suspect the very connections are looked after by those
//! threads. A crowd behind one address is served as its worst member, and a trusted proxy never is.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::{sleep, timeout},
};

/// How far those threads stand back: with nothing left to share, another thread has nine times as much of a processor
/// (setpriority(2), sched(7)).
const NICE: i32 = 10;
/// Addresses of each kind that are remembered.
const REMEMBERED: usize = 1 << 16;
/// How long a regular is one.
const REGULAR: Duration = Duration::from_hours(1);
/// How long a suspect is one.
const SUSPECT: Duration = Duration::from_mins(10);
/// How long after the beginning of one suspect's request that of another's follows: 200 a second.
const TURN: Duration = Duration::from_millis(5);
/// How long a suspect's request waits for its turn: hosts give up after ten seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Who is known to behave, who is known not to, and the threads for all but the first.
#[derive(Debug)]
pub struct Strangers {
    /// None once it is shut down.
    runtime: Option<Runtime>,
    regulars: Remembered,
    suspects: Remembered,
    turns: Turns,
}

/// Why what a client asked of an inbox was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It did not end: the threads are being stopped.
    Stopping,
    /// It was not begun: too many suspects had their turns before it.
    Crowded,
}

impl Strangers {
    /// Starts the threads, one for every two processors. Nobody is known yet.
    pub fn start() -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, |count| count.get().div_ceil(2));
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("stranger")
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        let (regulars, suspects) = (Remembered::for_(REGULAR), Remembered::for_(SUSPECT));
        Ok(Self { runtime: Some(runtime), regulars, suspects, turns: Turns::default() })
    }

    /// Has something done that an address asked of an inbox, when it is its turn, on the threads that it may have.
    pub async fn answer<T: Send + 'static>(
        &self,
        client: IpAddr,
        answer: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let now = Instant::now();
        if self.suspects.has(client, now) {
            self.turns.wait().await?;
        }
        match &self.runtime {
            Some(runtime) if !self.regulars.has(client, now) => {
                runtime.spawn(answer).await.map_err(|_| Unanswered::Stopping)
            }
            Some(_) | None => Ok(answer.await),
        }
    }

    /// The threads that look after a connection of an address.
    pub fn threads_for(&self, client: IpAddr) -> Handle {
        match &self.runtime {
            Some(runtime) if self.suspects.has(client, Instant::now()) => runtime.handle().clone(),
            Some(_) | None => Handle::current(),
        }
    }

    /// Is told whether what an address sent was recorded.
    pub fn tell(&self, client: IpAddr, is_recorded: bool) {
        let (now_one, no_longer) = match is_recorded {
            true => (&self.regulars, &self.suspects),
            false => (&self.suspects, &self.regulars),
        };
        now_one.add(client, Instant::now());
        no_longer.remove(client);
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        // Where this is dropped nothing may be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn stand_back() {
    // On Linux a thread has a nice value of its own (setpriority(2), Notes).
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "what strangers send has the same share of processors as all else");
    }
}

/// One beginning after the other, in the order of asking.
#[derive(Debug, Default)]
struct Turns(tokio::sync::Mutex<()>);

impl Turns {
    async fn wait(&self) -> Result<(), Unanswered> {
        let _turn = timeout(LONGEST_WAIT, self.0.lock()).await.map_err(|_| Unanswered::Crowded)?;
        sleep(TURN).await;
        Ok(())
    }
}

/// Addresses, and when each was added.
#[derive(Debug)]
struct Remembered {
    time: Duration,
    addresses: Mutex<HashMap<IpAddr, Instant>>,
}

impl Remembered {
    fn for_(time: Duration) -> Self {
        Self { time, addresses: Mutex::default() }
    }

    fn has(&self, address: IpAddr, now: Instant) -> bool {
        let since = self.lock().get(&address).copied();
        since.is_some_and(|since| now.duration_since(since) < self.time)
    }

    /// Adds an address, unless there are too many.
    fn add(&self, address: IpAddr, now: Instant) {
        let mut addresses = self.lock();
        if addresses.len() >= REMEMBERED && !addresses.contains_key(&address) {
            addresses.retain(|_, since| now.duration_since(*since) < self.time);
        }
        if addresses.len() < REMEMBERED || addresses.contains_key(&address) {
            addresses.insert(address, now);
        }
    }

    fn remove(&self, address: IpAddr) {
        self.lock().remove(&address);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn suspects_have_their_turns_in_order_and_do_not_wait_for_ever() {
        let (turns, begun) = (Turns::default(), tokio::time::Instant::now());
        let ended = join_all((0..1_100).map(|_| async { (turns.wait().await, begun.elapsed()) })).await;
        let (answered, crowded) = ended.split_at(1_000);
        for (number, turn) in (1..).zip(answered) {
            assert_eq!(*turn, (Ok(()), number * TURN));
        }
        assert!(crowded.iter().all(|late| *late == (Err(Unanswered::Crowded), LONGEST_WAIT)), "{crowded:?}");
        assert_eq!(turns.wait().await, Ok(()), "it is quiet again");
    }

    #[test]
    fn addresses_are_remembered_for_their_time_and_not_without_number() {
        let address = |n: u32| IpAddr::V4(n.into());
        let regulars = Remembered::for_(REGULAR);
        let begun = Instant::now();
        let most = u32::try_from(REMEMBERED).expect("not so many");
        for n in 0..=most {
            regulars.add(address(n), begun);
        }
        assert!(regulars.has(address(0), begun));
        assert!(!regulars.has(address(most), begun), "there are too many");
        regulars.remove(address(0));
        assert!(!regulars.has(address(0), begun));
        assert!(!regulars.has(address(1), begun + REGULAR));
        regulars.add(address(0), begun + REGULAR);
        regulars.add(address(most), begun + REGULAR);
        assert!(regulars.has(address(most), begun + REGULAR), "others are forgotten by then");
    }
}
