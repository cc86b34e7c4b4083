//! What `/metrics` tells: every metric with its help, and the recorder that counts.
//!
//! Gauges are read when they are asked for (`host/vitals.rs`). Counters and histograms begin at zero with the process; the
//! adapters and the routes count them by the names that stand here. No label holds an id.

use std::sync::OnceLock;

use metrics::{SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// A number that goes up, from zero at the host's start.
    Counter,
    /// Durations in seconds, counted by how long they are, from the host's start.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it is told apart by, for the page that lists it.
    #[cfg_attr(not(test), expect(dead_code, reason = "whoever counts names them; the page is held against this"))]
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Meter {
    Meter { name, kind: Kind::Gauge, labels, help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Meter {
    Meter { name, kind: Kind::Counter, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Meter {
    Meter { name, kind: Kind::Histogram, labels, help }
}

/// Every metric, by what it is about.
pub const METERS: &[Meter] = &[
    gauge("rosehip_build_info", &["version"], "Always 1; the label says which release runs."),
    gauge("rosehip_log_entries", &[], "Entries of the log."),
    gauge("rosehip_log_bytes", &[], "Size of the log's files, in bytes."),
    gauge("rosehip_disk_free_bytes", &[], "Room that is left for the data directory, in bytes."),
    gauge("rosehip_views_position", &[], "Entry up to which the views hold the log."),
    gauge("rosehip_writer_queue", &[], "Appends that wait for the log's writer."),
    histogram("rosehip_commit_seconds", &[], "Time that a commit of the log took, fsync included."),
    counter("rosehip_commit_entries_total", &[], "Entries that were committed."),
    counter("rosehip_activities_total", &["box"], "Activities that were recorded, by box."),
    gauge("rosehip_activities_unmatched", &[], "Activities that are not matched yet."),
    gauge("rosehip_engine_jobs", &[], "Jobs of the engine that are queued or at work."),
    gauge("rosehip_engine_timers", &[], "Timers that are set."),
    gauge("rosehip_flows", &["status"], "Flows by their status now."),
    counter(
        "rosehip_flows_total",
        &["event"],
        "What happened to flows: started, suspended, resumed, completed, failed, cancelled, retried.",
    ),
    counter(
        "rosehip_effects_total",
        &["kind", "status"],
        "Effects by kind and by each status that they came to; one effect comes to several.",
    ),
    gauge("rosehip_effects_stuck", &["kind", "status"], "Effects that need somebody: dead, or without a sink."),
    gauge("rosehip_dispatch_queue", &[], "Effects that wait for their destination or are under way to it."),
    counter(
        "rosehip_retries_total",
        &["of"],
        "What failed and is tried again: node (a guest asked for it) or effect (its destination refused or was silent).",
    ),
    histogram("rosehip_guest_call_seconds", &["outcome"], "Time that a guest call took: done or failed."),
    counter(
        "rosehip_guest_failures_total",
        &["by", "rule"],
        "Guest calls that failed: by the guest itself, a trap or limit that it met, or the host.",
    ),
    gauge("rosehip_deliveries", &["status"], "Deliveries to other hosts by their status now."),
    counter("rosehip_delivery_attempts_total", &["end"], "Attempts to deliver: delivered, failed or dead."),
    gauge("rosehip_deliveries_queued", &[], "Deliveries that wait or are under way."),
    gauge("rosehip_deliveries_retrying", &[], "Those of them that failed at least once."),
    gauge("rosehip_peers_unreachable", &[], "Other hosts that give no answer."),
    counter(
        "rosehip_http_requests_total",
        &["method", "route", "status"],
        "Requests by the route's template; what no route took has `none`.",
    ),
    histogram("rosehip_http_request_seconds", &["route"], "Time until the head of an answer."),
];

/// Bounds of the histograms' buckets, in seconds: a commit takes a tenth of a millisecond, a request at most a minute.
const BUCKETS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count, in a process that serves. Whatever counts looks its counters up after this.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS);
        let recorder = builder.expect("there are buckets").build_recorder();
        let handle = recorder.handle();
        // Another recorder would be a second one of this process: there is none.
        metrics::set_global_recorder(recorder).ok()?;
        for meter in METERS {
            let (name, help) = (SharedString::const_str(meter.name), SharedString::const_str(meter.help));
            match meter.kind {
                Kind::Gauge => {}
                Kind::Counter => metrics::with_recorder(|to| to.describe_counter(name.into(), None, help)),
                Kind::Histogram => {
                    metrics::with_recorder(|to| to.describe_histogram(name.into(), Some(Unit::Seconds), help));
                }
            }
        }
        Some(handle)
    });
}

/// Counters and histograms in the Prometheus text format; nothing in a process that does not serve.
pub fn counted() -> String {
    RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

/// Puts what was measured into the histograms' buckets. It is done whenever they are read, too; where nobody does, what
/// was measured would take more and more room.
pub fn tidy() {
    if let Some(recorder) = RECORDER.get().and_then(Option::as_ref) {
        recorder.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page that operators read.
    const PAGE: &str = include_str!("../../../docs/operators/metrics.md");

    fn kind_of(meter: &Meter) -> &'static str {
        match meter.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        }
    }

    fn row(meter: &Meter) -> String {
        let labels = meter.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let labels = if labels.is_empty() { "–".to_owned() } else { labels };
        format!("| `{}` | {} | {labels} | {} |", meter.name, kind_of(meter), meter.help)
    }

    #[test]
    fn the_page_lists_every_metric_and_no_other() {
        // What to be woken by stands in another table, which has no kinds.
        let is_row =
            |line: &&str| ["gauge", "counter", "histogram"].iter().any(|kind| line.contains(&format!("` | {kind} |")));
        let listed: Vec<&str> = PAGE.lines().filter(is_row).collect();
        let rows: Vec<String> = METERS.iter().map(row).collect();
        assert_eq!(listed, rows, "docs/operators/metrics.md should hold:\n{}", rows.join("\n"));
    }

    #[test]
    fn names_say_their_unit_and_no_label_is_an_id() {
        for meter in METERS {
            assert!(meter.name.starts_with("rosehip_"), "{}", meter.name);
            assert_eq!(meter.kind == Kind::Counter, meter.name.ends_with("_total"), "{}", meter.name);
            assert_eq!(meter.kind == Kind::Histogram, meter.name.ends_with("_seconds"), "{}", meter.name);
            for label in meter.labels {
                assert!(!matches!(*label, "id" | "flow" | "effect" | "activity" | "object" | "user"), "{label}");
            }
        }
    }
}
