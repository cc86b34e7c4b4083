//! One request: an activity to an inbox, signed for this attempt.

use std::{sync::Arc, time::SystemTime};

use reqwest::header::{CONNECTION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use rosehip_core::{
    activity::Activity,
    event::{Destination, Event, Record},
    ids::ActorName,
    pipeline::deliver::DeliveryEnd,
    ports::LogReader as _,
    signing::{
        Message, Signer,
        content_digest::{self, CONTENT_DIGEST},
        signature,
    },
    time::Timestamp,
    trace::SpanId,
};
use url::Url;

use super::{DeliveryError, NoActor, Shared};
use crate::{
    clock::SystemClock,
    outgoing::{self, Answer, NoAnswer, traceparent},
    views::DeliveryRow,
};

const ACTIVITY: &str = "application/activity+json";

impl Shared {
    /// Makes an attempt. Whatever goes wrong on this host's side alone is an error and no end.
    pub(super) async fn send(&self, row: &DeliveryRow, keeps_connection: bool) -> Result<DeliveryEnd, DeliveryError> {
        let blocked = || self.board.is_blocked(&row.state.peer).then(|| DeliveryEnd::refused("its host is blocked"));
        if let Some(end) = blocked() {
            return Ok(end);
        }
        let Some(activity) = self.activity(row.activity)? else { return Ok(DeliveryEnd::refused("it was erased")) };
        let Some(signer) = self.parts.keyring.signer(&row.owner) else { return Ok(keyless(&row.owner)) };
        let inbox = match &row.to {
            Destination::Inbox(inbox) => inbox.clone(),
            Destination::Actor(url) => match self.inbox_of(url).await {
                Ok(inbox) => inbox,
                Err(end) => return Ok(end),
            },
        };
        let url = match outgoing::web_url(&inbox) {
            Ok(url) => url,
            Err(reason) => return Ok(DeliveryEnd::refused(format!("its inbox is {reason}"))),
        };
        let body = serde_json::to_vec(&activity.document).expect("a JSON object can be written");
        let mut headers = match headers(&url, &body, &signer, SystemClock::now()) {
            Ok(headers) => headers,
            Err(reason) => return Ok(DeliveryEnd::refused(reason)),
        };
        // The inbox goes on with what the activity is part of. The header is not signed: proxies may write their own.
        headers.extend(traceparent(
            activity.trace.map(|trace| trace.below(SpanId::of_activity(&activity.owner, activity.r#box, &activity.id))),
        ));
        if !keeps_connection {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // Finding its inbox may have taken long.
        if let Some(end) = blocked() {
            return Ok(end);
        }
        Ok(match self.parts.client.post_signed(url, headers, body).await {
            Ok(answer) => judged(answer, SystemTime::now()).await,
            Err(NoAnswer::Refused(message)) => DeliveryEnd::refused(message),
            Err(NoAnswer::Unreachable(message)) => DeliveryEnd::Unreachable(message),
        })
    }

    /// The activity at entry `seq`, unless it was erased.
    pub(super) fn activity(&self, seq: u64) -> Result<Option<Arc<Activity>>, DeliveryError> {
        let entry = self.parts.log.with::<_, DeliveryError>(|log| Ok(log.read(seq, 1)?.into_iter().next()))?;
        let entry = entry.filter(|entry| entry.header.seq == seq);
        let event = entry.as_ref().map(Record::read).transpose()?.and_then(|record| record.event);
        Ok(match event.as_deref() {
            Some(Event::ActivityAppended(appended)) => Some(Arc::clone(&appended.activity)),
            Some(_) | None => None,
        })
    }

    async fn inbox_of(&self, url: &str) -> Result<String, DeliveryEnd> {
        let url = url.parse().map_err(|error| DeliveryEnd::refused(format!("{error}")))?;
        match self.parts.actors.actor(&url).await {
            Ok(actor) => Ok(actor.inbox.clone()),
            Err(NoActor::Refused(message)) => Err(DeliveryEnd::refused(message)),
            Err(NoActor::Rejected(message)) => Err(DeliveryEnd::Rejected { message, retry_after_ms: None }),
            Err(NoActor::Unreachable(message)) => Err(DeliveryEnd::Unreachable(message)),
        }
    }
}

/// An operator may give the actor a key again.
fn keyless(owner: &ActorName) -> DeliveryEnd {
    DeliveryEnd::Rejected { message: format!("{owner} has no key to sign with"), retry_after_ms: None }
}

/// The headers of a request, signed at `now` (RFC 9421) over the method, the URL, the digest of the body and its type.
fn headers(url: &Url, body: &[u8], signer: &Signer, now: Timestamp) -> Result<HeaderMap, String> {
    let digest = content_digest::of(body);
    let signed = [(CONTENT_DIGEST, digest.as_str()), ("content-type", ACTIVITY)];
    let message = Message { method: "POST", target_uri: url.as_str(), headers: &signed, body };
    let signature = signature::sign(&message, signer, now).map_err(|error| error.to_string())?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    Ok(HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(ACTIVITY)),
        (DATE, value(&httpdate::fmt_http_date(SystemTime::now()))?),
        (HeaderName::from_static(CONTENT_DIGEST), value(&digest)?),
        (HeaderName::from_static("signature-input"), value(&signature.signature_input)?),
        (HeaderName::from_static("signature"), value(&signature.signature)?),
    ]))
}

/// What an answer means, in the words that are shown.
async fn judged(answer: Answer, now: SystemTime) -> DeliveryEnd {
    let (status, host) = (answer.status(), answer.host());
    if status.is_success() {
        return DeliveryEnd::answered(status.as_u16(), String::new(), None);
    }
    let retry_after_ms = answer.retry_after_ms(now);
    let mut message = format!("{host} answered {status}");
    if status.is_redirection() {
        message.push_str(", a redirect that is not followed");
    }
    let excerpt = answer.excerpt(&[]).await;
    if !excerpt.is_empty() {
        message.push_str(": ");
        message.push_str(&excerpt);
    }
    DeliveryEnd::answered(status.as_u16(), message, retry_after_ms)
}
