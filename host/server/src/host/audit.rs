//! The audit trail: what people do, in the log, and reading it back.
//!
//! It appends `audited`. What is done to accounts is not in the log, so the entry follows the deed: one that the log has no
//! room for is told on stderr, and the deed stands.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rosehip_adapters::{clock::SystemClock, views::AuditFilter};
use rosehip_core::{
    event::{Audited, Deed, Event, Record, Trace, Via, append_of},
    limits::{FAILED_LOGINS_EVERY_MS, PAGE_MAX},
    log::SeqSet,
    ports::LogReader as _,
    time::Timestamp,
};

use super::{Host, ReadError};

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its entry in the log.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What somebody did.
    pub trace: Trace,
}

/// A page of the audit trail, newest first.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// The lines.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

impl Host {
    /// Records what somebody did.
    pub async fn audit(&self, audited: Audited) {
        let what = audited.what.as_str();
        let append = append_of(SystemClock::now(), vec![audited.into()]);
        if let Err(error) = self.writer.append(append).await {
            tracing::error!(what, %error, "what somebody did is not in the audit trail");
        }
    }

    /// Counts that somebody failed to log in: as a user that there is, or as nobody. A stranger may try as often as the
    /// rate limit lets them, so that the log takes one entry for each name and ten minutes.
    pub async fn audit_failed_login(&self, user: Option<String>) {
        let due = self.failed_logins.count(user.clone(), SystemClock::now());
        if let Some(times) = due {
            self.audit(failed(user, times)).await;
        }
    }

    /// Records the failures that were counted and are in no entry yet.
    pub(super) async fn flush_failed_logins(&self) {
        for (user, times) in self.failed_logins.take() {
            self.audit(failed(user, times)).await;
        }
    }

    /// A page of what people did.
    pub async fn audit_page(&self, filter: AuditFilter, limit: usize) -> Result<AuditPage, ReadError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let mut seqs = self.read_views(|views| views.audit(&filter, limit + 1)).await?;
        let has_more = seqs.len() > limit;
        seqs.truncate(limit);
        let next = seqs.last().copied().filter(|_| has_more);
        let entries = seqs.into_iter().map(|seq| self.audit_entry(seq));
        Ok(AuditPage { entries: entries.filter_map(Result::transpose).collect::<Result<_, _>>()?, next })
    }

    /// The line that an entry is; none where it was erased a moment ago.
    fn audit_entry(&self, seq: u64) -> Result<Option<AuditEntry>, ReadError> {
        let entry = self.read_log(|log| Ok(log.read(seq, 1)?.into_iter().next()))?;
        let Some(entry) = entry.filter(|entry| entry.header.seq == seq) else { return Ok(None) };
        let record = Record::read(&entry).map_err(|error| ReadError(error.to_string()))?;
        let trace = record.event.as_deref().and_then(Event::trace);
        Ok(trace.map(|trace| AuditEntry { seq, at: record.time, trace }))
    }

    /// Entries that say what a user did or what was done to them, and nothing else: they go with the user.
    pub(super) async fn audit_of_user(&self, name: &str) -> Result<SeqSet, ReadError> {
        let seqs = self.read_views(|views| views.audit_of_user(name)).await?;
        Ok(seqs.into_iter().collect())
    }
}

fn failed(about: Option<String>, times: u64) -> Audited {
    Audited { what: Deed::LoginFailed, by: None, about, detail: None, via: Via::Session, times }
}

/// Failures to log in that are counted, by the name of the user as whom it was tried.
#[derive(Debug, Default)]
pub(super) struct FailedLogins(Mutex<HashMap<Option<String>, Failures>>);

#[derive(Debug, Default)]
struct Failures {
    /// Those that no entry tells yet.
    untold: u64,
    told_at: Option<Timestamp>,
}

impl FailedLogins {
    /// Counts a failure. Returns how many are to be recorded now.
    fn count(&self, user: Option<String>, now: Timestamp) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = all.entry(user).or_default();
        failures.untold += 1;
        let is_due = failures.told_at.is_none_or(|told_at| told_at.plus_millis(FAILED_LOGINS_EVERY_MS) <= now);
        is_due.then(|| {
            failures.told_at = Some(now);
            std::mem::take(&mut failures.untold)
        })
    }

    /// Takes what no entry tells yet.
    fn take(&self) -> Vec<(Option<String>, u64)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = std::mem::take(&mut *all).into_iter();
        all.filter(|(_, failures)| failures.untold > 0).map(|(user, failures)| (user, failures.untold)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_once_in_ten_minutes_with_their_number() {
        let failed = FailedLogins::default();
        let at = |ms: u64| Timestamp::from_millis(0).plus_millis(ms);
        let ada = || Some("ada".to_owned());
        assert_eq!(failed.count(ada(), at(0)), Some(1));
        for ms in 1..1_000 {
            assert_eq!(failed.count(ada(), at(ms)), None);
        }
        assert_eq!(failed.count(None, at(1_000)), Some(1), "another name has its own count");
        assert_eq!(failed.count(ada(), at(FAILED_LOGINS_EVERY_MS)), Some(1_000));
        assert_eq!(failed.count(ada(), at(FAILED_LOGINS_EVERY_MS + 1)), None);
        assert_eq!(failed.take(), [(ada(), 1)]);
        assert_eq!(failed.take(), []);
    }
}
