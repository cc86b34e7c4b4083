//! How the host is: whether each of its parts does its work, and its numbers. Nothing here says an id or a secret, because
//! whoever watches a host need not log in.

use std::path::Path;

use rosehip_adapters::{data_dir::log_path, engine::Engine, views::ViewReader};
use rosehip_core::limits::{DISK_FULL_BYTES, DISK_LOW_BYTES, UNMATCHED_ACTIVITIES, VIEWS_BEHIND};
use serde::{Deserialize, Serialize};

use super::{Host, ReadError};

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It does its work.
    Ok,
    /// It does its work, and somebody should look at it.
    Degraded,
    /// It does not do its work.
    Failed,
}

/// A part of the host, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, which programs know it by.
    pub name: String,
    /// How it is.
    pub state: Health,
    /// What was found, for people.
    pub detail: String,
}

impl Part {
    fn new(name: &str, state: Health, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state, detail: detail.into() }
    }
}

/// A number of the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// The metric's name.
    pub name: &'static str,
    /// What it is told apart by.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

impl Gauge {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    fn of(name: &'static str, value: u64) -> Self {
        Self { name, labels: Vec::new(), value: value as f64 }
    }

    fn with(mut self, label: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((label, value.into()));
        self
    }
}

impl Host {
    /// Whether every part does its work; else what does not.
    pub fn readiness(&self) -> Result<(), String> {
        let failed = self.parts().into_iter().find(|part| part.state == Health::Failed);
        failed.map_or(Ok(()), |part| Err(format!("{}: {}", part.name, part.detail)))
    }

    /// Every part and how it is.
    pub fn parts(&self) -> Vec<Part> {
        vec![
            self.log_part(),
            self.views_part(),
            self.engine_part(),
            self.matcher_part(),
            self.modules_part(),
            self.deliveries_part(),
            disk_part(&self.options.data_dir),
        ]
    }

    fn log_part(&self) -> Part {
        let (entries, waiting) = (self.writer.committed(), self.writer.waiting());
        match self.writer.is_running() {
            true => Part::new("log", Health::Ok, format!("{entries} entries, {waiting} appends wait")),
            false => Part::new("log", Health::Failed, "its writer has stopped"),
        }
    }

    fn views_part(&self) -> Part {
        let behind = self.writer.committed().saturating_sub(self.projector.position());
        let state = match (self.projector.is_running(), behind > VIEWS_BEHIND) {
            (false, _) => return Part::new("views", Health::Failed, "the views have stopped following the log"),
            (true, true) => Health::Failed,
            (true, false) => Health::Ok,
        };
        Part::new("views", state, format!("{behind} entries behind the log"))
    }

    fn engine_part(&self) -> Part {
        let (runs, recovers, jobs, timers) =
            self.with_engine(|engine| (engine.runs(), engine.recovers(), engine.jobs(), engine.timers()));
        let detail = format!("{jobs} jobs, {timers} timers");
        match (runs, recovers) {
            (false, _) => Part::new("engine", Health::Failed, "it has not started"),
            (true, true) => {
                Part::new("engine", Health::Degraded, format!("works off what an unclean stop left, {detail}"))
            }
            (true, false) => Part::new("engine", Health::Ok, detail),
        }
    }

    fn matcher_part(&self) -> Part {
        let jobs = self.with_engine(Engine::jobs);
        match self.views.with(ViewReader::standings) {
            Ok(standings) => {
                let state = if jobs >= UNMATCHED_ACTIVITIES { Health::Failed } else { Health::Ok };
                Part::new("matcher", state, format!("{} activities are not matched yet", standings.unmatched))
            }
            Err(error) => Part::new("matcher", Health::Failed, unread(&error)),
        }
    }

    fn modules_part(&self) -> Part {
        let standing = self.behaviors();
        let enabled = standing.values().filter(|installed| installed.enabled).count();
        let there = self.modules.list().map(|there| {
            standing.values().filter(|installed| installed.enabled && !there.contains(&installed.digest)).count()
        });
        match there {
            Ok(0) => Part::new("modules", Health::Ok, format!("all of {enabled} enabled behaviors are there")),
            Ok(missing) => {
                Part::new("modules", Health::Degraded, format!("of {enabled} enabled behaviors, {missing} are missing"))
            }
            Err(_) => Part::new("modules", Health::Degraded, "the directory of modules cannot be read"),
        }
    }

    fn deliveries_part(&self) -> Part {
        let lengths = self.federation.deliveries.lengths();
        let detail = format!(
            "{} queued, {} of them retrying, {} hosts unreachable",
            lengths.queued, lengths.retrying, lengths.unreachable
        );
        Part::new("deliveries", Health::Ok, detail)
    }

    /// Numbers for `/metrics`, those of one metric one after the other.
    pub fn gauges(&self) -> Result<Vec<Gauge>, ReadError> {
        let standings = self.views.with(ViewReader::standings).map_err(|error| ReadError(error.to_string()))?;
        let (jobs, timers, dispatching) =
            self.with_engine(|engine| (engine.jobs(), engine.timers(), engine.dispatching()));
        let deliveries = self.federation.deliveries.lengths();
        let mut gauges = vec![
            Gauge::of("rosehip_build_info", 1).with("version", env!("CARGO_PKG_VERSION")),
            Gauge::of("rosehip_log_entries", self.writer.committed()),
            Gauge::of("rosehip_log_bytes", log_bytes(&self.options.data_dir)),
        ];
        // A file system that says nothing of its room has no such number.
        gauges.extend(free_bytes(&self.options.data_dir).map(|free| Gauge::of("rosehip_disk_free_bytes", free)));
        gauges.extend([
            Gauge::of("rosehip_views_position", self.projector.position()),
            Gauge::of("rosehip_writer_queue", wide(self.writer.waiting())),
            Gauge::of("rosehip_activities_unmatched", standings.unmatched),
            Gauge::of("rosehip_engine_jobs", wide(jobs)),
            Gauge::of("rosehip_engine_timers", wide(timers)),
        ]);
        let flows = standings.flows.into_iter();
        gauges.extend(flows.map(|(status, flows)| Gauge::of("rosehip_flows", flows).with("status", status)));
        let stuck = standings.stuck.into_iter();
        gauges.extend(stuck.map(|(kind, status, effects)| {
            Gauge::of("rosehip_effects_stuck", effects).with("kind", kind).with("status", status)
        }));
        gauges.push(Gauge::of("rosehip_dispatch_queue", wide(dispatching)));
        let by_status = standings.deliveries.into_iter();
        gauges.extend(by_status.map(|(status, count)| Gauge::of("rosehip_deliveries", count).with("status", status)));
        gauges.extend([
            Gauge::of("rosehip_deliveries_queued", wide(deliveries.queued)),
            Gauge::of("rosehip_deliveries_retrying", wide(deliveries.retrying)),
            Gauge::of("rosehip_peers_unreachable", wide(deliveries.unreachable)),
        ]);
        Ok(gauges)
    }
}

fn disk_part(data_dir: &Path) -> Part {
    let Some(free) = free_bytes(data_dir) else {
        return Part::new("disk", Health::Degraded, "the file system does not say how much room is left");
    };
    let state = match free {
        free if free < DISK_FULL_BYTES => Health::Failed,
        free if free < DISK_LOW_BYTES => Health::Degraded,
        _ => Health::Ok,
    };
    Part::new("disk", state, format!("{} MiB are free", free >> 20))
}

/// Bytes that may still be written below a directory, without a privilege.
pub fn free_bytes(dir: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(dir).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Bytes of the log's file and of what SQLite keeps beside it.
fn log_bytes(data_dir: &Path) -> u64 {
    let log = log_path(data_dir);
    let files = ["", "-wal", "-shm"].map(|suffix| {
        let mut file = log.as_os_str().to_owned();
        file.push(suffix);
        std::fs::metadata(file).map_or(0, |found| found.len())
    });
    files.into_iter().sum()
}

fn unread(error: &rosehip_adapters::views::ViewError) -> String {
    tracing::warn!(%error, "the views were not read");
    "the views cannot be read".to_owned()
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
