//! One request: an activity to an inbox, signed for this attempt. A host that refuses the form of its signature is asked once
//! more in another form, and what it took is recorded with the delivery.

use std::{sync::Arc, time::SystemTime};

use reqwest::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use rosehip_core::{
    activity::Activity,
    event::{Destination, Event, Record},
    federation::media_type::ACTIVITY,
    ids::ActorName,
    pipeline::deliver::DeliveryEnd,
    ports::LogReader as _,
    signing::{Scheme, SignedBy, Unsigned, may_refuse_signature, sign_request, signature::asks_for_ed25519},
    trace::SpanId,
};
use url::Url;

use super::{DeliveryError, NoActor, Shared};
use crate::{
    clock::SystemClock,
    outgoing::{self, Answer, NoAnswer, traceparent},
    views::DeliveryRow,
};

impl Shared {
    /// Makes an attempt. Whatever goes wrong on this host's side alone is an error and no end.
    pub(super) async fn send(&self, row: &DeliveryRow, keeps_connection: bool) -> Result<DeliveryEnd, DeliveryError> {
        let blocked = || self.board.is_blocked(&row.state.peer).then(|| DeliveryEnd::refused("its host is blocked"));
        if let Some(end) = blocked() {
            return Ok(end);
        }
        let Some(activity) = self.activity(row.activity)? else { return Ok(DeliveryEnd::refused("it was erased")) };
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
        // The inbox goes on with what the activity is part of. The header is not signed: proxies may write their own.
        let mut unsigned: HeaderMap = HeaderMap::from_iter(traceparent(
            activity.trace.map(|trace| trace.below(SpanId::of_activity(&activity.owner, activity.r#box, &activity.id))),
        ));
        if !keeps_connection {
            unsigned.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let peer = &row.state.peer;
        let first = self.parts.schemes.of(peer, || self.parts.views.with(|views| views.scheme_of(peer)))?;
        let mut scheme = first;
        loop {
            let mut headers = match self.headers(&row.owner, scheme, &url, &body).await {
                Ok(headers) => headers,
                Err(end) => return Ok(end),
            };
            headers.extend(unsigned.clone());
            // Finding its inbox, or another answer, may have taken long.
            if let Some(end) = blocked() {
                return Ok(end);
            }
            let answer = match self.parts.client.post_signed(url.clone(), headers, body.clone()).await {
                Ok(answer) => answer,
                Err(NoAnswer::Refused(message)) => return Ok(DeliveryEnd::refused(message)),
                Err(NoAnswer::Unreachable(message)) => return Ok(DeliveryEnd::Unreachable(message)),
            };
            if may_refuse_signature(answer.status().as_u16()) {
                if scheme == first {
                    tracing::debug!(%peer, %scheme, status = %answer.status(), "another form of signature is tried");
                    scheme = first.other();
                    continue;
                }
                self.parts.schemes.refused(peer, scheme);
            }
            let taken = answer.status().is_success().then(|| wanted(&answer, scheme));
            let mut end = judged(answer, SystemTime::now()).await;
            if let (DeliveryEnd::Delivered { scheme, .. }, Some(taken)) = (&mut end, taken) {
                *scheme = self.parts.schemes.took(peer, taken).then_some(taken);
            }
            return Ok(end);
        }
    }

    /// The headers of a request, signed by an actor in this form.
    async fn headers(
        &self,
        owner: &ActorName,
        scheme: Scheme,
        url: &Url,
        body: &[u8],
    ) -> Result<HeaderMap, DeliveryEnd> {
        let now = SystemClock::now();
        let request = Unsigned { method: "POST", url: url.as_str(), content: Some((body, ACTIVITY)) };
        let fields = match scheme {
            Scheme::Ed25519 => {
                let signer = self.parts.keyring.signer(owner).ok_or_else(|| keyless(owner, ""))?;
                sign_request(&request, SignedBy::Ed25519(&signer), now)
            }
            Scheme::Rsa | Scheme::Cavage => {
                let signer = self.parts.transport.actor(owner).await;
                let signer = signer.map_err(|error| keyless(owner, &format!(": {error}")))?;
                let by = if scheme == Scheme::Rsa { SignedBy::Rsa(&signer) } else { SignedBy::Cavage(&signer) };
                sign_request(&request, by, now)
            }
        };
        let fields = fields.map_err(|error| DeliveryEnd::refused(error.to_string()))?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| DeliveryEnd::refused(error.to_string()));
        fields.iter().map(|(name, text)| Ok((HeaderName::from_static(name), value(text)?))).collect()
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
fn keyless(owner: &ActorName, why: &str) -> DeliveryEnd {
    DeliveryEnd::Rejected { message: format!("{owner} has no key to sign with{why}"), retry_after_ms: None }
}

/// How a host that took a request wants the next: as it asks, where it asks for ed25519 (RFC 9421 §5.1), else as it was.
fn wanted(answer: &Answer, scheme: Scheme) -> Scheme {
    match answer.header("accept-signature") {
        Some(asked) if asks_for_ed25519(asked) => Scheme::Ed25519,
        Some(_) | None => scheme,
    }
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
