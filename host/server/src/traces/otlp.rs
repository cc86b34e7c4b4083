//! Spans as OTLP over HTTP, in its JSON form (OTLP 1.x, "JSON Protobuf Encoding": ids in hex, 64-bit numbers as text). It is
//! written out here, because the crates that do it bring a compiler of protobuf into every build. The collector is the
//! operator's, so that the rules for hosts that guests name are not its own.

mod environment;

use std::time::Duration;

use reqwest::{Client, Url, header::HeaderMap};
use rosehip_core::{
    time::Timestamp,
    trace::{Attribute, Span},
};
use serde::Serialize;

use self::environment::Environment;

/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {message}")]
pub struct CollectorError {
    variable: &'static str,
    message: String,
}

/// Whether traces are exported, to this endpoint or to one that the environment names.
pub fn is_configured(endpoint: Option<&str>) -> bool {
    let environment = Environment::of_process();
    !environment.is_disabled && (endpoint.is_some() || environment.endpoint.is_some())
}

/// Where spans go.
#[derive(Debug)]
pub struct Collector {
    client: Client,
    url: Url,
    headers: HeaderMap,
    resource: Vec<(String, Attribute)>,
}

impl Collector {
    /// The collector at an endpoint such as `http://127.0.0.1:4318`, or that of the environment; none where neither names
    /// one. The host that sends is told apart from others by its origin.
    pub fn of(endpoint: Option<&str>, base_url: &str) -> Result<Option<Self>, CollectorError> {
        let environment = Environment::of_process();
        if !is_configured(endpoint) {
            return Ok(None);
        }
        let configured =
            endpoint.map(|endpoint| environment::below("telemetry.otlp_endpoint", endpoint)).transpose()?;
        let Some(url) = configured.map_or_else(|| environment.url(), |url| Ok(Some(url)))? else { return Ok(None) };
        let client = Client::builder().timeout(TIMEOUT).build();
        let client = client.map_err(|error| CollectorError {
            variable: "telemetry.otlp_endpoint",
            message: format!("there is no client for it: {error}"),
        })?;
        let own = [("service.version", env!("CARGO_PKG_VERSION")), ("service.instance.id", base_url)];
        let own = own.map(|(name, value)| (name.to_owned(), Attribute::Text(value.to_owned())));
        let resource = environment.resource().chain(own).collect();
        Ok(Some(Self { client, url, headers: environment.headers()?, resource }))
    }

    /// Sends spans.
    pub(super) async fn export(&self, spans: impl Iterator<Item = Span>) -> Result<(), String> {
        let spans: Vec<Span> = spans.collect();
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).json(&self.request(&spans));
        let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }

    fn request<'a>(&'a self, spans: &'a [Span]) -> ExportRequest<'a> {
        let attributes = self.resource.iter().map(|(name, value)| KeyValue::of(name, value)).collect();
        ExportRequest {
            resource_spans: [ResourceSpans {
                resource: Resource { attributes },
                scope_spans: [ScopeSpans {
                    scope: Scope { name: "rosehip", version: env!("CARGO_PKG_VERSION") },
                    spans: spans.iter().map(SpanJson::of).collect(),
                }],
            }],
        }
    }
}

/// `ExportTraceServiceRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExportRequest<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Resource<'a> {
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Debug, Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<SpanJson<'a>>,
}

#[derive(Debug, Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue<'a>>,
    status: Status<'a>,
}

/// Nothing is said where nothing went wrong.
#[derive(Debug, Default, Serialize)]
struct Status<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum AnyValue<'a> {
    StringValue(&'a str),
    IntValue(String),
}

impl<'a> SpanJson<'a> {
    fn of(span: &'a Span) -> Self {
        Self {
            trace_id: span.trace.to_string(),
            span_id: span.id.to_string(),
            parent_span_id: span.parent.map(|parent| parent.to_string()),
            name: &span.name,
            kind: INTERNAL,
            start_time_unix_nano: nanoseconds(span.start),
            end_time_unix_nano: nanoseconds(span.end),
            attributes: span.attributes.iter().map(|(name, value)| KeyValue::of(name, value)).collect(),
            status: match span.error.as_deref() {
                Some(error) => Status { code: Some(ERROR), message: Some(error) },
                None => Status::default(),
            },
        }
    }
}

impl<'a> KeyValue<'a> {
    fn of(key: &'a str, value: &'a Attribute) -> Self {
        let value = match value {
            Attribute::Text(text) => AnyValue::StringValue(text),
            Attribute::Number(number) => AnyValue::IntValue(number.to_string()),
        };
        Self { key, value }
    }
}

fn nanoseconds(time: Timestamp) -> String {
    (i128::from(time.as_millis().max(0)) * 1_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use rosehip_core::trace::{SpanId, TraceId};

    use super::*;

    #[test]
    fn spans_are_written_as_the_protocol_has_them() {
        let span = Span {
            trace: TraceId([0x0a; 16]),
            id: SpanId([0xb7; 8]),
            parent: Some(SpanId([0x01; 8])),
            name: "call validate".to_owned(),
            start: Timestamp::from_millis(1_700_000_000_000),
            end: Timestamp::from_millis(1_700_000_000_007),
            error: Some("trap: unreachable".to_owned()),
            attributes: vec![
                ("rosehip.node", Attribute::Text("validate".to_owned())),
                ("rosehip.attempt", Attribute::Number(2)),
            ],
        };
        let written = serde_json::json!({
            "traceId": "0a".repeat(16),
            "spanId": "b7".repeat(8),
            "parentSpanId": "01".repeat(8),
            "name": "call validate",
            "kind": 1,
            "startTimeUnixNano": "1700000000000000000",
            "endTimeUnixNano": "1700000000007000000",
            "attributes": [
                {"key": "rosehip.node", "value": {"stringValue": "validate"}},
                {"key": "rosehip.attempt", "value": {"intValue": "2"}},
            ],
            "status": {"code": 2, "message": "trap: unreachable"},
        });
        assert_eq!(serde_json::to_value(SpanJson::of(&span)).expect("JSON"), written);
    }
}
