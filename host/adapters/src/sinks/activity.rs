//! `activity`: appends an activity to the outbox of the flow's owner, where it fires behaviors like any other, and to the
//! boxes that its transport reaches.

use std::sync::Arc;

use rosehip_core::{
    activity::{Activity, Asked, Cause, Origin, actor_url},
    event::{Event, append_of},
    ids::BoxName,
    ports::{Change, LocalSink, Outgoing, Signatures, StoreError, Transport},
    time::Timestamp,
};
use serde_json::json;

/// Carries out `activity`.
pub struct ActivitySink {
    base_url: String,
    transport: Box<dyn Transport>,
    signatures: Arc<dyn Signatures>,
}

impl ActivitySink {
    /// For the host whose ids begin with `base_url`, without a slash at its end.
    pub fn new(base_url: String, transport: Box<dyn Transport>, signatures: Arc<dyn Signatures>) -> Self {
        Self { base_url, transport, signatures }
    }

    /// The actor whose inbox an entry brings the activity into.
    fn inbox(&self, event: &Event) -> Option<String> {
        let Event::ActivityAppended(appended) = event else { return None };
        let is_inbox = appended.activity.r#box == BoxName::Inbox;
        is_inbox.then(|| actor_url(&self.base_url, &appended.activity.owner))
    }
}

impl LocalSink for ActivitySink {
    fn kind(&self) -> &'static str {
        "activity"
    }

    fn decide(&self, outgoing: &Outgoing, now: Timestamp) -> Result<Change, StoreError> {
        let Some(asked) = outgoing.effect.payload.get("activity").and_then(|activity| activity.as_object()) else {
            return Ok(Change::Refused("activity: payload needs activity".to_owned()));
        };
        let origin = Origin {
            cause: Cause { flow: outgoing.flow, effect: outgoing.effect.id },
            activity: outgoing.activity.clone(),
            depth: outgoing.depth + 1,
            root: outgoing.root.clone(),
        };
        let asked = Asked { base_url: &self.base_url, owner: &outgoing.owner, document: asked, now };
        let activity = match asked.of_effect(origin, &*self.signatures) {
            Ok(activity) => Activity { trace: outgoing.trace, ..activity },
            Err(invalid) => return Ok(Change::Refused(format!("activity: {invalid}"))),
        };
        let recipients: Vec<String> = activity.audience().recipients.into_iter().collect();
        let (id, cid) = (activity.id.clone(), activity.cid.clone());
        let events = self.transport.carry(&Arc::new(activity), &recipients)?;
        let delivered: Vec<String> = events.iter().filter_map(|event| self.inbox(event)).collect();
        let receipt = json!({ "activity": id, "cid": cid, "delivered": delivered });
        Ok(Change::Append(append_of(now, events), receipt))
    }
}
