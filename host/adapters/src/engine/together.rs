//! An activity, its match and what its flows do at once, in one append: one commit for whoever waits for the flows.
//!
//! Guests are pure, so it shows nowhere that they were called before what they are told of was durable. What it costs is
//! that an activity is not durable before they have answered. Whoever waits for the flows has no answer before that
//! anyway; still, only modules that answered at once the last time are called so, and the caller may have the activity
//! recorded alone at any time, whatever a guest is at: its answer is thrown away then, and it is called again.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rosehip_core::{
    activity::Activity,
    event::{Current, Event},
    guest::{GuestFailure, GuestReport},
    ids::{ActivityId, Digest},
    log::{Append, Draft},
    ports::Triggers as _,
};

use super::{
    Engine,
    jobs::Job,
    matcher::Walked,
    shared::{Shared, panic_message},
    walker::Budget,
};
use crate::writer::{Answer, AppendError, Quiet};

/// Fuel of a call that is answered at once: some milliseconds. Unlike time, it says the same of a call on any thread of a
/// machine that is busy.
const QUICK_FUEL: u64 = 10_000_000;

/// Modules whose last call was answered at once.
#[derive(Default)]
pub(super) struct QuickModules(Mutex<HashSet<Digest>>);

impl QuickModules {
    /// Takes note of a call.
    pub(super) fn called(&self, module: Digest, report: &GuestReport) {
        let is_quick = report.fuel <= QUICK_FUEL && !matches!(report.result, Err(GuestFailure::Host { .. }));
        let mut modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match is_quick {
            true => modules.insert(module),
            false => modules.remove(&module),
        };
    }

    fn has(&self, module: Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&module)
    }
}

/// An append that waits for whoever takes it first: a guest thread that knows what it sets off, or its caller, who has
/// waited long enough.
pub(super) struct Offer {
    activity: ActivityId,
    append: Mutex<Option<Append>>,
    quiet: Quiet,
}

impl Offer {
    fn look(&self) -> Option<Append> {
        self.lock().clone()
    }

    fn take(&self) -> Option<Append> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Append>> {
        self.append.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An activity that is being recorded. It is recorded also if this is dropped.
pub struct Recording {
    offer: Arc<Offer>,
    shared: Arc<Shared>,
}

impl Recording {
    /// Resolves if the append is refused.
    pub async fn refused(&self) -> AppendError {
        self.offer.quiet.refused().await
    }

    /// Has the activity recorded alone, unless it is being recorded already.
    pub fn hurry(&self) {
        if let Some(append) = self.offer.take() {
            self.shared.writer().append_quietly(append, &self.offer.quiet);
        }
    }

    /// Resolves once the activity is durable or refused. It is not kept back for its flows any more.
    pub async fn answered(&self) -> Answer {
        self.hurry();
        self.offer.quiet.answered().await
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.hurry();
    }
}

impl Engine {
    /// Queues an append that records `activity`, whose flows the caller waits for ([`Engine::wait_for`]): where that is
    /// as good as done, together with what the flows do.
    pub fn record_and_run(&self, append: Append, activity: ActivityId) -> Recording {
        let shared = Arc::clone(self.shared());
        let offer = Arc::new(Offer { activity, append: Mutex::new(Some(append)), quiet: Quiet::default() });
        let recording = Recording { offer, shared };
        if self.runs && !self.recovers() {
            recording.shared.jobs.push(Job::Record(Arc::clone(&recording.offer)));
        } else {
            recording.hurry();
        }
        recording
    }
}

/// An append with what it sets off.
struct Joined {
    append: Append,
    activity: Arc<Activity>,
    /// Entries of the append before the activity's.
    before: u64,
    /// Entries of the append before the match's.
    alone: u64,
    walked: Vec<Walked>,
}

impl Shared {
    /// Records an activity that was offered. Returns once the append is queued.
    pub(super) fn record_offered(self: &Arc<Self>, offer: Arc<Offer>) {
        let Some(append) = offer.look() else { return self.jobs.finish() };
        // A defect must not cost the append.
        let joined = catch_unwind(AssertUnwindSafe(|| self.join(&append, &offer.activity))).unwrap_or_else(|panic| {
            tracing::error!(message = panic_message(&*panic), "what an activity sets off could not be decided with it");
            None
        });
        let is_left = offer.take().is_some();
        let Some(Joined { append: together, activity, before, alone, walked }) = joined.filter(|_| is_left) else {
            if is_left {
                self.writer().append_quietly(append, &offer.quiet);
            }
            return self.jobs.finish();
        };
        self.announce_all(&walked, &together.drafts[append.drafts.len()..]);
        let shared = Arc::clone(self);
        let on_done = Box::new(move |answer: Answer| {
            shared.unannounce_all(&walked);
            match answer {
                Ok(appended) => {
                    offer.quiet.tell(answer);
                    let seq = appended.first + before;
                    shared.settle_matched(seq, appended.first + alone, activity, walked);
                }
                Err(AppendError::BehaviorsChanged { .. } | AppendError::TooLarge { .. }) => {
                    shared.writer().append_quietly(append, &offer.quiet);
                }
                Err(_) => offer.quiet.tell(answer),
            }
            shared.jobs.finish();
        });
        self.writer().append_with(together, on_done);
    }

    /// The append with what its activity sets off; none where that is better done once the activity is durable.
    fn join(&self, append: &Append, id: &ActivityId) -> Option<Joined> {
        // Read before the registry, which knows every entry up to this one.
        let as_of = self.writer().committed();
        let activity_of = |draft: &Draft| match draft.event.as_deref() {
            Some(Event::ActivityAppended(body)) if body.activity.id == *id => Some(Arc::clone(&body.activity)),
            _ => None,
        };
        let (before, activity) = (0..).zip(&append.drafts).find_map(|(n, draft)| Some((n, activity_of(draft)?)))?;
        let current = standing_with(append, &activity)?;
        let (standing, decided) = {
            let registry = self.registry();
            (registry.at(as_of), registry.consider(as_of, &activity, current.as_ref()).moved_to(before))
        };
        if !decided.flows.iter().all(|flow| self.quick_modules.has(flow.digest)) {
            return None;
        }
        let decided = self.walk_matched(decided, &standing, &activity, &mut Budget::new(), Event::draft_to_place);
        let (drafts, walked) = decided
            .inspect_err(|error| tracing::warn!(%error, "what an activity sets off could not be decided with it"))
            .ok()?;
        let alone = u64::try_from(append.drafts.len()).ok()?;
        let mut append = Append { behaviors_as_of: Some(as_of), ..append.clone() };
        append.drafts.extend(drafts);
        Some(Joined { append, activity, before, alone, walked })
    }
}

/// How an activity's object stands once `append` is committed, if the append tells: it has none, or it is revised there.
#[expect(clippy::option_option, reason = "an object may be known not to be there")]
fn standing_with(append: &Append, activity: &Activity) -> Option<Option<Current>> {
    let Some(key) = &activity.object else { return Some(None) };
    append.drafts.iter().find_map(|draft| match draft.event.as_deref() {
        Some(Event::ObjectRevised(body)) if body.object.key == *key => Some(Current::of(&body.object)),
        _ => None,
    })
}
