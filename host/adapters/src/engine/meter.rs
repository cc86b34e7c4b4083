//! Guest calls in numbers, for whoever watches the host.

use std::time::Duration;

use metrics::Histogram;
use rosehip_core::guest::{GuestFailure, GuestReport};

/// How long calls took, by how they ended. Each is looked up once: a call takes microseconds.
pub(super) struct CallMeter {
    done: Histogram,
    failed: Histogram,
}

impl CallMeter {
    pub(super) fn new() -> Self {
        let of = |outcome: &'static str| metrics::histogram!("rosehip_guest_call_seconds", "outcome" => outcome);
        Self { done: of("done"), failed: of("failed") }
    }

    /// Counts a call. `rule` is the limit that was met, a trap, or what the guest said itself: `retry` or `fatal`.
    pub(super) fn called(&self, report: &GuestReport, took: Duration) {
        let (by, rule) = match &report.result {
            Ok(_) => return self.done.record(took),
            Err(GuestFailure::Retry(_)) => ("guest", "retry"),
            Err(GuestFailure::Fatal(_)) => ("guest", "fatal"),
            Err(GuestFailure::Stopped { rule, .. }) => ("limit", *rule),
            Err(GuestFailure::Host { rule, .. }) => ("host", *rule),
        };
        self.failed.record(took);
        metrics::counter!("rosehip_guest_failures_total", "by" => by, "rule" => rule).increment(1);
    }
}
