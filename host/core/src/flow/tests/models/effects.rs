//! The model of effects: where each stands, what its attempts cost, and when the next is due.

use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::{table::Table, *};
use crate::{effect::EffectState, event::EffectChanged, flow::EffectCounts};

/// "Retry: 30 s, 5 min, 30 min, 6 h, 24 h with full jitter, dead at the 6th failure": in milliseconds.
const SCHEDULE: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];

/// What is to happen to an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// An attempt begins.
    Attempt,
    /// It succeeds.
    Succeed,
    /// It fails by a sort: 0 rejected, 1 unreachable, 2 unknown. The jitter is so many halves of the delay. What is rejected
    /// may say how long it is to be left alone.
    Fail { sort: usize, halves: u32, retry_after_ms: u64 },
    /// It gets a permanent answer.
    Refuse,
    /// Policy forbids it.
    Deny,
    /// Somebody calls it off.
    Cancel,
    /// No sink is there.
    Lack,
    /// Somebody wants it tried again.
    Redrive,
    /// An entry says it, whoever wrote that.
    Say { from: &'static str, to: &'static str },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Effect {
    status: &'static str,
    attempts: u32,
    /// By sort: "unreachable and rejected do not share a budget".
    failures: [usize; 3],
    /// The next attempt comes no sooner and no later than so long from now.
    due_in: Option<(u64, u64)>,
}

impl Effect {
    fn new(status: &'static str) -> Self {
        Self { status, attempts: 0, failures: [0; 3], due_in: None }
    }

    /// Where it is to go, and how.
    fn goal(&self, act: &Act) -> (&'static str, &'static str) {
        match act {
            Act::Attempt => ("attempting", ""),
            Act::Succeed => ("dispatched", ""),
            // "dead at the 6th failure".
            Act::Fail { sort, .. } if self.failures[*sort] == 5 => ("dead", ""),
            Act::Fail { .. } => ("retrying", ""),
            // "a permanent answer is dead at once".
            Act::Refuse => ("dead", ""),
            Act::Deny => ("denied", ""),
            Act::Cancel => ("cancelled", ""),
            Act::Lack => ("unhandled", ""),
            Act::Redrive => ("retrying", "redrive"),
            Act::Say { to, .. } => (to, ""),
        }
    }

    fn allows(&self, act: &Act) -> bool {
        let (to, how) = self.goal(act);
        match act {
            Act::Say { from, to } => *from == self.status && Table::of_effects().leads(from, to),
            Act::Attempt
            | Act::Succeed
            | Act::Fail { .. }
            | Act::Refuse
            | Act::Deny
            | Act::Cancel
            | Act::Lack
            | Act::Redrive => Table::of_effects().has(self.status, to, how),
        }
    }

    fn after(&self, act: &Act) -> Self {
        let mut after = Self { status: self.goal(act).0, due_in: None, ..self.clone() };
        let is_redriven = matches!(self.status, "dead" | "unhandled");
        match act {
            Act::Attempt => after.attempts += 1,
            Act::Fail { sort, halves, retry_after_ms } => {
                after.failures[*sort] += 1;
                // "with full jitter": any part of the delay. An unknown outcome says nothing of the receiver: at once is allowed.
                let longest = SCHEDULE.get(self.failures[*sort]);
                after.due_in =
                    longest.map(|longest| (longest, longest / 2 * u64::from(*halves))).map(|(longest, part)| {
                        match sort {
                            // "`Retry-After` honoured".
                            0 => (part.max(*retry_after_ms), part.max(*retry_after_ms)),
                            1 => (part, part),
                            _ => (0, *longest),
                        }
                    });
            }
            Act::Redrive => (after.failures, after.due_in) = ([0; 3], Some((0, 0))),
            // Who redrives gives it all its attempts anew.
            Act::Say { .. } if is_redriven => after.failures = [0; 3],
            Act::Succeed | Act::Refuse | Act::Deny | Act::Cancel | Act::Lack | Act::Say { .. } => {}
        }
        after
    }
}

/// The effects of a flow.
#[derive(Debug, Clone)]
struct Model(Vec<Effect>);

/// Which effect, and what.
type Move = (usize, Act);

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Move;

    /// As the flow of [`begun`] records them: "`log` and `validate` are `dispatched` in the append that records them", and a
    /// kind that is not granted is denied.
    fn init_state() -> BoxedStrategy<Self> {
        Just(Self(["recorded", "recorded", "dispatched", "denied"].map(Effect::new).into())).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Move> {
        let statuses = || prop::sample::select(EffectStatus::ALL).prop_map(EffectStatus::as_str);
        let after = prop::sample::select(vec![0, 1, 3_600_000, 172_800_000]);
        let fail = (prop_oneof![4 => 0..2_usize, 1 => Just(2)], 0..=2_u32, after)
            .prop_map(|(sort, halves, retry_after_ms)| Act::Fail { sort, halves, retry_after_ms });
        let act = prop_oneof![
            8 => Just(Act::Attempt),
            8 => fail,
            1 => Just(Act::Succeed),
            1 => Just(Act::Refuse),
            1 => Just(Act::Deny),
            1 => Just(Act::Cancel),
            1 => Just(Act::Lack),
            2 => Just(Act::Redrive),
            1 => (statuses(), statuses()).prop_map(|(from, to)| Act::Say { from, to }),
        ];
        (0..model.0.len(), act).boxed()
    }

    fn apply(mut model: Self, (which, act): &Move) -> Self {
        let effect = &model.0[*which];
        if effect.allows(act) {
            model.0[*which] = effect.after(act);
        }
        model
    }
}

fn begun() -> Offered {
    let effect = |kind: &str, payload: Value| json!({"kind": kind, "payload": payload});
    let notify = || effect("notify", json!({"subject": "s", "text": "t"}));
    let effects = json!([notify(), notify(), effect("log", json!({"message": "x"})), effect("sms", json!(1))]);
    let script = move |_: &str, _| Ok(json!({"effects": effects}));
    let mut world = World::new(&manifest(json!([step("only")]), json!([])), &script);
    world.run();
    Offered::new(world.flow, world.now)
}

/// What an act is as an entry; where it is none, the status it was refused in.
fn event_of(flow: FlowId, effect: &EffectState, act: &Act) -> Result<Event, &'static str> {
    let event = match act {
        Act::Attempt => dispatch::attempt(flow, effect),
        Act::Succeed => dispatch::conclude(flow, effect, AttemptEnd::Done(json!({})), 0.0),
        Act::Fail { sort, halves, retry_after_ms } => {
            let (message, after) = ("down".to_owned(), Some(*retry_after_ms).filter(|ms| *ms > 0));
            let end = match sort {
                0 => AttemptEnd::Rejected { message, retry_after_ms: after },
                1 => AttemptEnd::Unreachable(message),
                _ => AttemptEnd::Unknown,
            };
            dispatch::conclude(flow, effect, end, f64::from(*halves) / 2.0)
        }
        Act::Refuse => dispatch::conclude(flow, effect, AttemptEnd::Refused("gone".to_owned()), 0.0),
        Act::Deny => dispatch::denied(flow, effect, "rule".to_owned()),
        Act::Cancel => dispatch::cancelled(flow, effect, None),
        Act::Lack => dispatch::unhandled(flow, effect),
        Act::Redrive => dispatch::redriven(flow, effect, None, None),
        Act::Say { from, to } => return Ok(said(flow, effect.effect.id, effect.attempts, from, to)),
    };
    event.map_err(|illegal| illegal.status)
}

fn said(flow: FlowId, effect: EffectId, attempt: u32, from: &str, to: &str) -> Event {
    let status = |word| EffectStatus::from_word(word).expect("a status");
    let (from, to) = (status(from), status(to));
    let (error, failure, delay_ms, receipt, by, reason) = (None, None, None, None, None, None);
    EffectChanged { flow, effect, from, to, attempt, error, failure, delay_ms, receipt, by, reason }.into()
}

struct Effects;

impl StateMachineTest for Effects {
    type SystemUnderTest = (Offered, Model);
    type Reference = Model;

    fn init_test(model: &Model) -> (Offered, Model) {
        (begun(), model.clone())
    }

    fn apply((mut offered, before): (Offered, Model), after: &Model, (which, act): Move) -> (Offered, Model) {
        offered.now = offered.now.plus_millis(1_000);
        let is_allowed = before.0[which].allows(&act);
        match event_of(offered.flow.id(), &offered.flow.effects[which], &act) {
            Ok(event) => offered.offer(event, is_allowed),
            Err(status) => {
                assert!(!is_allowed, "{act:?} is refused");
                assert_eq!(status, before.0[which].status, "the refusal says where it stands");
            }
        }
        if is_allowed {
            let due = offered.flow.effects[which].next_retry_at;
            let due_in =
                due.map(|due| u64::try_from(due.as_millis() - offered.now.as_millis()).expect("not before now"));
            let (least, most) = after.0[which].due_in.unzip();
            assert!(due_in >= least && due_in <= most, "due in {due_in:?}, not in {least:?} to {most:?}");
        }
        (offered, after.clone())
    }

    fn check_invariants((offered, _): &(Offered, Model), model: &Model) {
        let found = offered.flow.effects.iter().map(|effect| {
            let failures = [effect.failures.rejected, effect.failures.unreachable, effect.failures.unknown];
            (effect.status.as_str(), effect.attempts, failures.map(|count| count as usize))
        });
        let wanted = model.0.iter().map(|effect| (effect.status, effect.attempts, effect.failures));
        assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        let of = |words: &[&str]| model.0.iter().filter(|effect| words.contains(&effect.status)).count();
        let counts: EffectCounts = offered.flow.summary.effects;
        for status in EffectStatus::ALL {
            assert_eq!(counts.count(*status) as usize, of(&[status.as_str()]), "{status}");
        }
        assert_eq!(offered.flow.open_effects().count(), of(&["recorded", "attempting", "retrying"]));
    }

    fn teardown((offered, _): (Offered, Model), _: Model) {
        offered.reread(begun().flow);
    }
}

prop_state_machine! {
    #[test]
    fn effects_go_where_the_design_says_and_nowhere_else(sequential 1..60 => Effects);
}
