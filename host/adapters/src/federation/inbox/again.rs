//! What comes under an id that an inbox knows: the same once more, something else, or, of follows, the same done again.

use std::sync::Arc;

use rosehip_core::{
    activity::{Activity, id_of},
    event::{ActivityConflicted, Event},
    ids::{ActivityId, ActorName, BoxName, DedupKey},
    log::Append,
    pipeline::receive::{Arrival, answer_again},
    ports::{LogReader as _, StoreError},
    time::Timestamp,
};

use super::{Inbox, Refused, TakenIn, known};
use crate::{clock::SystemClock, writer::AppendError};

/// How often something may be done again under one id.
const AGAIN: usize = 1_000;

impl Inbox {
    /// What is done again under an id that is known already, under an id of its own; none of what is done for the first time,
    /// or is only said again.
    pub(super) fn again(
        &self,
        arrival: &Arrival,
        facts: &known::Facts,
        owner: &ActorName,
    ) -> Result<Option<Arrival>, Refused> {
        if !arrival.is_done_again(facts.follow.as_deref()) {
            return Ok(None);
        }
        let Some(mut seq) = self.recorded(owner, &arrival.id)? else { return Ok(None) };
        let is_the_same = |activity: &Activity| {
            activity.kind == arrival.kind
                && activity.actor() == Some(arrival.actor.as_str())
                && id_of(activity.object_document()) == arrival.object()
        };
        // What was erased does not come back, and something else under the id is a conflict.
        if !self.arrived_at(seq)?.is_some_and(|activity| is_the_same(&activity)) {
            return Ok(None);
        }
        for _ in 0..AGAIN {
            let again = arrival.again(seq);
            match self.recorded(owner, &again.id)? {
                Some(later) => seq = later,
                None => return Ok(Some(again)),
            }
        }
        Ok(None)
    }

    /// Where an activity of an inbox stands in the log.
    pub(super) fn recorded(&self, owner: &ActorName, activity: &ActivityId) -> Result<Option<u64>, Refused> {
        let seen = DedupKey::seen(owner, BoxName::Inbox, activity);
        Ok(self.parts.log.with::<_, StoreError>(|log| log.recorded(&seen))?)
    }

    /// The activity that stands somewhere in the log; none where it was erased.
    fn arrived_at(&self, seq: u64) -> Result<Option<Arc<Activity>>, Refused> {
        let event = known::event_at(&self.parts, seq)?;
        let Some(Event::ActivityAppended(appended)) = event.as_deref() else { return Ok(None) };
        Ok(Some(Arc::clone(&appended.activity)))
    }

    /// Accepts a `Follow` again that was sent again and is still the one by which its sender follows.
    pub(super) async fn say_again(
        &self,
        arrival: &Arrival,
        facts: &known::Facts,
        owner: &ActorName,
        now: Timestamp,
    ) -> Result<(), Refused> {
        if facts.follow.as_deref() != Some(arrival.id.as_str()) {
            return Ok(());
        }
        let Some(event) = answer_again(arrival, &facts.known(&self.parts, owner, now))? else { return Ok(()) };
        match self.parts.writer.append(Append::unconditional(vec![event.draft(now)])).await {
            // It was said in this minute already.
            Ok(_) | Err(AppendError::Duplicate { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Something stands under the id already: the same, or something else, which is recorded and fires nothing.
    pub(super) async fn seen_before(&self, arrival: &Arrival, owner: &ActorName, seq: u64) -> Result<TakenIn, Refused> {
        // It was erased here, and does not come back.
        let Some(known) = self.arrived_at(seq)? else { return Ok(TakenIn::Dropped) };
        let known = known.cid.clone();
        if known == arrival.cid {
            return Ok(TakenIn::Dropped);
        }
        let (activity, arrived, owner) = (arrival.id.clone(), arrival.cid.clone(), owner.clone());
        let conflicted = ActivityConflicted { activity, owner, r#box: BoxName::Inbox, known, arrived };
        let append = Append::unconditional(vec![Event::from(conflicted).draft(SystemClock::now())]);
        match self.parts.writer.append(append).await {
            // It was said before that it is one.
            Ok(_) | Err(AppendError::Duplicate { .. }) => Err(Refused::Conflict(arrival.id.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}
