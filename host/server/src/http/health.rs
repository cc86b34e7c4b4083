//! For whoever watches the host: alive, ready, and its numbers.

use axum::{
    Json,
    extract::State,
    http::{
        StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::formatting::{sanitize_label_value, write_help_line, write_type_line};
use serde_json::json;

use super::{App, fault::Fault, input};
use crate::{
    host::{Gauge, Health},
    meters::{self, METERS},
};

/// `GET /livez`
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`; with `?verbose` as JSON, each part and how it is.
pub(super) async fn ready(State(app): State<App>, uri: Uri) -> Result<Response, Fault> {
    let is_verbose = input::fields(uri.query().unwrap_or_default().as_bytes()).contains_key("verbose");
    if !is_verbose {
        let ready = app.host.readiness().map_err(|reason| Fault::later("not-ready", reason, 1));
        return ready.map(|()| "ok\n".into_response());
    }
    let parts = app.host.parts();
    let is_ready = parts.iter().all(|part| part.state != Health::Failed);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, [(CACHE_CONTROL, "no-store")], Json(json!({"ready": is_ready, "parts": parts}))).into_response())
}

/// `GET /metrics`, in the Prometheus text format.
pub(super) async fn metrics(State(app): State<App>) -> Result<Response, Fault> {
    let mut text = String::new();
    let mut named = "";
    for Gauge { name, labels, value } in app.host.gauges()? {
        if name != named {
            let help = METERS.iter().find(|meter| meter.name == name).map_or("", |meter| meter.help);
            write_help_line(&mut text, name, None, None, help);
            write_type_line(&mut text, name, None, None, "gauge");
            named = name;
        }
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", sanitize_label_value(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        text.extend([name, &labels, " ", &value.to_string(), "\n"]);
    }
    text.push_str(&meters::counted());
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
