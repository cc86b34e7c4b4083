//! Which entries say that somebody did something, and who.

use rosehip_core::event::{Event, Record};
use rusqlite::{Transaction, params};

use super::{ViewError, ViewReader, queries::bound};

/// Which lines of the audit trail are meant.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those before this entry.
    pub before: Option<u64>,
    /// Only what this user did.
    pub by: Option<String>,
    /// Only this.
    pub what: Option<String>,
}

/// Takes in an entry that says what somebody did.
pub(super) fn fold(transaction: &Transaction<'_>, record: &Record, event: &Event) -> Result<(), ViewError> {
    let Some(trace) = event.trace() else { return Ok(()) };
    // What was done to a user and is in no other entry: it goes with the user.
    let is_own = matches!(event, Event::Audited(_));
    let user = trace.about.filter(|_| is_own);
    transaction
        .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![record.seq, trace.what, trace.by, user, is_own])?;
    Ok(())
}

/// Takes out entries that are erased.
pub(super) fn erase(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<(), ViewError> {
    transaction.prepare_cached("DELETE FROM audit WHERE seq BETWEEN ?1 AND ?2")?.execute((first, last))?;
    Ok(())
}

impl ViewReader {
    /// Entries that say what somebody did, newest first.
    pub fn audit(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<u64>, ViewError> {
        let sql = "SELECT seq FROM audit WHERE seq < ?1 AND (?2 IS NULL OR actor = ?2) AND (?3 IS NULL OR what = ?3)
                   ORDER BY seq DESC LIMIT ?4";
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows =
            statement.query_map(params![bound(filter.before), filter.by, filter.what, limit], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Entries that say nothing but what a user did, or what was done to them.
    pub fn audit_of_user(&self, user: &str) -> Result<Vec<u64>, ViewError> {
        let sql = "SELECT seq FROM audit WHERE is_own = 1 AND (actor = ?1 OR user = ?1) ORDER BY seq";
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map([user], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
