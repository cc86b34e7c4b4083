//! A seed's run: hosts live one after the other on the same disks until the program is done, and then one more lives in
//! peace until nothing is left to do.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rosehip_adapters::{modules::ModuleFiles, store::SqliteReader};
use rosehip_core::{flow::next, ids::FlowId, log::Head};
use tokio::runtime::Builder;

use crate::{
    checks,
    host::{Host, StartError},
    program::{Deed, Then, program},
    world::World,
};

/// Hosts that a program may need, at most: what ends five hosts is a call that is failed then.
const LIVES: usize = 80;
/// How long a host is given for work that is due, before the clock is set forwards.
const REST: Duration = Duration::from_secs(3);
/// How often the clock is set forwards until nothing may be left: flows set off others, nine deep, and each may wait a few
/// times, one after the other.
const LEAPS: usize = 64;
/// Longer than any wait or delay of a world: four days, in milliseconds.
const LEAP_MS: i64 = 345_600_000;

/// How a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Crashed,
    Stopped,
    /// Nothing is left to do.
    Rested,
}

/// What a run came to.
pub(crate) struct Outcome {
    /// The log's end.
    pub(crate) head: Head,
    /// What was wrong.
    pub(crate) wrongs: Vec<String>,
    /// The world, for whoever counts.
    pub(crate) world: Arc<World>,
}

/// Runs a seed, and judges what it left.
pub(crate) fn run(seed: u64, modules: &Arc<ModuleFiles>) -> Outcome {
    let world = play(seed, modules);
    let head = checks::check(&world);
    let wrongs = world.witness().wrongs.clone();
    Outcome { head, wrongs, world }
}

/// Runs a seed and says where its log ends.
pub(crate) fn head_of(seed: u64, modules: &Arc<ModuleFiles>) -> Head {
    let world = play(seed, modules);
    SqliteReader::open(&world.disk.log()).expect("the log is there").head().expect("the log can be read")
}

fn play(seed: u64, modules: &Arc<ModuleFiles>) -> Arc<World> {
    let world = World::new(seed);
    let mut deeds: VecDeque<Deed> = program(&world).into();
    let mut is_at_rest = false;
    for _ in 0..LIVES {
        if live(&world, &mut deeds, modules) == End::Rested {
            is_at_rest = true;
            break;
        }
    }
    if !is_at_rest {
        world.witness().wrong(format!("after {LIVES} starts there is still something to do"));
    }
    world
}

/// One host, from its start to its end.
fn live(world: &Arc<World>, deeds: &mut VecDeque<Deed>, modules: &Arc<ModuleFiles>) -> End {
    world.disk.settle();
    world.witness().count("starts");
    if deeds.is_empty() {
        world.calm_down();
    }
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let (end, lasted) = runtime.block_on(async {
        world.begin_life();
        let end = tokio::select! {
            biased;
            () = world.death() => End::Crashed,
            end = be_host(world, deeds, modules) => end,
        };
        (end, world.lived())
    });
    // Whatever was under way ends here, as in a crash.
    drop(runtime);
    world.end_life(lasted);
    if end == End::Crashed {
        world.witness().count("crashes");
    }
    end
}

async fn be_host(world: &Arc<World>, deeds: &mut VecDeque<Deed>, modules: &Arc<ModuleFiles>) -> End {
    let host = match Host::start(world, modules).await {
        Ok(host) => host,
        Err(error) => return not_started(world, &error),
    };
    while let Some(deed) = deeds.pop_front() {
        if deed.begin(&host).await == Then::Stop {
            host.stop().await;
            return End::Stopped;
        }
    }
    world.calm_down();
    rest(&host).await;
    host.stop().await;
    End::Rested
}

/// A host whose disk fails while it starts ends, and is started again.
fn not_started(world: &World, error: &StartError) -> End {
    if matches!(error, StartError::Engine(_) | StartError::Store(_)) {
        return End::Stopped;
    }
    world.witness().wrong(format!("no host is started: {error}"));
    End::Stopped
}

/// Waits until nothing is left to do, setting the clock forwards where only time helps.
async fn rest(host: &Arc<Host>) {
    let world = &host.world;
    let (mut flows, mut looked) = (Vec::new(), 0);
    for _ in 0..LEAPS {
        let mut before = None;
        while before != Some(host.writer.committed()) || host.with_engine(|engine| engine.jobs()) > 0 {
            before = Some(host.writer.committed());
            tokio::time::sleep(REST).await;
        }
        if let Err(error) = host.position.reached(host.writer.committed()).await {
            return world.witness().wrong(format!("the views do not follow: {error}"));
        }
        // What came to rest stays so: nobody does anything any more.
        flows.extend_from_slice(&world.witness().flows[looked..]);
        looked = world.witness().flows.len();
        flows.retain(|flow| left_to_do(host, *flow).is_some());
        if flows.is_empty() {
            return;
        }
        world.jump(LEAP_MS);
    }
    let left: Vec<_> = flows.into_iter().filter_map(|flow| left_to_do(host, flow)).collect();
    let (jobs, recovers) = host.with_engine(|engine| (engine.jobs(), engine.recovers()));
    let about = format!("{jobs} jobs are unfinished, it recovers: {recovers}");
    world.witness().wrong(format!("after {LEAPS} leaps something is left to do ({about}): {}", left.join("; ")));
}

/// What a flow that has not come to rest has left to do, in words.
fn left_to_do(host: &Arc<Host>, flow: FlowId) -> Option<String> {
    let now = host.now();
    // One that was erased has nothing.
    let state = match host.flow(flow) {
        Ok(state) => state?,
        Err(error) => return Some(format!("flow {flow} cannot be read: {error}")),
    };
    let steps = next(&state, now);
    let effects = state.open_effects().map(|effect| format!("{} {}", effect.effect.kind, effect.status));
    let effects: Vec<_> = effects.collect();
    let is_at_rest = steps.is_empty() && effects.is_empty();
    (!is_at_rest).then(|| format!("flow {flow} is {} at {now}: {steps:?} {effects:?}", state.status()))
}

/// Starts counting what is left of a number of seeds.
pub(crate) struct Seeds {
    next: AtomicU64,
}

impl Seeds {
    /// From this one on.
    pub(crate) fn beginning_at(first: u64) -> Self {
        Self { next: AtomicU64::new(first) }
    }

    /// The next one.
    pub(crate) fn take(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}
