//! What the queue promises, without a clock and without peers.

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
    Waiting { delivery, changed: seq, since: seq, not_before: Timestamp::default(), failure: None }
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

fn silence(seq: u64, failures: u32) -> Heard {
    Heard::Silence { seq, failures }
}

/// Ends an attempt without an answer; the next is due at a second, or there is none.
fn hang(queue: &mut Queue, taken: &Taken, failures: u32, seq: u64, until: Option<i64>) -> Vec<Waiting> {
    let again = until.map(|until| failed(taken, Failure::Unreachable, seq, until));
    queue.release(taken, again, silence(seq, failures))
}

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
fn a_silent_peer_is_asked_by_one_delivery_at_a_time_and_the_others_wait() {
    let mut queue = queue(8, 64);
    proven(&mut queue, "a");
    for seq in 10..14 {
        put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
    }
    let mut taken = take(&mut queue, 0);
    assert_eq!(taken.len(), 4);
    for (n, one) in (0..).zip(&taken) {
        let until = 30 + i64::try_from(n).expect("few");
        assert!(hang(&mut queue, one, 1, 20 + n, Some(until)).is_empty());
    }
    put(&mut queue, "a", 40, 40);
    assert_eq!(queue.take(at(29)), (Vec::new(), Some(at(30))));
    assert_eq!(queue.lengths(), QueueLengths { queued: 5, retrying: 4, under_way: 0, unreachable: 1 });
    for (second, asks, failures) in [(30, 40, 1), (60, 10, 2), (90, 10, 3)] {
        assert_eq!(seqs(&mut queue, second - 1), [0; 0]);
        taken = take(&mut queue, second);
        assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [asks], "whatever else is due");
        assert_eq!(seqs(&mut queue, second), [0; 0]);
        hang(&mut queue, &taken[0], failures, 50, Some(second + 30));
    }
    taken = take(&mut queue, 120);
    queue.release(&taken[0], None, ANSWER);
    assert_eq!(queue.lengths().unreachable, 0);
    assert_eq!(take(&mut queue, 120).len(), 2, "what waited goes on, two at first");
}

#[test]
fn the_schedule_of_one_comes_to_an_end_however_many_wait() {
    let mut queue = queue(8, 64);
    for seq in 1..=40 {
        put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
    }
    let mut failures = std::collections::BTreeMap::<u64, u32>::new();
    let (mut second, mut log, mut asked) = (0, 100, Vec::new());
    let given_up = loop {
        (second, log) = (second + 30, log + 1);
        let taken = take(&mut queue, second);
        assert_eq!(taken.len(), 1, "one at a time");
        let failures = failures.entry(seq(&taken[0])).or_default();
        *failures += 1;
        asked.push(seq(&taken[0]));
        let given_up = hang(&mut queue, &taken[0], *failures, log, (*failures < 6).then_some(second + 30));
        if *failures == 6 {
            break given_up;
        }
    };
    assert_eq!(asked, [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 1, 10, 1, 11, 1, 12, 1]);
    assert_eq!(given_up.len(), 39);
}

#[test]
fn one_inbox_that_hangs_is_no_silence_while_others_are_answered() {
    let mut queue = queue(8, 64);
    proven(&mut queue, "a");
    put(&mut queue, "a", 10, 10);
    put(&mut queue, "a", 11, 10);
    for failures in 1..=6 {
        let (second, other) = (i64::from(failures) * 100, u64::from(failures) * 100);
        for seq in [other, other + 1, other + 2] {
            put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
        }
        let taken = take(&mut queue, second);
        assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10, other, other + 1, other + 2]);
        queue.release(&taken[1], None, ANSWER);
        let until = (failures < 6).then_some(second + 100);
        assert!(hang(&mut queue, &taken[0], failures, 20, until).is_empty(), "nothing goes with it");
        assert_eq!(queue.lengths().unreachable, 0);
        queue.release(&taken[2], None, ANSWER);
        queue.release(&taken[3], None, ANSWER);
        if until.is_some() {
            assert_eq!(queue.take(at(second + 99)), (Vec::new(), Some(at(second + 100))), "it is not hurried");
        }
    }
    assert_eq!(seqs(&mut queue, 700), [11]);
}

#[test]
fn a_peer_that_has_one_inbox_that_hangs_first_is_found_to_answer_after_a_pause() {
    let mut queue = queue(1, 64);
    for seq in 1..=4 {
        put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
    }
    let hanging = take(&mut queue, 0);
    hang(&mut queue, &hanging[0], 1, 10, Some(30));
    assert_eq!(queue.take(at(29)), (Vec::new(), Some(at(30))));
    let other = take(&mut queue, 30);
    assert_eq!(other.iter().map(seq).collect::<Vec<_>>(), [2], "another line asks");
    queue.release(&other[0], None, ANSWER);
    assert_eq!(queue.lengths().unreachable, 0);
    // It goes again at once, and from now on it fails alone: the others do not wait for it.
    for failures in 2..=5 {
        let second = i64::from(failures) * 1_000;
        let hanging = take(&mut queue, second);
        assert_eq!(hanging.iter().map(seq).collect::<Vec<_>>(), [1]);
        hang(&mut queue, &hanging[0], failures, 10, Some(second + 1_000));
        assert_eq!(queue.lengths().unreachable, 0);
    }
    for (second, expected) in [(5_100, 3), (5_200, 4)] {
        let taken = take(&mut queue, second);
        assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [expected]);
        queue.release(&taken[0], None, ANSWER);
    }
    let hanging = take(&mut queue, 6_000);
    put(&mut queue, "a", 5, 5);
    assert!(hang(&mut queue, &hanging[0], 6, 20, None).is_empty());
    assert_eq!(seqs(&mut queue, 6_000), [5]);
}

#[test]
fn a_peer_that_answers_now_and_then_has_nothing_given_up_but_what_fails() {
    let mut queue = queue(1, 64);
    let mut failures = std::collections::BTreeMap::<u64, u32>::new();
    for seq in 1..=60 {
        put(&mut queue, "a", seq, i64::try_from(seq).expect("few"));
    }
    let (mut second, mut dead) = (0, 0);
    for turn in 0..200_u64 {
        second += 1_000;
        let Some(taken) = take(&mut queue, second).pop() else { break };
        // Every third attempt is answered, and what is answered is not taken.
        if turn % 3 == 2 {
            queue.release(&taken, Some(failed(&taken, Failure::Rejected, 100 + turn, second + 500)), ANSWER);
            continue;
        }
        let failures = failures.entry(seq(&taken)).or_default();
        *failures += 1;
        dead += u32::from(*failures == 6);
        let until = (*failures < 6).then_some(second + 500);
        assert!(hang(&mut queue, &taken, *failures, 100 + turn, until).is_empty());
    }
    assert!(dead > 0, "some fail for the last time");
}

#[test]
fn what_waited_for_a_silent_peer_all_the_time_is_given_up_with_the_one_that_asked() {
    let mut queue = queue(8, 64);
    for seq in [10, 11, 12] {
        put(&mut queue, "a", seq, 1);
    }
    let taken = take(&mut queue, 0);
    hang(&mut queue, &taken[0], 1, 20, Some(30));
    put(&mut queue, "a", 25, 1);
    let taken = take(&mut queue, 30);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10]);
    // One that had been given up before and was redriven after the first failure has not waited as long.
    queue.insert(&peer("a"), stand(5, 5), fresh(30));
    let given_up = hang(&mut queue, &taken[0], 2, 40, None);
    assert_eq!(given_up.iter().map(|waiting| waiting.changed).collect::<Vec<_>>(), [11, 12]);
    assert_eq!(queue.lengths(), QueueLengths { queued: 2, retrying: 0, under_way: 0, unreachable: 1 });
    assert_eq!(seqs(&mut queue, 30), [5], "the next one has its turn, and is alone");
    assert_eq!(seqs(&mut queue, 30), [0; 0]);
}

#[test]
fn what_was_redriven_in_a_silence_has_waited_since_then_also_when_it_failed_again() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 10, 1);
    for (failures, second) in [(1, 0), (2, 30)] {
        let taken = take(&mut queue, second);
        hang(&mut queue, &taken[0], failures, 20 + u64::from(failures), Some(second + 30));
    }
    // It had been given up before this silence.
    queue.insert(&peer("a"), stand(5, 5), fresh(30));
    let taken = take(&mut queue, 60);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [5]);
    hang(&mut queue, &taken[0], 1, 31, Some(90));
    let taken = take(&mut queue, 90);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10]);
    assert!(hang(&mut queue, &taken[0], 3, 40, None).is_empty(), "5 was not out of reach for a whole schedule");
    assert_eq!(queue.lengths(), QueueLengths { queued: 1, retrying: 1, under_way: 0, unreachable: 1 });
}

#[test]
fn what_failed_before_the_silence_takes_no_other_with_it() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 10, 1);
    put(&mut queue, "a", 11, 2);
    let taken = take(&mut queue, 0);
    hang(&mut queue, &taken[0], 1, 20, Some(30));
    let taken = take(&mut queue, 30);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Rejected, 21, 900)), ANSWER);
    let taken = take(&mut queue, 30);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [10]);
    put(&mut queue, "a", 30, 3);
    let other = take(&mut queue, 30);
    hang(&mut queue, &other[0], 1, 40, Some(60));
    assert!(hang(&mut queue, &taken[0], 6, 41, None).is_empty());
    assert_eq!(queue.lengths(), QueueLengths { queued: 2, retrying: 2, under_way: 0, unreachable: 1 });
}

#[test]
fn a_silent_peer_is_still_silent_after_a_start() {
    let mut queue = queue(8, 64);
    let (first, second) = (stand(1, 2), stand(2, 2));
    let waiting = Waiting { not_before: at(100), failure: Some(Failure::Unreachable), ..fresh(1) };
    queue.insert(&peer("a"), first, waiting);
    queue.insert(&peer("a"), second, fresh(2));
    queue.was_silent(&peer("a"), HashMap::from([(first, Asked { since: 7, failures: 5 })]));
    assert_eq!(queue.take(at(99)), (Vec::new(), Some(at(100))));
    let taken = take(&mut queue, 100);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [1]);
    let given_up = hang(&mut queue, &taken[0], 6, 50, None);
    assert_eq!(given_up.len(), 1, "the other one waited since before entry 7");
}

#[test]
fn who_redrives_has_a_silent_peer_asked_at_once_and_a_blocked_one_lets_everything_go() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 1, 1);
    put(&mut queue, "a", 2, 1);
    let taken = take(&mut queue, 0);
    hang(&mut queue, &taken[0], 1, 3, Some(100));
    assert_eq!(seqs(&mut queue, 1), [0; 0]);
    queue.hurry(&peer("a"));
    let taken = take(&mut queue, 1);
    assert_eq!(taken.iter().map(seq).collect::<Vec<_>>(), [1]);
    hang(&mut queue, &taken[0], 2, 4, Some(100));
    queue.let_go(&peer("a"));
    for seq in [1, 2] {
        let taken = take(&mut queue, 2);
        assert_eq!(taken.iter().map(super::tests::seq).collect::<Vec<_>>(), [seq]);
        queue.release(&taken[0], None, Heard::Nothing);
    }
    assert_eq!(queue.lengths(), QueueLengths::default());
}

#[test]
fn what_waits_behind_a_redriven_one_leaves_a_blocked_peer_as_well() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 2, 1);
    let taken = take(&mut queue, 0);
    queue.release(&taken[0], Some(failed(&taken[0], Failure::Rejected, 3, 900)), ANSWER);
    queue.insert(&peer("a"), stand(1, 1), fresh(4));
    queue.let_go(&peer("a"));
    for seq in [1, 2] {
        let taken = take(&mut queue, 1);
        assert_eq!(taken.iter().map(super::tests::seq).collect::<Vec<_>>(), [seq]);
        queue.release(&taken[0], None, Heard::Nothing);
    }
}

#[test]
fn what_is_redriven_before_its_attempt_is_released_waits_anew() {
    let mut queue = queue(8, 64);
    put(&mut queue, "a", 1, 1);
    put(&mut queue, "a", 2, 1);
    let taken = take(&mut queue, 0);
    put(&mut queue, "a", 1, 1);
    queue.insert(&peer("a"), stand(1, 1), fresh(7));
    assert_eq!(queue.lengths(), QueueLengths { queued: 2, under_way: 1, ..QueueLengths::default() });
    assert!(queue.release(&taken[0], None, ANSWER).is_empty());
    assert_eq!(queue.lengths(), QueueLengths { queued: 2, ..QueueLengths::default() });
    let taken = take(&mut queue, 0);
    assert_eq!(taken.iter().map(|taken| taken.waiting).collect::<Vec<_>>(), [fresh(7)]);
    // What is said of it again is no redrive.
    queue.insert(&peer("a"), stand(1, 1), fresh(7));
    queue.release(&taken[0], None, ANSWER);
    assert_eq!(seqs(&mut queue, 0), [2]);
}
