//! What one actor of this host says to another: it stands in the outbox already, so nothing of it is doubted, and it is
//! taken in by the same rules as what comes from afar.

use std::{pin::Pin, sync::Arc};

use rosehip_core::{
    activity::Activity,
    event::{ActivityAppended, Event},
    federation::ActorUrl,
    ids::{ActorName, BoxName, DedupKey},
    log::Append,
    pipeline::receive::{Arrival, Received, Refusal, receive},
};

use super::{Inbox, Refused, TRIES, TakenIn};
use crate::{
    clock::SystemClock,
    federation::{ArrivalError, Arrivals},
    writer::AppendError,
};

impl Arrivals for Inbox {
    fn arrive<'a>(
        &'a self,
        activity: &'a Arc<Activity>,
        recipients: &'a [ActorName],
    ) -> Pin<Box<dyn Future<Output = Result<(), ArrivalError>> + Send + 'a>> {
        Box::pin(async move {
            for owner in recipients {
                match self.take_in_from_here(activity, owner).await {
                    Ok(_) => {}
                    Err(error @ (Refused::Append(_) | Refused::Store(_) | Refused::View(_))) => {
                        return Err(error.into());
                    }
                    // The neighbour does not want it, and trying again would not change that.
                    Err(error) => tracing::info!(%activity.id, %owner, %error, "a neighbour did not take an activity"),
                }
            }
            Ok(())
        })
    }
}

impl Inbox {
    /// Brings an activity of an outbox of this host into the inbox of another of its actors.
    pub async fn take_in_from_here(&self, activity: &Arc<Activity>, owner: &ActorName) -> Result<TakenIn, Refused> {
        let url = activity.actor().unwrap_or_default();
        let sender: ActorUrl =
            url.parse().map_err(|error| Refusal::Malformed { member: "actor", message: format!("{error}") })?;
        let arrival = Arrival::check(&sender, activity.document.clone())?;
        let seen = DedupKey::seen(owner, BoxName::Inbox, &activity.id);
        let _turn = self.turn_of(owner, &arrival).lock().await;
        let mut known_before = None;
        for _ in 0..TRIES {
            let now = SystemClock::now();
            let facts = self.facts(&arrival, owner).await?;
            // Whoever is of this host has told its followers here all along: nothing is to be read from its outbox.
            let Received { mut events, .. } = receive(&arrival, &facts.known(&self.parts, owner, now))?;
            let Some(Event::ActivityAppended(arrived)) = events.first_mut() else { return Ok(TakenIn::Dropped) };
            *arrived = ActivityAppended { activity: Arc::new(as_told(&arrived.activity, activity)) };
            let drafts = events.into_iter().map(|event| event.draft(now)).collect();
            match self.parts.writer.append(Append::unconditional(drafts)).await {
                Ok(_) => {
                    return Ok(TakenIn::Recorded);
                }
                // It was there already; or what was recorded with it before has been erased, and stays so.
                Err(AppendError::Duplicate { key, .. }) if key == seen || known_before == Some(key) => {
                    return Ok(TakenIn::Dropped);
                }
                Err(AppendError::Duplicate { key, seq }) => {
                    known_before = Some(key);
                    self.parts.position.reached(seq).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppendError::QueueFull.into())
    }
}

/// The arrival with what this host knows of the activity that others are not told.
fn as_told(arrived: &Activity, activity: &Activity) -> Activity {
    Activity {
        cid: activity.cid.clone(),
        object_type: match arrived.object_type.as_str() {
            "Link" => activity.object_type.clone(),
            _ => arrived.object_type.clone(),
        },
        object: arrived.object.clone().or_else(|| activity.object.clone()),
        revision: activity.revision,
        cause: activity.cause.clone(),
        caused_by: None,
        blind: Vec::new(),
        depth: activity.depth,
        root: activity.root.clone(),
        document: activity.document.clone(),
        ..arrived.clone()
    }
}
