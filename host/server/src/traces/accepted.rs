//! The trace that a request is part of, as long as it is answered. It is at hand where something is written, however many
//! hands lie between.

use std::future::Future;

use axum::http::HeaderMap;
use rosehip_core::trace::{TRACEPARENT, TraceContext};

tokio::task_local! {
    static ACCEPTED: TraceContext;
}

/// The trace that a request's headers name (W3C Trace Context §3.2); none where they name none, or name it badly.
pub fn of_headers(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    TraceContext::from_header(value.to_str().ok()?.trim())
}

/// Answers a request as part of a trace.
pub async fn within<F: Future>(context: Option<TraceContext>, answer: F) -> F::Output {
    match context {
        Some(context) => ACCEPTED.scope(context, answer).await,
        None => answer.await,
    }
}

/// The trace of the request that is being answered by this task.
pub fn current() -> Option<TraceContext> {
    ACCEPTED.try_with(|context| *context).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_request_names_one_trace_or_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_headers(&headers), None);
        headers.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        assert_eq!(of_headers(&headers).map(|context| context.to_string()).as_deref(), Some(PARENT));
        headers.append(TRACEPARENT, HeaderValue::from_static(PARENT));
        assert_eq!(of_headers(&headers), None, "two of them are malformed");
        headers.insert(TRACEPARENT, HeaderValue::from_static("nonsense"));
        assert_eq!(of_headers(&headers), None);
    }

    #[tokio::test]
    async fn what_is_done_for_a_request_is_part_of_its_trace() {
        let context = TraceContext::from_header(PARENT);
        assert_eq!(within(context, async { current() }).await, context);
        assert_eq!(within(None, async { current() }).await, None);
    }
}
