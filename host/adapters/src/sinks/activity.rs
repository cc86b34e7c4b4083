//! `activity`: appends an activity to the outbox of the flow's owner, where it fires behaviors like any other, and to the
//! boxes that its transport reaches.

use std::sync::Arc;

use rosehip_core::{
    activity::{Activity, Cause},
    event::append_of,
    ports::{Change, LocalSink, Outgoing, StoreError, Transport},
    time::Timestamp,
};
use serde_json::json;

/// Carries out `activity`.
pub struct ActivitySink {
    base_url: String,
    transport: Box<dyn Transport>,
}

impl ActivitySink {
    /// For the host whose ids begin with `base_url`, without a slash at its end.
    pub fn new(base_url: String, transport: Box<dyn Transport>) -> Self {
        Self { base_url, transport }
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
        let cause = Cause { flow: outgoing.flow, effect: outgoing.effect.id };
        let origin = (cause, outgoing.depth + 1, outgoing.root.clone());
        let composed = Activity::of_effect(&self.base_url, &outgoing.owner, asked, now, origin);
        let (activity, recipients) = match composed {
            Ok(composed) => composed,
            Err(message) => return Ok(Change::Refused(format!("activity: {message}"))),
        };
        let receipt = json!({
            "activity": activity.id, "cid": activity.cid,
            "delivered": recipients.iter().filter(|recipient| self.transport.reaches(recipient)).collect::<Vec<_>>(),
        });
        let events = self.transport.carry(&Arc::new(activity), &recipients)?;
        Ok(Change::Append(append_of(now, events), receipt))
    }
}
