//! `webhook`: a signed POST of JSON, by Standard Webhooks 1.0.
//!
//! A receiver tells a message by `webhook-id`, which is the effect's id at every attempt, and trusts it by
//! `webhook-signature`. A 2xx means that it has it; nothing else of the answer is read then.

mod secret;
mod verdict;

use std::{pin::Pin, sync::Arc, time::SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use rosehip_core::{
    ids::MessageId,
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
    time::Timestamp,
    trace::TraceContext,
};
use serde_json::{Value, json};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use url::Url;

pub use self::secret::{InvalidSecret, WebhookSecret, WebhookSecrets};
use super::{ends::together, message_id, text};
use crate::{clock::SystemClock, outgoing, outgoing::traceparent};

/// Carries out `webhook`.
#[derive(Debug)]
pub struct WebhookSink(Arc<Webhooks>);

impl WebhookSink {
    /// A sink that delivers through these.
    pub fn new(webhooks: Arc<Webhooks>) -> Self {
        Self(webhooks)
    }

    async fn send_one(&self, outgoing: &Outgoing) -> AttemptEnd {
        let Some(url) = text(outgoing, "url") else {
            return AttemptEnd::Refused("url: the payload has none".to_owned());
        };
        let url = match outgoing::web_url(url) {
            Ok(url) => url,
            Err(reason) => return AttemptEnd::Refused(format!("url: {reason}")),
        };
        let id = message_id(std::slice::from_ref(outgoing));
        self.0.deliver(url, id, &body(outgoing, SystemClock::now()), outgoing.trace).await
    }
}

impl Sink for WebhookSink {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    /// Each effect is a message of its own, also within a batch: its receiver knows it by its id.
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>> {
        Box::pin(async move {
            let mut ends = Vec::with_capacity(batch.len());
            for outgoing in batch {
                ends.push(self.send_one(outgoing).await);
            }
            together(ends)
        })
    }
}

/// What is posted: `body` as it stands, or else the document of Standard Webhooks.
fn body(outgoing: &Outgoing, now: Timestamp) -> Value {
    let payload = &outgoing.effect.payload;
    if let Some(body) = payload.get("body") {
        return body.clone();
    }
    let kind =
        text(outgoing, "type").map_or_else(|| format!("{}.{}", outgoing.behavior, outgoing.effect.node), str::to_owned);
    event(&kind, now, payload.get("data").cloned().unwrap_or_else(|| json!({})))
}

/// An event as Standard Webhooks writes it. `now` is when this attempt was made.
pub(super) fn event(kind: &str, now: Timestamp, data: Value) -> Value {
    json!({ "type": kind, "timestamp": now.to_string(), "data": data })
}

/// Signs and posts.
#[derive(Debug)]
pub struct Webhooks {
    client: Arc<outgoing::Client>,
    secrets: WebhookSecrets,
}

impl Webhooks {
    /// Posts through `client`, signed with `secrets`.
    pub fn new(client: Arc<outgoing::Client>, secrets: WebhookSecrets) -> Self {
        Self { client, secrets }
    }

    /// Posts `body` under `id`, as what follows from `trace`. The signature is that of the host the message is meant for,
    /// also where it redirects.
    pub(super) async fn deliver(
        &self,
        url: Url,
        id: MessageId,
        body: &Value,
        trace: Option<TraceContext>,
    ) -> AttemptEnd {
        let body = body.to_string();
        let seconds = SystemClock::now().as_millis().div_euclid(1_000);
        let mut headers = self.headers(&url, &id.to_string(), seconds, &body);
        headers.extend(traceparent(trace));
        match self.client.post(url, headers, body.into_bytes()).await {
            Ok(answer) => verdict::of(answer, SystemTime::now()).await,
            Err(outgoing::NoAnswer::Refused(message)) => AttemptEnd::Refused(message),
            Err(outgoing::NoAnswer::Unreachable(message)) => AttemptEnd::Unreachable(message),
        }
    }

    fn headers(&self, url: &Url, id: &str, seconds: i64, body: &str) -> HeaderMap {
        let signature = self.secrets.sign(url, id, seconds, body);
        let value = |text: &str| HeaderValue::from_str(text).expect("ids, numbers and base64 are visible ASCII");
        HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("idempotency-key"), value(id)),
            (HeaderName::from_static(HEADER_WEBHOOK_ID), value(id)),
            (HeaderName::from_static(HEADER_WEBHOOK_TIMESTAMP), value(&seconds.to_string())),
            (HeaderName::from_static(HEADER_WEBHOOK_SIGNATURE), value(&signature)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::sample;

    #[test]
    fn the_body_is_that_of_the_payload_or_of_the_standard() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let body = |payload| body(&sample::outgoing("webhook", payload), now);
        assert_eq!(body(json!({"url": "https://a.example/", "body": [1]})), json!([1]));
        assert_eq!(
            body(json!({"url": "https://a.example/", "type": "post.published", "data": {"a": 1}})),
            json!({"type": "post.published", "timestamp": "2023-11-14T22:13:20.000Z", "data": {"a": 1}})
        );
        assert_eq!(
            body(json!({"url": "https://a.example/"})),
            json!({"type": "publish.tell", "timestamp": "2023-11-14T22:13:20.000Z", "data": {}})
        );
    }

    /// The example of the specification's own library.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret: WebhookSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".parse().expect("a secret");
        let webhooks = Webhooks::new(
            Arc::new(outgoing::Client::new(outgoing::OutgoingOptions::default())),
            WebhookSecrets::new(secret, Vec::new()),
        );
        let url = Url::parse("https://a.example/").expect("a URL");
        let body = r#"{"email":"test@example.com","username":"test_user"}"#;
        let headers = webhooks.headers(&url, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(headers["webhook-signature"], "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        assert_eq!(
            (&headers["webhook-timestamp"], &headers["idempotency-key"]),
            (&"1649367553".parse().expect("ASCII"), &headers["webhook-id"])
        );
    }
}
