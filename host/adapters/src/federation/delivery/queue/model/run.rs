//! The queue with the folds of its deliveries, held against the model.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use rosehip_core::{
    delivery::DeliveryState,
    federation,
    ids::DeliveryId,
    pipeline::deliver::{self, DeliveryEnd},
    state::DeliveryStatus,
    time::Timestamp,
};

use super::{Act, End, Model, SCHEDULE, WIDEST};
use crate::{
    federation::delivery::{
        attempt::{again, heard},
        fresh,
        queue::{DeliveryLimits, Queue, Stand, Taken},
    },
    views::{AboutKey, DeliveryPlace},
};

struct Run {
    queue: Queue,
    deliveries: HashMap<DeliveryId, (Stand, DeliveryState)>,
    under_way: Vec<Taken>,
    log: u64,
    before: Model,
}

fn peer(peer: usize) -> federation::Peer {
    format!("p{peer}.example").parse().expect("a host")
}

/// The delivery that entry `seq` enqueues.
fn id(seq: u64) -> DeliveryId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seq.to_be_bytes());
    DeliveryId::from_bytes(bytes)
}

fn stand(seq: u64, line: i64) -> Stand {
    (AboutKey(line), DeliveryPlace::new(seq, 0))
}

fn time(ms: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(ms).expect("days"))
}

impl Run {
    fn state(&mut self, seq: u64) -> &mut DeliveryState {
        &mut self.deliveries.get_mut(&id(seq)).expect("it was enqueued").1
    }

    fn leave(&mut self, now: u64) {
        self.under_way.extend(self.queue.take(time(now)).0);
    }

    /// As `attempt.rs` has an attempt end.
    fn end(&mut self, seq: u64, end: DeliveryEnd, jitter: f64, now: u64) {
        let at = self.under_way.iter().position(|taken| taken.stand.1.seq() == seq).expect("it is under way");
        let taken = self.under_way.remove(at);
        self.log += 1;
        let entry = self.log;
        let state = self.state(seq);
        let event = deliver::conclude(state, end.clone(), &SCHEDULE, jitter).expect("it is open");
        let heard = heard(&end, state, entry, time(now));
        state.apply(&event, time(now)).expect("it follows");
        let given_up = self.queue.release(&taken, again(&event, entry, time(now), &taken), heard);
        for waiting in given_up {
            self.log += 1;
            let (_, state) = self.deliveries.get_mut(&waiting.delivery).expect("it was enqueued");
            let event = deliver::give_up(state, "silent".to_owned()).expect("it is open");
            state.apply(&event, time(now)).expect("it follows");
        }
    }

    /// As `redrive.rs` puts a delivery back.
    fn redrive(&mut self, to: usize, seq: u64, now: u64) {
        self.log += 1;
        let entry = self.log;
        let (stand, state) = self.deliveries.get_mut(&id(seq)).expect("it was enqueued");
        let event = deliver::redriven(state, None, None).expect("it was given up");
        state.apply(&event, time(now)).expect("it follows");
        self.queue.insert(&peer(to), *stand, fresh(id(seq), entry));
        self.queue.hurry(&peer(to));
    }
}

struct Deliveries;

impl StateMachineTest for Deliveries {
    type SystemUnderTest = Run;
    type Reference = Model;

    fn init_test(model: &Model) -> Run {
        let limits = DeliveryLimits { concurrency: WIDEST, in_all: 64, per_second: std::num::NonZeroU32::MAX };
        let (deliveries, under_way) = (HashMap::new(), Vec::new());
        Run { queue: Queue::new(limits), deliveries, under_way, log: 0, before: model.clone() }
    }

    fn apply(mut run: Run, after: &Model, act: Act) -> Run {
        let now = run.before.now;
        match act {
            Act::Enqueue { peer: to, line } => {
                run.log += 1;
                let (seq, state) = (run.log, DeliveryState::queued(id(run.log), peer(to)));
                run.deliveries.insert(id(seq), (stand(seq, line), state));
                run.queue.insert(&peer(to), stand(seq, line), fresh(id(seq), seq));
            }
            Act::Leave | Act::Await => run.leave(after.now),
            Act::End { peer: to, end, halves, .. } => {
                let seq = run.before.about(&act).expect("one is under way");
                let message = "no".to_owned();
                let end = match end {
                    _ if run.before.peers[to].is_blocked => DeliveryEnd::refused("its host is blocked"),
                    End::Delivered => DeliveryEnd::Delivered { status: 202, scheme: None },
                    End::Rejected { retry_after_ms } => DeliveryEnd::Rejected { message, retry_after_ms },
                    End::Unreachable => DeliveryEnd::Unreachable(message),
                    End::Refused => DeliveryEnd::Refused { message, status: Some(410) },
                };
                run.end(seq, end, f64::from(halves) / 2.0, now);
            }
            Act::Redrive { peer: to, .. } => {
                let seq = run.before.about(&act).expect("one was given up");
                run.redrive(to, seq, now);
            }
            Act::Block { peer: to, .. } => {
                run.log += 1;
                run.queue.let_go(&peer(to));
            }
            Act::Pass { .. } => {}
        }
        run.before = after.clone();
        run
    }

    fn check_invariants(run: &Run, model: &Model) {
        let mut under_way: Vec<_> = run.under_way.iter().map(|taken| taken.stand.1.seq()).collect();
        under_way.sort_unstable();
        let mut wanted = model.under_way();
        wanted.sort_unstable();
        assert_eq!(under_way, wanted, "under way");

        let statuses = |wanted: &[DeliveryStatus]| {
            let with = run.deliveries.values().filter(|(_, state)| wanted.contains(&state.status));
            let mut seqs: Vec<_> = with.map(|(stand, _)| stand.1.seq()).collect();
            seqs.sort_unstable();
            seqs
        };
        let mut open: Vec<u64> = model.peers.iter().flat_map(|peer| peer.open.keys().copied()).collect();
        open.sort_unstable();
        assert_eq!(statuses(&[DeliveryStatus::Queued, DeliveryStatus::Retrying]), open, "open");
        let mut dead = model.dead();
        dead.sort_unstable();
        assert_eq!(statuses(&[DeliveryStatus::Dead]), dead, "given up");

        for (seq, wanted) in model.peers.iter().flat_map(|peer| &peer.open) {
            let (_, state) = &run.deliveries[&id(*seq)];
            let failures = (state.failures.rejected as usize, state.failures.unreachable as usize);
            assert_eq!((state.attempts, failures), (wanted.attempts, (wanted.rejected, wanted.unreachable)), "{seq}");
        }

        let lengths = run.queue.lengths();
        let retrying = |open: &&super::Open| open.rejected + open.unreachable > 0;
        let retrying = model.peers.iter().flat_map(|peer| peer.open.values()).filter(retrying).count();
        let silent = model.peers.iter().filter(|peer| peer.silence.is_some()).count();
        assert_eq!((lengths.queued, lengths.under_way), (open.len(), wanted.len()));
        assert_eq!((lengths.retrying, lengths.unreachable), (retrying, silent), "retrying, silent");
    }

    /// Once every host answers, all that is open arrives, each line in its order.
    fn teardown(mut run: Run, mut model: Model) {
        let end =
            |run: &mut Run, seq, now| run.end(seq, DeliveryEnd::Delivered { status: 202, scheme: None }, 0.0, now);
        for taken in run.under_way.clone() {
            end(&mut run, taken.stand.1.seq(), model.now);
        }
        let mut arrived: HashMap<(String, AboutKey), u64> = HashMap::new();
        let open: usize = model.peers.iter().map(|peer| peer.open.len()).sum();
        for _ in 0..open {
            model.now += 10 * SCHEDULE[4];
            run.leave(model.now);
            for taken in run.under_way.clone() {
                let line = (taken.peer.to_string(), taken.stand.0);
                let last = arrived.insert(line, taken.stand.1.seq());
                assert!(last < Some(taken.stand.1.seq()), "{} arrives after {last:?}", taken.stand.1.seq());
                end(&mut run, taken.stand.1.seq(), model.now);
            }
        }
        assert_eq!(run.queue.lengths().queued, 0, "something stays");
    }
}

/// So many sequences as the ordinary tests have time for, or as are asked for.
fn sequences() -> ProptestConfig {
    let is_asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig::default();
    if is_asked || cfg!(debug_assertions) { config } else { ProptestConfig { cases: 4_096, ..config } }
}

prop_state_machine! {
    #![proptest_config(sequences())]

    #[test]
    fn deliveries_leave_wait_and_are_given_up_as_the_model_says(sequential 1..120 => Deliveries);
}
