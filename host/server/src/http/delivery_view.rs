//! Deliveries as JSON and as rows of a page: who has an activity, who has not, and why.

use rosehip_core::{
    ids::{ActivityId, ActorName, DeliveryId},
    state::DeliveryStatus,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::page::{Badge, Moment};
use crate::host::{DeliveryDetail, Spread};

/// Deliveries of one activity that are shown.
pub(super) const SHOWN: usize = 200;

/// A delivery as JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub(super) struct DeliveryJson<'a> {
    id: DeliveryId,
    peer: &'a str,
    to: &'a str,
    activity: Option<&'a ActivityId>,
    owner: &'a ActorName,
    status: &'static str,
    attempts: u32,
    next_retry_at: Option<Timestamp>,
    last_error: Option<&'a str>,
    answered: Option<u16>,
    recipients: u32,
    changed_at: Timestamp,
}

impl<'a> DeliveryJson<'a> {
    pub(super) fn of(detail: &'a DeliveryDetail) -> Self {
        let DeliveryDetail { row, activity } = detail;
        Self {
            id: row.state.delivery,
            peer: row.state.peer.as_str(),
            to: row.to.url(),
            activity: activity.as_ref(),
            owner: &row.owner,
            status: row.state.status.as_str(),
            attempts: row.state.attempts,
            next_retry_at: row.state.next_at,
            last_error: row.state.error.as_deref(),
            answered: row.state.answered,
            recipients: row.recipients,
            changed_at: row.changed_at,
        }
    }
}

/// Who has an activity as JSON: how many deliveries stand how, and the first of them.
pub(super) fn spread_json(spread: &Spread) -> Value {
    let counts = &spread.counts;
    json!({
        "queued": counts.queued,
        "retrying": counts.retrying,
        "delivered": counts.delivered,
        "dead": counts.dead,
        "addressed": !spread.is_unaddressed,
        "items": spread.deliveries.iter().map(DeliveryJson::of).collect::<Vec<_>>(),
        "more": spread.more,
    })
}

/// A delivery as a row.
pub(super) struct DeliveryView {
    pub(super) id: String,
    pub(super) peer: String,
    pub(super) to: String,
    /// The activity's token, for a link, and its first characters.
    pub(super) activity: Option<(String, String)>,
    pub(super) badge: Badge,
    pub(super) attempts: u32,
    pub(super) next: Option<Moment>,
    pub(super) error: Option<String>,
    pub(super) recipients: u32,
    pub(super) changed: Moment,
    pub(super) is_dead: bool,
}

impl DeliveryView {
    pub(super) fn of(detail: &DeliveryDetail) -> Self {
        let state = &detail.row.state;
        let link = |activity: &ActivityId| {
            let token = activity.token().to_owned();
            let short = token.chars().take(12).collect();
            (token, short)
        };
        Self {
            id: state.delivery.to_string(),
            peer: state.peer.to_string(),
            to: detail.row.to.url().to_owned(),
            activity: detail.activity.as_ref().map(link),
            badge: state.status.into(),
            attempts: state.attempts,
            next: state.next_at.map(Moment),
            error: state.error.clone(),
            recipients: detail.row.recipients,
            changed: Moment(detail.row.changed_at),
            is_dead: state.status == DeliveryStatus::Dead,
        }
    }
}

/// Deliveries of an activity on a page.
pub(super) struct SpreadView {
    pub(super) summary: String,
    pub(super) deliveries: Vec<DeliveryView>,
    pub(super) more: bool,
}

impl SpreadView {
    /// None where there is nothing to say.
    pub(super) fn of(spread: &Spread) -> Option<Self> {
        if spread.is_empty() {
            return None;
        }
        let counts = &spread.counts;
        let told = [
            (counts.delivered, "delivered"),
            (counts.queued, "waiting"),
            (counts.retrying, "being tried again"),
            (counts.dead, "given up"),
        ];
        let told: Vec<_> =
            told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let summary = match spread.is_unaddressed {
            true => "It is being found out whom it goes to.".to_owned(),
            false => format!("To other hosts: {}.", told.join(", ")),
        };
        Some(Self { summary, deliveries: spread.deliveries.iter().map(DeliveryView::of).collect(), more: spread.more })
    }
}
