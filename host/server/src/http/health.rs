//! For whoever watches the host: alive, ready, and its numbers.

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use super::{App, fault::Fault};

/// `GET /livez`
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str, Fault> {
    app.host.readiness().map(|()| "ok\n").map_err(|reason| Fault::later("not-ready", reason, 1))
}

/// `GET /metrics`, in the Prometheus text format.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let mut text = String::new();
    for (name, help, value) in app.host.gauges() {
        write_help_line(&mut text, name, None, None, help);
        write_type_line(&mut text, name, None, None, "gauge");
        text.extend([name, " ", &value.to_string(), "\n"]);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
