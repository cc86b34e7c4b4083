//! What the queue promises, without a clock and without peers.

use proptest::prelude::*;
use rosehip_core::{effect::Failure, ids::DeliveryId};

use super::*;
use crate::views::{AboutKey, DeliveryPlace};

fn queue(concurrency: usize, in_all: usize) -> Queue {
    Queue::new(DeliveryLimits { concurrency, in_all, ..DeliveryLimits::default() })
}

fn peer(name: &str) -> Peer {
    format!("{name}.example").parse().expect("a host")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn stand(seq: u64, about: i64) -> Stand {
    (AboutKey(about), DeliveryPlace::new(seq, 0))
}

fn fresh(seq: u64) -> Waiting {
    let delivery = DeliveryId::from_bytes([u8::try_from(seq % 256).expect("a byte"); 32]);
    Waiting { delivery, changed: seq, not_before: Timestamp::default(), failure: None }
}

fn put(queue: &mut Queue, name: &str, seq: u64, about: i64) {
    queue.insert(&peer(name), stand(seq, about), fresh(seq));
}

fn seq(taken: &Taken) -> u64 {
    taken.stand.1.seq()
}

fn take(queue: &mut Queue, second: i64) -> Vec<Taken> {
    let mut taken = queue.take(at(second)).0;
    taken.sort_by_key(seq);
    taken
}

fn seqs(queue: &mut Queue, second: i64) -> Vec<u64> {
    take(queue, second).iter().map(seq).collect()
}

const ANSWER: Heard = Heard::Answer { pause: None };

fn failed(taken: &Taken, failure: Failure, changed: u64, until: i64) -> Waiting {
    Waiting { changed, not_before: at(until), failure: Some(failure), ..taken.waiting }
}

/// Has a peer answer so often that it is given all of its width.
fn proven(queue: &mut Queue, name: &str) {
    for n in 0..4 {
        put(queue, name, n, i64::MAX);
        let taken = take(queue, 0);
        queue.release(&taken[0], None, ANSWER);
    }
}

#[test]
fn what_is_about_the_same_thing_leaves_in_order_and_a_retry_holds_its_line() {
    let mut queue = queue(8, 64);
    proven(&mut queue, "a");
    for (seq, about) in [(10, 1), (11, 1), (12, 2)] {
        put(&mut queue, "a", seq, about);
    }
    let taken = take(&mut queue, 1);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10, 12]);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Rejected, 20, 30)), ANSWER);
    assert_eq!(seqs(&mut queue, 2), [0; 0]);
    assert_eq!(queue.lengths(), QueueLengths { queued: 3, retrying: 1, under_way: 1, unreachable: 0 });
    let taken = take(&mut queue, 30);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10]);
    queue.release(&taken[0], None, ANSWER);
    assert_eq!(seqs(&mut queue, 30), [11]);
}

#[test]
fn a_peer_begins_with_one_and_gets_more_as_it_answers() {
    let mut queue = queue(8, 64);
    for n in 1..=40 {
        put(&mut queue, "a", n, i64::try_from(n).expect("few"));
    }
    for wide in [1, 2, 4, 8, 8] {
        let taken = take(&mut queue, 0);
        assert_eq!(taken.len(), wide);
        // One answer doubles it; the others come after.
        for (n, one) in taken.iter().enumerate() {
            queue.release(one, None, if n == 0 { ANSWER } else { Heard::Nothing });
        }
    }
}

#[test]
fn peers_of_which_nothing_is_known_leave_room_for_those_that_answer() {
    let mut queue = queue(8, 4);
    proven(&mut queue, "good");
    for n in 0..5 {
        put(&mut queue, &format!("unknown-{n}"), 100 + n, 1);
    }
    assert_eq!(take(&mut queue, 1).len(), 2, "half of all");
    for n in 0..5 {
        put(&mut queue, "good", 200 + n, i64::try_from(n).expect("few"));
    }
    assert_eq!(seqs(&mut queue, 1), [200, 201], "the other half");
}

#[test]
fn a_peer_that_asks_to_be_left_alone_is() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 1, 1);
    put(&mut queue, "a", 2, 2);
    let taken = take(&mut queue, 0);
    let again = failed(&taken[0], Failure::Rejected, 9, 60);
    queue.release(&taken[0], Some(again), Heard::Answer { pause: Some(at(60)) });
    assert_eq!(queue.take(at(1)), (Vec::new(), Some(at(60))));
    assert_eq!(seqs(&mut queue, 60), [1, 2]);
}

#[test]
fn a_silent_peer_is_asked_by_one_delivery_and_the_others_wait() {
    let mut queue = queue(8, 64);
    proven(&mut queue, "a");
    for seq in 10..14 {
        put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
    }
    let mut taken = take(&mut queue, 0);
    assert_eq!(taken.len(), 4);
    for (n, one) in (0..).zip(&taken) {
        let again = failed(one, Failure::Unreachable, 20 + n, 30 + i64::try_from(n).expect("few"));
        assert!(queue.release(one, Some(again), Heard::Silence { seq: 20 + n }).is_empty());
    }
    put(&mut queue, "a", 40, 40);
    assert_eq!(queue.take(at(29)), (Vec::new(), Some(at(30))));
    assert_eq!(queue.lengths(), QueueLengths { queued: 5, retrying: 4, under_way: 0, unreachable: 1 });
    for second in [30, 60, 90] {
        taken = take(&mut queue, second);
        assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10], "whatever else is due");
        assert_eq!(seqs(&mut queue, second), [0; 0]);
        let again = failed(&taken[0], Failure::Unreachable, 50, second + 30);
        queue.release(&taken[0], Some(again), Heard::Silence { seq: 50 });
    }
    taken = take(&mut queue, 120);
    queue.release(&taken[0], None, ANSWER);
    assert_eq!(queue.lengths().unreachable, 0);
    assert_eq!(take(&mut queue, 120).len(), 2, "what waited goes on, two at first");
}

#[test]
fn what_waited_for_a_silent_peer_all_the_time_is_given_up_with_the_one_that_asked() {
    let mut queue = queue(8, 64);
    for seq in [10, 11, 12] {
        put(&mut queue, "a", seq, 1);
    }
    let taken = take(&mut queue, 0);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Unreachable, 20, 30)), Heard::Silence { seq: 20 });
    put(&mut queue, "a", 25, 1);
    // One that had been given up before and was redriven after the first failure has not waited as long.
    queue.insert(&peer("a"), stand(5, 5), fresh(30));
    let taken = take(&mut queue, 30);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10]);
    let given_up = queue.release(&taken[0], None, Heard::Silence { seq: 40 });
    assert_eq!(given_up.iter().map(|waiting| waiting.changed).collect::<Vec<_>>(), [11, 12]);
    assert_eq!(queue.lengths(), QueueLengths { queued: 2, retrying: 0, under_way: 0, unreachable: 1 });
    assert_eq!(seqs(&mut queue, 30), [5], "the next one has its turn, and is alone");
    assert_eq!(seqs(&mut queue, 30), [0; 0]);
}

#[test]
fn a_silent_peer_is_still_silent_after_a_start() {
    let mut queue = queue(8, 64);
    let (first, second) = (stand(1, 1), stand(2, 2));
    let waiting = Waiting { not_before: at(100), failure: Some(Failure::Unreachable), ..fresh(1) };
    queue.insert(&peer("a"), first, fresh(1));
    queue.insert(&peer("a"), second, waiting);
    queue.was_silent(&peer("a"), Some((second, 7)));
    assert_eq!(queue.take(at(99)), (Vec::new(), Some(at(100))));
    let taken = take(&mut queue, 100);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [2]);
    let given_up = queue.release(&taken[0], None, Heard::Silence { seq: 50 });
    assert_eq!(given_up.len(), 1, "the other one waited since before entry 7");
}

#[test]
fn who_redrives_has_a_silent_peer_asked_at_once_and_a_blocked_one_lets_everything_go() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 1, 1);
    put(&mut queue, "a", 2, 2);
    let taken = take(&mut queue, 0);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Unreachable, 3, 100)), Heard::Silence { seq: 3 });
    assert_eq!(seqs(&mut queue, 1), [0; 0]);
    queue.hurry(&peer("a"));
    let taken = take(&mut queue, 1);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [1]);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Unreachable, 4, 100)), Heard::Silence { seq: 4 });
    queue.let_go(&peer("a"));
    for seq in [1, 2] {
        let taken = take(&mut queue, 2);
        assert_eq!(taken.iter().map(super::tests::seq).collect::<Vec<_>>(), [seq]);
        queue.release(&taken[0], None, Heard::Nothing);
    }
    assert_eq!(queue.lengths(), QueueLengths::default());
}

#[derive(Debug, Clone)]
enum Act {
    Put(u64),
    Take,
    Release(usize, bool, u8),
    Later,
}

proptest! {
    /// Whatever happens: of a line one is under way, none overtakes another of its line, the bounds hold, nothing is lost.
    #[test]
    fn lines_keep_their_order_and_bounds_hold(acts in prop::collection::vec(prop_oneof![
        (1..200_u64).prop_map(Act::Put),
        Just(Act::Take),
        (0..8_usize, any::<bool>(), 0..3_u8).prop_map(|(which, ends, heard)| Act::Release(which, ends, heard)),
        Just(Act::Later),
    ], 0..200)) {
        let mut queue = queue(2, 3);
        let mut under_way: Vec<Taken> = Vec::new();
        let mut open = std::collections::BTreeSet::new();
        let mut ended = std::collections::BTreeSet::new();
        let (mut second, mut log) = (1, 1_000);
        // Two peers, three lines in each; a delivery is enqueued once.
        let of = |seq: u64| (format!("p{}", seq % 2), i64::try_from(seq % 3).expect("few"));
        for act in acts {
            log += 1;
            match act {
                Act::Put(seq) if !ended.contains(&seq) => {
                    let (name, about) = of(seq);
                    queue.insert(&peer(&name), stand(seq, about), fresh(seq));
                    open.insert(seq);
                }
                Act::Take => {
                    for taken in queue.take(at(second)).0 {
                        prop_assert!(open.contains(&seq(&taken)));
                        for other in &under_way {
                            prop_assert!(other.peer != taken.peer || other.stand.0 != taken.stand.0, "one of a line");
                        }
                        under_way.push(taken);
                    }
                    prop_assert!(under_way.len() <= 3);
                    for name in ["p0", "p1"] {
                        prop_assert!(under_way.iter().filter(|taken| taken.peer == peer(name)).count() <= 2);
                    }
                }
                Act::Release(which, ends, heard) if !under_way.is_empty() => {
                    let taken = under_way.remove(which % under_way.len());
                    let failure = if heard == 1 { Failure::Unreachable } else { Failure::Rejected };
                    let again = (!ends).then(|| failed(&taken, failure, log, second + 5));
                    let heard = [ANSWER, Heard::Silence { seq: log }, Heard::Nothing][usize::from(heard)];
                    if ends {
                        open.remove(&seq(&taken));
                        ended.insert(seq(&taken));
                    }
                    for given_up in queue.release(&taken, again, heard) {
                        let gone = open.iter().copied().find(|seq| fresh(*seq).delivery == given_up.delivery);
                        let gone = gone.expect("it was open");
                        open.remove(&gone);
                        ended.insert(gone);
                    }
                }
                Act::Put(_) | Act::Release(..) => {}
                Act::Later => second += 10,
            }
            prop_assert_eq!(queue.lengths().queued, open.len());
        }
        // All of them leave in the end.
        for _ in 0..1_000 {
            for taken in std::mem::take(&mut under_way) {
                queue.release(&taken, None, ANSWER);
                open.remove(&seq(&taken));
            }
            second += 10;
            under_way = queue.take(at(second)).0;
            if under_way.is_empty() && open.is_empty() {
                break;
            }
        }
        prop_assert!(open.is_empty(), "{:?} stay", open);
        prop_assert_eq!(queue.lengths(), QueueLengths { unreachable: queue.lengths().unreachable, ..QueueLengths::default() });
    }
}
