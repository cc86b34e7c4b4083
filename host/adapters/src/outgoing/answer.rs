//! What came back of a request.

use std::time::{Duration, SystemTime};

use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use rosehip_core::limits;
use tokio::time::Instant;
use url::Url;

use super::{NoAnswer, target::host_of};

/// An answer whose head has arrived. Its body is read where someone asks for it, within the attempt's time.
#[derive(Debug)]
pub struct Answer {
    pub(super) response: reqwest::Response,
    pub(super) url: Url,
    pub(super) deadline: Instant,
}

/// Why an answer's body is not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBody {
    /// It is longer than it may be.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// What it may be at most, in bytes.
        limit: usize,
    },
    /// It broke off, or did not end in time.
    #[error(transparent)]
    Broken(NoAnswer),
}

impl Answer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Host and port of whoever answered, for messages.
    pub fn host(&self) -> String {
        host_of(&self.url)
    }

    /// A header field, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The `Content-Type`, where it is text.
    pub fn content_type(&self) -> Option<&str> {
        self.response.headers().get(CONTENT_TYPE)?.to_str().ok()
    }

    /// The whole body, of at most `limit` bytes. No more is read of a longer one.
    pub async fn body(mut self, limit: usize) -> Result<Vec<u8>, NoBody> {
        let broken = |what: &str| NoBody::Broken(NoAnswer::Unreachable(format!("{} {what}", host_of(&self.url))));
        let mut body = Vec::new();
        loop {
            match tokio::time::timeout_at(self.deadline, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) if chunk.len() > limit - body.len() => return Err(NoBody::TooLong { limit }),
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(_)) => return Err(broken("broke off its answer")),
                Err(_) => return Err(broken("did not end its answer in time")),
            }
        }
    }

    /// How long the destination asks to be left alone, in milliseconds (RFC 9110 §10.2.3): a number of seconds, or a
    /// date that is held against `now`. At most a day.
    pub fn retry_after_ms(&self, now: SystemTime) -> Option<u64> {
        retry_after_ms(self.response.headers().get(RETRY_AFTER)?.to_str().ok()?, now)
    }

    /// The body's beginning for people, without `secrets`. A body that never ends is cut, one that breaks off or takes
    /// too long counts as far as it came: the status has said what the answer means.
    pub async fn excerpt(mut self, secrets: &[&str]) -> String {
        let mut body = Vec::new();
        while body.len() < limits::OUTGOING_ANSWER_BYTES {
            match tokio::time::timeout_at(self.deadline, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let room = limits::OUTGOING_ANSWER_BYTES - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                Ok(Ok(None) | Err(_)) | Err(_) => break,
            }
        }
        // A server tells what was asked for; the path of a webhook is often all that protects it.
        let path = Some(self.url.path()).filter(|path| path.len() > 1);
        let secrets: Vec<&str> = secrets.iter().copied().chain(path).chain(self.url.query()).collect();
        excerpt(&String::from_utf8_lossy(&body), &secrets)
    }
}

/// Text of a stranger's in one short line that holds neither control characters nor `secrets`.
pub fn excerpt(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limits::OUTGOING_EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn retry_after_ms(text: &str, now: SystemTime) -> Option<u64> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(u64::try_from(asked.as_millis()).unwrap_or(u64::MAX).min(limits::OUTGOING_RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_a_day() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, ms) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            ("86401", Some(86_400_000)),
            ("99999999999999999999999999", Some(86_400_000)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(86_400_000)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60_000)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(retry_after_ms(text, now), ms, "{text:?}");
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line_without_secrets() {
        assert_eq!(excerpt("Cannot POST\r\n\t/hook/s3cret \u{1b}[31m", &["/hook/s3cret", ""]), "Cannot POST … [31m");
        assert_eq!(excerpt(&"ü".repeat(500), &[]).chars().count(), 201);
        assert_eq!(excerpt("", &[]), "");
    }
}
