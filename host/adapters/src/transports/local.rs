//! The local transport: from an actor of this host to its outbox, and to the inboxes of other actors of this host.

use std::{collections::HashSet, sync::Arc};

use rosehip_core::{
    activity::{Activity, actor_url},
    event::{ActivityAppended, Event, actor_stream},
    ids::{ActorName, BoxName},
    ports::{LogReader as _, StoreError, Transport},
};

use crate::{
    pool::Pool,
    store::{SchemaError, SqliteReader},
};

/// Carries activities among the actors of one host.
pub struct LocalTransport {
    base_url: String,
    log: Arc<Pool<SqliteReader, SchemaError>>,
}

impl LocalTransport {
    /// For the host whose ids begin with `base_url`, without a slash at its end.
    pub fn new(base_url: String, log: Arc<Pool<SqliteReader, SchemaError>>) -> Self {
        Self { base_url, log }
    }

    /// The actor of this host that a URL names.
    fn actor(&self, recipient: &str) -> Option<ActorName> {
        let name: ActorName = recipient.strip_prefix(&self.base_url)?.strip_prefix("/actors/")?.parse().ok()?;
        (actor_url(&self.base_url, &name) == recipient).then_some(name)
    }
}

impl Transport for LocalTransport {
    fn name(&self) -> &'static str {
        "local"
    }

    fn reaches(&self, recipient: &str) -> bool {
        self.actor(recipient).is_some()
    }

    fn carry(&self, activity: &Arc<Activity>, recipients: &[String]) -> Result<Vec<Event>, StoreError> {
        let mut events = vec![ActivityAppended { activity: Arc::clone(activity) }.into()];
        // Whoever acts has it in the outbox already.
        let mut reached = HashSet::from([activity.owner.clone()]);
        // What asks for an answer, or is one, has to be held against what stands between the two: it arrives like what comes
        // from elsewhere.
        if matches!(activity.kind.as_str(), "Follow" | "Accept" | "Reject" | "Undo" | "Block") {
            return Ok(events);
        }
        for recipient in recipients.iter().filter_map(|recipient| self.actor(recipient)) {
            if !reached.insert(recipient.clone()) {
                continue;
            }
            let exists = self.log.with::<_, StoreError>(|log| log.stream_head(&actor_stream(&recipient)))?.is_some();
            if exists {
                let arrived = Activity {
                    owner: recipient,
                    r#box: BoxName::Inbox,
                    blind: Vec::new(),
                    ..Activity::clone(activity)
                };
                events.push(ActivityAppended { activity: Arc::new(arrived) }.into());
            }
        }
        Ok(events)
    }
}
