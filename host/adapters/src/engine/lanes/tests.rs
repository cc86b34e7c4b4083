//! The contract of [`Driver`], and what the lanes promise beyond it.

use std::{collections::HashSet, num::NonZeroU32};

use proptest::prelude::*;
use rosehip_core::ids::{ActivityId, BoxName, NodeId};

use super::*;

fn lanes(concurrency: usize, per_second: u32) -> Lanes {
    Lanes::new(DispatchLimits { concurrency, per_second: NonZeroU32::new(per_second).expect("more than none") })
}

/// The effect that entry `seq` of flow `flow` recorded.
fn ticket(seq: u32, flow: u32, destination: &str, about: &str) -> Ticket {
    let activity: ActivityId = format!("https://example.org/{flow}").parse().expect("a URL");
    let name = "site".parse().expect("a name");
    let behavior = "test".parse().expect("a name");
    let flow = FlowId::derive(&activity, &name, BoxName::Outbox, &behavior, 1);
    let node: NodeId = "tell".parse().expect("a name");
    let effect = EffectId::derive(flow, &node, None, seq);
    Ticket { place: (seq.into(), 0), flow, effect, destination: destination.into(), about: about.into() }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

fn seqs(lanes: &dyn Driver) -> Vec<u64> {
    let mut seqs: Vec<_> = lanes.take(now()).0.into_iter().map(|ticket| ticket.place.0).collect();
    seqs.sort_unstable();
    seqs
}

#[test]
fn what_is_about_the_same_thing_reaches_a_destination_in_the_order_it_was_recorded() {
    let lanes = lanes(8, 1_000);
    let (first, second, elsewhere) = (ticket(1, 1, "a", "x"), ticket(2, 2, "a", "x"), ticket(3, 3, "b", "x"));
    let other = ticket(4, 4, "a", "y");
    lanes.expect(first.clone());
    for later in [&other, &elsewhere, &second] {
        lanes.offer(later.clone(), true);
    }
    assert_eq!(seqs(&lanes), [3, 4], "the second waits for the first, which is not offered yet");
    lanes.offer(first.clone(), true);
    assert_eq!(seqs(&lanes), [1]);
    lanes.release(first.effect, Next::Again);
    assert_eq!(seqs(&lanes), [0; 0], "a retry holds the line");
    lanes.offer(first.clone(), false);
    assert_eq!(seqs(&lanes), [0; 0], "it is not due");
    lanes.offer(first.clone(), true);
    assert_eq!(seqs(&lanes), [1]);
    lanes.release(first.effect, Next::Ended);
    assert_eq!(seqs(&lanes), [2]);
}

#[test]
fn an_effect_that_is_under_way_is_not_taken_again() {
    let lanes = lanes(8, 1_000);
    let only = ticket(1, 1, "a", "x");
    lanes.offer(only.clone(), true);
    assert_eq!(seqs(&lanes), [1]);
    lanes.offer(only.clone(), true);
    lanes.expect(only.clone());
    lanes.retain(only.flow, &HashSet::new());
    assert_eq!(seqs(&lanes), [0; 0]);
    lanes.release(only.effect, Next::Ended);
    assert_eq!(seqs(&lanes), [1], "it was offered meanwhile, so it is looked at once more");
    lanes.release(only.effect, Next::Ended);
    lanes.release(only.effect, Next::Ended);
    assert_eq!(seqs(&lanes), [0; 0]);
}

#[test]
fn what_is_offered_anew_does_not_overtake_what_is_under_way() {
    let lanes = lanes(8, 1_000);
    let (redriven, later) = (ticket(1, 1, "a", "x"), ticket(2, 2, "a", "x"));
    lanes.offer(later.clone(), true);
    assert_eq!(seqs(&lanes), [2]);
    lanes.offer(redriven.clone(), true);
    assert_eq!(seqs(&lanes), [0; 0], "of a line one is under way at a time");
    lanes.release(later.effect, Next::Again);
    assert_eq!(seqs(&lanes), [1]);
}

#[test]
fn what_is_no_longer_open_makes_room_for_what_comes_after_it() {
    let lanes = lanes(8, 1_000);
    let (first, second) = (ticket(1, 1, "a", "x"), ticket(2, 2, "a", "x"));
    lanes.offer(first.clone(), false);
    lanes.offer(second.clone(), true);
    assert_eq!(seqs(&lanes), [0; 0]);
    lanes.retain(first.flow, &HashSet::from([first.effect]));
    assert_eq!(seqs(&lanes), [0; 0]);
    lanes.retain(first.flow, &HashSet::new());
    assert_eq!(seqs(&lanes), [2]);
}

#[test]
fn a_destination_has_a_bounded_number_under_way_and_others_do_not_wait_for_it() {
    let lanes = lanes(2, 1_000);
    for seq in 0..10 {
        lanes.offer(ticket(seq, seq, "slow", &seq.to_string()), true);
    }
    assert_eq!(seqs(&lanes), [0, 1]);
    lanes.offer(ticket(100, 100, "quick", "x"), true);
    assert_eq!(seqs(&lanes), [100]);
    lanes.release(ticket(0, 0, "slow", "0").effect, Next::Ended);
    assert_eq!(seqs(&lanes), [2]);
}

#[test]
fn a_destination_that_asks_to_be_left_alone_is() {
    let lanes = lanes(2, 1_000);
    let (first, second) = (ticket(1, 1, "a", "x"), ticket(2, 2, "a", "y"));
    lanes.offer(first.clone(), true);
    assert_eq!(seqs(&lanes), [1]);
    lanes.release(first.effect, Next::Pause(now().plus_millis(5_000)));
    lanes.offer(second, true);
    assert_eq!(lanes.take(now()), (Vec::new(), Some(5_000)));
    let (taken, again) = lanes.take(now().plus_millis(5_000));
    assert_eq!((taken.len(), again), (1, None), "the first is not offered again yet");
}

#[test]
fn a_clock_that_is_set_back_makes_no_pause_longer() {
    let lanes = lanes(2, 1_000);
    let (first, second) = (ticket(1, 1, "a", "x"), ticket(2, 2, "a", "y"));
    lanes.offer(first.clone(), true);
    assert_eq!(seqs(&lanes), [1]);
    lanes.release(first.effect, Next::Pause(now().plus_millis(5_000)));
    lanes.offer(second, true);
    assert_eq!(lanes.take(now()), (Vec::new(), Some(5_000)));
    let before = Timestamp::from_millis(now().as_millis() - 86_400_000);
    assert_eq!(lanes.take(before), (Vec::new(), Some(5_000)));
    assert_eq!(lanes.take(before.plus_millis(5_000)).0.len(), 1);
}

#[test]
fn a_destination_is_begun_at_a_bounded_rate_and_says_when_to_ask_again() {
    let lanes = lanes(1_000, 5);
    for seq in 0..20 {
        lanes.offer(ticket(seq, seq, "a", &seq.to_string()), true);
        lanes.offer(ticket(100 + seq, 100 + seq, LOCAL, &seq.to_string()), true);
    }
    let (taken, again) = lanes.take(now());
    let outside = taken.iter().filter(|ticket| &*ticket.destination == "a").count();
    assert_eq!((outside, taken.len() - outside), (5, 20), "this host itself is not spared");
    assert!(again.is_some_and(|ms| (1..=200).contains(&ms)), "{again:?}");
}

#[derive(Debug, Clone)]
enum Act {
    Expect(usize),
    Offer(usize, bool),
    Take,
    Release(usize, bool),
}

proptest! {
    /// Whatever happens in whatever order: of one line at most one is under way, it is the first of what is left, and no
    /// destination has more under way than it may.
    #[test]
    fn lines_keep_their_order(acts in prop::collection::vec(prop_oneof![
        (0..12_usize).prop_map(Act::Expect),
        (0..12_usize, any::<bool>()).prop_map(|(which, is_due)| Act::Offer(which, is_due)),
        Just(Act::Take),
        (0..12_usize, any::<bool>()).prop_map(|(which, ends)| Act::Release(which, ends)),
    ], 0..120)) {
        let lanes = lanes(2, 100_000);
        // Three lines of four: two to one destination, one to another.
        let tickets: Vec<_> = (0..12_u32)
            .map(|seq| ticket(seq, seq, if seq % 3 == 0 { "a" } else { "b" }, &(seq % 3).to_string()))
            .collect();
        // All are known from the beginning, as commits are taken in before anything is offered.
        for ticket in &tickets {
            lanes.expect(ticket.clone());
        }
        let (mut under_way, mut ended) = (HashSet::new(), HashSet::new());
        for act in acts {
            match act {
                Act::Expect(which) if !ended.contains(&which) => lanes.expect(tickets[which].clone()),
                Act::Offer(which, is_due) if !ended.contains(&which) => lanes.offer(tickets[which].clone(), is_due),
                Act::Expect(_) | Act::Offer(..) => {}
                Act::Take => {
                    for taken in lanes.take(now()).0 {
                        let which = usize::try_from(taken.place.0).expect("it is small");
                        prop_assert!(under_way.insert(which), "it is not under way yet");
                        let before = (0..which).filter(|other| other % 3 == which % 3);
                        prop_assert!(before.clone().all(|other| ended.contains(&other)), "{which} overtakes");
                    }
                    let of = |name: &str| under_way.iter().filter(|which| &*tickets[**which].destination == name).count();
                    prop_assert!(of("a") <= 2 && of("b") <= 2);
                }
                Act::Release(which, ends) => {
                    let was_under_way = under_way.remove(&which);
                    // One that has ended is looked at once more where it was offered meanwhile, and has still ended.
                    let ends = ends || ended.contains(&which);
                    if was_under_way {
                        lanes.release(tickets[which].effect, if ends { Next::Ended } else { Next::Again });
                        if ends {
                            ended.insert(which);
                        }
                    }
                }
            }
        }
        // Nothing is forgotten: offered and released often enough, all of them leave.
        for which in under_way {
            lanes.release(tickets[which].effect, Next::Ended);
            ended.insert(which);
        }
        for _ in 0..12 {
            for (which, ticket) in tickets.iter().enumerate() {
                if !ended.contains(&which) {
                    lanes.offer(ticket.clone(), true);
                }
            }
            for taken in lanes.take(now()).0 {
                lanes.release(taken.effect, Next::Ended);
                ended.insert(usize::try_from(taken.place.0).expect("it is small"));
            }
        }
        prop_assert_eq!(ended.len(), 12);
    }
}
