//! Telling a receiver which trace a request is part of (W3C Trace Context).

use reqwest::header::{HeaderName, HeaderValue};
use rosehip_core::trace::{TRACEPARENT, TraceContext};

/// The header; none outside a trace.
pub fn traceparent(trace: Option<TraceContext>) -> Option<(HeaderName, HeaderValue)> {
    let text = trace.filter(|trace| trace.parent.is_some())?.to_string();
    let value = HeaderValue::from_str(&text).expect("hex and hyphens are visible ASCII");
    Some((HeaderName::from_static(TRACEPARENT), value))
}
