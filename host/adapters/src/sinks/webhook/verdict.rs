//! What an answer to a webhook means.

use std::time::SystemTime;

use reqwest::StatusCode;
use rosehip_core::pipeline::dispatch::AttemptEnd;
use serde_json::json;

use crate::outgoing::Answer;

/// The end of an attempt that was answered.
pub(super) async fn of(answer: Answer, now: SystemTime) -> AttemptEnd {
    let (status, host) = (answer.status(), answer.host());
    if status.is_success() {
        return AttemptEnd::Done(json!({ "status": status.as_u16(), "host": host }));
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
    if is_final(status) { AttemptEnd::Refused(message) } else { AttemptEnd::Rejected { message, retry_after_ms } }
}

/// Whether the same request would be answered the same for ever. What its receiver may mend, such as a secret that it
/// does not know yet (401, 403), is worth another attempt.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::GONE
            | StatusCode::LENGTH_REQUIRED
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::RANGE_NOT_SATISFIABLE
            | StatusCode::EXPECTATION_FAILED
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::UPGRADE_REQUIRED
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::HTTP_VERSION_NOT_SUPPORTED
    )
}
