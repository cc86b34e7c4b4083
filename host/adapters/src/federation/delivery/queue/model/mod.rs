//! The model of deliveries: whose turn it is, when the next attempt is due, and what is given up.
//!
//! It is what the design and ARCHITECTURE (Delivery) say, and nothing of the queue's code: every list is looked through anew
//! each time. `run.rs` holds the queue and the folds of its deliveries against it.

mod run;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// "A host has one attempt under way at first and after each silence, twice as many after each answer", so many at most.
const WIDEST: usize = 3;
const PEERS: usize = 2;
/// What deliveries to a host are about.
const LINES: i64 = 3;
/// "30 s, 5 min, 30 min, 6 h, 24 h …, dead at the 6th failure", in milliseconds.
const SCHEDULE: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Delivered,
    /// The host answers, and perhaps says how long it is to be left alone.
    Rejected {
        retry_after_ms: Option<u64>,
    },
    /// The host gives no answer.
    Unreachable,
    /// The host answers what it would answer for ever.
    Refused,
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// A delivery is enqueued.
    Enqueue { peer: usize, line: i64 },
    /// Those leave whose turn it is.
    Leave,
    /// Time passes until one has its turn, and it leaves.
    Await,
    /// The attempt of the nth that is under way to a host ends; the jitter of a delay is so many halves.
    End { peer: usize, nth: usize, end: End, halves: u32 },
    /// The nth that was given up is redriven.
    Redrive { peer: usize, nth: usize },
    /// A host is blocked, or is not any more.
    Block { peer: usize, is_blocked: bool },
    /// Time passes.
    Pass { ms: u64 },
}

/// A delivery that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    line: i64,
    due: u64,
    /// Since this entry it has waited for its host to answer.
    waits_since: u64,
    attempts: u32,
    rejected: usize,
    unreachable: usize,
    /// While it is under way: how many answers its host had given when it left.
    left_at: Option<u64>,
}

/// A host that gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Silence {
    /// Which deliveries asked it: the entry of their first failure in this silence, and how many there were.
    asked: BTreeMap<u64, (u64, usize)>,
    /// The last that asked.
    asker: u64,
    /// It is not asked again before.
    next_at: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    /// By the entry that enqueued it.
    open: BTreeMap<u64, Open>,
    /// What was given up, by line and attempts.
    dead: BTreeMap<u64, (i64, u32)>,
    width: usize,
    answers: u64,
    left_alone_until: u64,
    silence: Option<Silence>,
    is_blocked: bool,
}

/// The deliveries of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    now: u64,
    /// The last entry of the log.
    log: u64,
    peers: [Peer; PEERS],
}

impl Peer {
    fn new() -> Self {
        let (open, dead) = (BTreeMap::new(), BTreeMap::new());
        Self { open, dead, width: 1, answers: 0, left_alone_until: 0, silence: None, is_blocked: false }
    }

    fn under_way(&self) -> impl Iterator<Item = (u64, &Open)> {
        self.open.iter().filter(|(_, open)| open.left_at.is_some()).map(|(seq, open)| (*seq, open))
    }

    /// The first of its line, of which none is under way: "what is about the same object arrives in order, and a retry
    /// holds its line".
    fn is_first(&self, seq: u64, line: i64) -> bool {
        let mut of_line = self.open.iter().filter(|(_, open)| open.line == line);
        of_line.clone().all(|(_, open)| open.left_at.is_none())
            && of_line.next().is_some_and(|(first, _)| *first == seq)
    }

    /// Whose turn it is.
    fn next(&self, now: u64) -> Option<u64> {
        let width = if self.silence.is_some() { 1 } else { self.width };
        if now < self.left_alone_until || self.under_way().count() >= width {
            return None;
        }
        let firsts = self.open.iter().filter(|(seq, open)| self.is_first(**seq, open.line));
        let mut due = firsts.clone().filter(|(_, open)| open.due <= now).map(|(seq, _)| *seq);
        let Some(silence) = &self.silence else { return due.next() };
        if now < silence.next_at {
            return None;
        }
        // "the oldest one about something else that has not failed yet is the one that asks"; there are fewer than eight.
        let other = due.find(|seq| !silence.asked.contains_key(seq));
        let again = || {
            let asked =
                firsts.filter_map(|(seq, open)| Some((silence.asked.get(seq)?.1, std::cmp::Reverse(*seq), open.due)));
            asked.max().filter(|(_, _, due)| *due <= now).map(|(_, std::cmp::Reverse(seq), _)| seq)
        };
        other.or_else(again)
    }

    fn leave(&mut self, now: u64) {
        while let Some(seq) = self.next(now) {
            let answers = self.answers;
            self.open.get_mut(&seq).expect("it is open").left_at = Some(answers);
            if let Some(silence) = &mut self.silence {
                silence.asker = seq;
            }
        }
    }

    fn give_up(&mut self, seq: u64) {
        let open = self.open.remove(&seq).expect("it is open");
        self.dead.insert(seq, (open.line, open.attempts));
        if let Some(silence) = &mut self.silence {
            silence.asked.remove(&seq);
        }
    }

    /// The attempt of a delivery ends, as entry `entry` says. Returns how many were given up with it.
    fn end(&mut self, seq: u64, end: End, halves: u32, (now, entry): (u64, u64)) -> u64 {
        let answers = self.answers;
        let open = self.open.get_mut(&seq).expect("it is open");
        let is_unheard = open.left_at.take() == Some(answers);
        open.attempts += 1;
        if self.is_blocked {
            // Nothing goes to a host that is blocked: it is not asked.
            self.give_up(seq);
            return 0;
        }
        let delay = |before: usize| SCHEDULE.get(before).map(|longest| longest / 2 * u64::from(halves));
        match end {
            End::Delivered => drop(self.open.remove(&seq)),
            End::Refused => self.give_up(seq),
            End::Rejected { retry_after_ms } => match delay(open.rejected) {
                Some(delay) => {
                    open.rejected += 1;
                    (open.due, open.waits_since) = (now + delay.max(retry_after_ms.unwrap_or(0)), entry);
                }
                None => self.give_up(seq),
            },
            End::Unreachable => {
                open.unreachable += 1;
                let (failures, due) = (open.unreachable, delay(open.unreachable - 1).map(|delay| now + delay));
                open.due = due.unwrap_or(0);
                return self.unanswered(seq, is_unheard, (entry, failures), due);
            }
        }
        self.answers += 1;
        self.width = (self.width * 2).min(WIDEST);
        if let End::Rejected { retry_after_ms: Some(ms) } = end {
            self.left_alone_until = self.left_alone_until.max(now + ms);
        }
        self.go_on();
        0
    }

    /// "When the host answers, all go on": those that asked do so at once.
    fn go_on(&mut self) {
        let asked = self.silence.take().unwrap_or_default().asked;
        for (_, open) in self.open.iter_mut().filter(|(seq, _)| asked.contains_key(seq)) {
            open.due = 0;
        }
    }

    fn unanswered(&mut self, seq: u64, is_unheard: bool, (entry, failures): (u64, usize), due: Option<u64>) -> u64 {
        // "what gets no answer while others do, or had none before the host's last answer, fails alone".
        let fails_alone = !is_unheard || (self.silence.is_none() && failures > 1);
        if fails_alone {
            if due.is_none() {
                self.give_up(seq);
            }
            return 0;
        }
        self.width = 1;
        let silence = self.silence.get_or_insert_with(|| Silence { asker: seq, ..Silence::default() });
        let (since, in_silence) = silence.asked.get(&seq).copied().unwrap_or((entry, 0));
        silence.asked.insert(seq, (since, in_silence + 1));
        if let Some(due) = due {
            if silence.asker == seq {
                silence.next_at = due;
            }
            return 0;
        }
        self.give_up(seq);
        // "When one is given up whose failures were all in this silence, what was enqueued before the first of them is
        // given up with it."
        let has_waited = |open: &Open| open.waits_since < since && open.left_at.is_none();
        let with_it: Vec<u64> = if in_silence + 1 == failures {
            self.open.iter().filter(|(_, open)| has_waited(open)).map(|(seq, _)| *seq).collect()
        } else {
            Vec::new()
        };
        for seq in &with_it {
            self.give_up(*seq);
        }
        with_it.len() as u64
    }
}

impl Model {
    /// The first moment from now on at which something has its turn.
    fn next_turn(&self) -> Option<u64> {
        let moments_of = |peer: &Peer| {
            let asked_again = peer.silence.as_ref().map(|silence| silence.next_at);
            let due = peer.open.values().map(|open| open.due);
            due.chain(asked_again).chain([peer.left_alone_until, self.now]).collect::<Vec<_>>()
        };
        let mut moments: Vec<u64> =
            self.peers.iter().flat_map(moments_of).filter(|moment| *moment >= self.now).collect();
        moments.sort_unstable();
        moments.into_iter().find(|moment| self.peers.iter().any(|peer| peer.next(*moment).is_some()))
    }

    fn leave(&mut self) {
        let now = self.now;
        self.peers.iter_mut().for_each(|peer| peer.leave(now));
    }

    /// Deliveries that are under way.
    fn under_way(&self) -> Vec<u64> {
        self.peers.iter().flat_map(|peer| peer.under_way().map(|(seq, _)| seq)).collect()
    }

    /// Deliveries that were given up.
    fn dead(&self) -> Vec<u64> {
        self.peers.iter().flat_map(|peer| peer.dead.keys().copied()).collect()
    }

    /// The delivery that an act is about.
    fn about(&self, act: &Act) -> Option<u64> {
        // Counted anew from the first behind the last, so that an act stays one when others before it are left out.
        let nth_of = |seqs: Vec<u64>, nth: usize| seqs.get(nth.checked_rem(seqs.len())?).copied();
        match act {
            Act::End { peer, nth, .. } => nth_of(self.peers[*peer].under_way().map(|(seq, _)| seq).collect(), *nth),
            Act::Redrive { peer, nth } => nth_of(self.peers[*peer].dead.keys().copied().collect(), *nth),
            Act::Enqueue { .. } | Act::Leave | Act::Await | Act::Block { .. } | Act::Pass { .. } => None,
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { now: 1_000_000, log: 0, peers: [Peer::new(), Peer::new()] }).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Act> {
        let after = prop::sample::select(vec![None, Some(1), Some(60_000), Some(7_200_000)]);
        let end = prop_oneof![
            2 => Just(End::Delivered),
            2 => after.prop_map(|retry_after_ms| End::Rejected { retry_after_ms }),
            12 => Just(End::Unreachable),
            1 => Just(End::Refused),
        ];
        // Much happens to one host, and something to another.
        let peer = || prop_oneof![4 => Just(0), 1 => Just(PEERS - 1)];
        let passed = prop::sample::select([&SCHEDULE[..], &[1, 60_000]].concat());
        let mut acts = vec![
            (4, (peer(), 0..LINES).prop_map(|(peer, line)| Act::Enqueue { peer, line }).boxed()),
            (3, Just(Act::Leave).boxed()),
            (8, Just(Act::Await).boxed()),
            (2, passed.prop_map(|ms| Act::Pass { ms }).boxed()),
            (
                1,
                (peer(), prop::bool::weighted(0.3))
                    .prop_map(|(peer, is_blocked)| Act::Block { peer, is_blocked })
                    .boxed(),
            ),
        ];
        let peers = |has: fn(&Peer) -> bool| {
            let peers: Vec<usize> = (0..PEERS).filter(|peer| has(&model.peers[*peer])).collect();
            (!peers.is_empty()).then(|| prop::sample::select(peers))
        };
        if let Some(peers) = peers(|peer| peer.under_way().next().is_some()) {
            let ends = (peers, 0..WIDEST, end, 0..=2_u32);
            acts.push((10, ends.prop_map(|(peer, nth, end, halves)| Act::End { peer, nth, end, halves }).boxed()));
        }
        if let Some(peers) = peers(|peer| !peer.dead.is_empty()) {
            acts.push((4, (peers, 0..4_usize).prop_map(|(peer, nth)| Act::Redrive { peer, nth }).boxed()));
        }
        prop::strategy::Union::new_weighted(acts).boxed()
    }

    fn preconditions(model: &Self, act: &Act) -> bool {
        match act {
            Act::End { .. } | Act::Redrive { .. } => model.about(act).is_some(),
            Act::Block { peer, is_blocked } => model.peers[*peer].is_blocked != *is_blocked,
            Act::Enqueue { .. } | Act::Leave | Act::Await | Act::Pass { .. } => true,
        }
    }

    fn apply(mut model: Self, act: &Act) -> Self {
        let about = model.about(act);
        match *act {
            Act::Enqueue { peer, line } => {
                model.log += 1;
                let (seq, left_at) = (model.log, None);
                let open = Open { line, due: 0, waits_since: seq, attempts: 0, rejected: 0, unreachable: 0, left_at };
                model.peers[peer].open.insert(seq, open);
            }
            Act::Leave => model.leave(),
            Act::Await => {
                model.now = model.next_turn().unwrap_or(model.now);
                model.leave();
            }
            Act::End { peer, end, halves, .. } => {
                let seq = about.expect("one is under way");
                model.log += 1;
                model.log += model.peers[peer].end(seq, end, halves, (model.now, model.log));
            }
            Act::Redrive { peer, .. } => {
                let seq = about.expect("one was given up");
                model.log += 1;
                let peer = &mut model.peers[peer];
                let (line, attempts) = peer.dead.remove(&seq).expect("it was given up");
                let (waits_since, left_at) = (model.log, None);
                peer.open
                    .insert(seq, Open { line, due: 0, waits_since, attempts, rejected: 0, unreachable: 0, left_at });
                // Who redrives has a silent host asked at once.
                if let Some(mut silence) = peer.silence.take() {
                    silence.next_at = 0;
                    for (_, open) in peer.open.iter_mut().filter(|(seq, _)| silence.asked.contains_key(seq)) {
                        open.due = 0;
                    }
                    peer.silence = Some(silence);
                }
            }
            Act::Block { peer, is_blocked } => {
                let peer = &mut model.peers[peer];
                // What waits leaves in turn, whatever is known of the host, and is given up as it does.
                (peer.is_blocked, peer.silence, peer.left_alone_until) = (is_blocked, None, 0);
                peer.open.values_mut().for_each(|open| open.due = 0);
                model.log += 1;
            }
            Act::Pass { ms } => model.now += ms,
        }
        model
    }
}
