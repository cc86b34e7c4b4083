//! What the views know of effects: which flow each belongs to, which need somebody, and how many were recorded lately.

use std::collections::HashMap;

use rosehip_core::{
    destination::in_words,
    effect::Effect,
    event::{EffectChanged, NodeDone},
    ids::{BehaviorName, EffectId, FlowId},
    state::EffectStatus,
    time::Timestamp,
};
use rusqlite::{OptionalExtension as _, Row, ToSql, Transaction, params};

use super::{ViewError, ViewReader};

/// Characters of an error that are kept to be searched.
const ERROR_CHARS: usize = 500;
/// Minutes that are kept of what was recorded, before the last one of the same behavior and kind.
const MINUTES_KEPT: i64 = 120;

/// Effects of a kind that a behavior recorded in one minute, without denied ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMinute {
    /// The behavior.
    pub behavior: BehaviorName,
    /// The kind.
    pub kind: String,
    /// Minutes since the epoch.
    pub minute: i64,
    /// How many.
    pub count: u64,
}

/// Which dead and unhandled effects are meant.
#[derive(Debug, Clone, Default)]
pub struct StuckFilter {
    /// Those that got stuck after this entry.
    pub after: Option<u64>,
    /// Those that got stuck before this entry, or at it.
    pub until: Option<u64>,
    /// Only of this status, `dead` or `unhandled`.
    pub status: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this behavior.
    pub behavior: Option<String>,
    /// Only where the destination holds this text, in any case.
    pub destination: Option<String>,
    /// Only where the error holds this text, in any case.
    pub error: Option<String>,
}

/// An effect that needs somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckEffect {
    /// `seq` of the entry that says so.
    pub seq: u64,
    /// The effect.
    pub effect: EffectId,
    /// Its flow.
    pub flow: FlowId,
}

/// Counts of a batch by behavior and kind: minutes in the order of the log, in which they may go back. What is forgotten
/// depends on that order, and must not depend on where a batch ends.
pub(super) type Minutes = HashMap<(BehaviorName, String), Vec<(i64, u64)>>;

/// Takes in the effects of a call.
pub(super) fn record(transaction: &Transaction<'_>, flow: FlowId, done: &NodeDone) -> Result<(), ViewError> {
    for effect in done.effects.iter().filter(|effect| effect.status != EffectStatus::Dispatched) {
        let destination = in_words(&effect.kind, &effect.payload);
        transaction
            .prepare_cached("INSERT OR REPLACE INTO effects VALUES (?1, ?2, ?3, ?4, NULL, NULL, NULL)")?
            .execute((effect.id.to_string(), flow.to_string(), &effect.kind, destination))?;
    }
    Ok(())
}

/// Counts the effects of a call.
pub(super) fn count(minutes: &mut Minutes, behavior: &BehaviorName, effects: &[Effect], time: Timestamp) {
    for effect in effects.iter().filter(|effect| effect.status != EffectStatus::Denied) {
        let counted = minutes.entry((behavior.clone(), effect.kind.clone())).or_default();
        match counted.last_mut().filter(|(minute, _)| *minute == time.minute()) {
            Some((_, count)) => *count += 1,
            None => counted.push((time.minute(), 1)),
        }
    }
}

/// Writes what a batch counted, and forgets what is long past.
pub(super) fn write_minutes(transaction: &Transaction<'_>, minutes: &Minutes) -> Result<(), ViewError> {
    let counted =
        minutes.iter().flat_map(|(of, counted)| counted.iter().map(move |(minute, count)| (of, minute, count)));
    for ((behavior, kind), minute, count) in counted {
        transaction
            .prepare_cached(
                "INSERT INTO recorded_minutes VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (behavior, kind, minute) DO UPDATE SET count = count + excluded.count",
            )?
            .execute((behavior.as_str(), kind, minute, count))?;
        transaction
            .prepare_cached("DELETE FROM recorded_minutes WHERE behavior = ?1 AND kind = ?2 AND minute < ?3")?
            .execute((behavior.as_str(), kind, minute - MINUTES_KEPT))?;
    }
    Ok(())
}

/// The kind of the effect that changes; none where its flow is erased.
pub(super) fn kind_of(transaction: &Transaction<'_>, change: &EffectChanged) -> Result<Option<String>, ViewError> {
    let mut statement = transaction.prepare_cached("SELECT kind FROM effects WHERE id = ?1")?;
    Ok(statement.query_row([change.effect.to_string()], |row| row.get(0)).optional()?)
}

/// Takes in a change of an effect: only being stuck, and not being stuck any more, is written.
pub(super) fn change(transaction: &Transaction<'_>, seq: u64, change: &EffectChanged) -> Result<(), ViewError> {
    let is_stuck = |status| matches!(status, EffectStatus::Dead | EffectStatus::Unhandled);
    let id = change.effect.to_string();
    if is_stuck(change.to) {
        let error: Option<String> = change.error.as_ref().map(|error| error.chars().take(ERROR_CHARS).collect());
        transaction
            .prepare_cached("UPDATE effects SET stuck = ?2, stuck_at = ?3, error = ?4 WHERE id = ?1")?
            .execute((id, change.to.as_str(), seq, error))?;
    } else if is_stuck(change.from) {
        transaction
            .prepare_cached("UPDATE effects SET stuck = NULL, stuck_at = NULL, error = NULL WHERE id = ?1")?
            .execute([id])?;
    }
    Ok(())
}

impl ViewReader {
    /// What was recorded within two hours of a minute since the epoch.
    pub fn recorded_around(&self, minute: i64) -> Result<Vec<RecordedMinute>, ViewError> {
        let sql = "SELECT behavior, kind, minute, count FROM recorded_minutes WHERE minute BETWEEN ?1 AND ?2
                   ORDER BY minute";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query(params![minute - MINUTES_KEPT, minute + MINUTES_KEPT])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            // Only names that were read as such are written.
            let Ok(behavior) = row.get_ref(0)?.as_str().unwrap_or_default().parse() else { continue };
            found.push(RecordedMinute { behavior, kind: row.get(1)?, minute: row.get(2)?, count: row.get(3)? });
        }
        Ok(found)
    }

    /// Effects that need somebody, those first that have longest.
    pub fn stuck(&self, filter: &StuckFilter, limit: usize) -> Result<Vec<StuckEffect>, ViewError> {
        let (conditions, mut values) = filter.sql();
        let sql = format!(
            "SELECT stuck_at, effects.id, effects.flow FROM effects JOIN flows ON flows.id = effects.flow
             WHERE {conditions} ORDER BY stuck_at LIMIT ?"
        );
        values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
        let mut statement = self.connection().prepare_cached(&sql)?;
        let effect = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
        let rows = statement.query_map(rusqlite::params_from_iter(values), effect)?;
        let mut found = Vec::new();
        for row in rows {
            let (seq, effect, flow) = row?;
            if let (Ok(effect), Ok(flow)) = (effect.parse(), flow.parse()) {
                found.push(StuckEffect { seq, effect, flow });
            }
        }
        Ok(found)
    }

    /// How many effects need somebody.
    pub fn count_stuck(&self, filter: &StuckFilter) -> Result<u64, ViewError> {
        let (conditions, values) = filter.sql();
        let sql = format!("SELECT count(*) FROM effects JOIN flows ON flows.id = effects.flow WHERE {conditions}");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?)
    }
}

impl StuckFilter {
    /// The conditions with the values of their question marks.
    fn sql(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let after = self.after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let until = self.until.map_or(i64::MAX, |until| i64::try_from(until).unwrap_or(i64::MAX));
        let mut conditions = "stuck_at > ? AND stuck_at <= ?".to_owned();
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(after), Box::new(until)];
        let filters = [
            (" AND stuck = ?", &self.status),
            (" AND kind = ?", &self.kind),
            (" AND flows.behavior = ?", &self.behavior),
            (" AND instr(lower(destination), lower(?)) > 0", &self.destination),
            (" AND instr(lower(error), lower(?)) > 0", &self.error),
        ];
        for (condition, wanted) in filters {
            if let Some(wanted) = wanted {
                conditions.push_str(condition);
                values.push(Box::new(wanted.clone()));
            }
        }
        (conditions, values)
    }
}
