//! Flows in the views: how they are found and read.

use rosehip_core::{flow::FlowSummary, ids::EffectId, state::EffectStatus, time::Timestamp};
use rusqlite::{ToSql, params};

use super::{
    ViewError, ViewReader,
    flow_rows::{MARKED, Mark, words_of},
    queries::bound,
    schema::{OPEN, RESTS},
};

/// Which flows a list holds.
#[derive(Debug, Clone, Default)]
pub struct FlowFilter {
    /// Flows that began before this entry.
    pub before: Option<u64>,
    /// Only of this status.
    pub status: Option<String>,
    /// Only of this behavior.
    pub behavior: Option<String>,
    /// Only about this object: its slug, its id or `Type/id`.
    pub object: Option<String>,
    /// Only of this owner.
    pub owner: Option<String>,
    /// Only of this activity, by id.
    pub activity: Option<String>,
    /// Only of these statuses; of any, where none are named.
    pub statuses: Vec<&'static str>,
    /// Only those that started at or after this moment, in milliseconds since the epoch.
    pub from: Option<i64>,
    /// Only those that started before this moment, in milliseconds since the epoch.
    pub until: Option<i64>,
    /// Only those that asked for an effect of this kind.
    pub kind: Option<String>,
    /// Only those of which an effect has each of these statuses.
    pub effect_statuses: Vec<EffectStatus>,
    /// Only those that have waited since before this moment, in milliseconds since the epoch.
    pub waits_since: Option<i64>,
    /// Only those that are about all the words of this text: of the slug, the id of the object, and how the flow failed.
    pub text: Option<String>,
}

/// A flow that another one caused, and the effect that did.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildFlow {
    /// Its list item.
    pub summary: FlowSummary,
    /// The effect of the causing flow.
    pub effect: Option<EffectId>,
}

/// A flow that the host has something left to do for.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenFlow {
    /// `seq` of its start.
    pub seq: u64,
    /// Its list item.
    pub summary: FlowSummary,
    /// Since when nothing is to be done before one of its waits ends: its last entry suspended it then.
    pub rests_since: Option<Timestamp>,
}

impl ViewReader {
    /// Flows, newest first, with the `seq` that a next page begins before.
    pub fn flows(&self, filter: &FlowFilter, limit: usize) -> Result<Vec<(u64, FlowSummary)>, ViewError> {
        let (sql, mut values) = filter.list();
        values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.rows(&sql, rusqlite::params_from_iter(values))
    }

    /// How many flows there are.
    pub fn count_flows(&self, filter: &FlowFilter) -> Result<u64, ViewError> {
        self.count_flows_up_to(filter, u64::MAX)
    }

    /// How many flows there are, but for those after the first `most`.
    pub fn count_flows_up_to(&self, filter: &FlowFilter, most: u64) -> Result<u64, ViewError> {
        let Selected { from, conditions, mut values, .. } = filter.sql();
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {conditions} LIMIT ?)");
        values.push(Box::new(i64::try_from(most).unwrap_or(i64::MAX)));
        Ok(self.connection().prepare_cached(&sql)?.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?)
    }

    /// Flows that a flow caused, oldest first.
    pub fn children(&self, flow: &str, limit: usize) -> Result<Vec<ChildFlow>, ViewError> {
        let sql = "SELECT row, cause_effect FROM flows WHERE cause = ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query(params![flow, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let effect = row.get::<_, Option<String>>(1)?.and_then(|effect| effect.parse().ok());
            found.push(ChildFlow { summary: serde_json::from_str(text)?, effect });
        }
        Ok(found)
    }

    /// A flow by its id or the beginning of it; none where several begin so.
    pub fn flow(&self, prefix: &str) -> Result<Option<(u64, FlowSummary)>, ViewError> {
        if !prefix.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')) {
            return Ok(None);
        }
        let end = format!("{prefix}~");
        let sql = "SELECT seq, row FROM flows WHERE id >= ?1 AND id < ?2 LIMIT 2";
        let mut found = self.rows(sql, [prefix, &end])?;
        let only = found.pop();
        Ok(only.filter(|_| found.is_empty()))
    }

    /// Flows with something left to do, oldest first.
    pub fn open_flows(&self) -> Result<Vec<OpenFlow>, ViewError> {
        let mut flows = Vec::new();
        for state in [OPEN, RESTS] {
            let sql = "SELECT seq, row, waits_since FROM flows WHERE is_open = ?1 AND is_open > 0 ORDER BY seq";
            let mut statement = self.connection().prepare_cached(sql)?;
            let mut rows = statement.query([state])?;
            while let Some(row) = rows.next()? {
                let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
                let since = row.get::<_, Option<i64>>(2)?.filter(|_| state == RESTS);
                flows.push(OpenFlow {
                    seq: row.get(0)?,
                    summary: serde_json::from_str(text)?,
                    rests_since: since.map(Timestamp::from_millis),
                });
            }
        }
        flows.sort_unstable_by_key(|flow| flow.seq);
        Ok(flows)
    }

    /// At most `limit` flows that the host has nothing left to do for, by the order they began in, after entry `after`.
    pub fn ended_flows(&self, after: u64, limit: usize) -> Result<Vec<(u64, FlowSummary)>, ViewError> {
        let sql = "SELECT seq, row FROM flows WHERE seq > ?1 AND is_open = 0 ORDER BY seq LIMIT ?2";
        self.rows(sql, params![after, limit])
    }

    /// Flows of a behavior that have not ended.
    pub fn unfinished_flows_of(&self, behavior: &str) -> Result<Vec<FlowSummary>, ViewError> {
        let sql = "SELECT seq, row FROM flows WHERE behavior = ?1 AND status IN ('running', 'suspended')";
        Ok(self.rows(sql, [behavior])?.into_iter().map(|(_, summary)| summary).collect())
    }

    /// How many flows stand in each status.
    pub fn flow_counts(&self) -> Result<Vec<(String, u64)>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT status, count(*) FROM flows GROUP BY status")?;
        let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counts.collect::<Result<_, _>>()?)
    }
}

/// A list of flows as SQL: where they are, which of them, and the values of the question marks.
struct Selected {
    from: &'static str,
    conditions: String,
    values: Vec<Box<dyn ToSql>>,
    /// The place that lists are ordered by.
    place: &'static str,
}

impl FlowFilter {
    /// The list, newest first, with the values of its question marks but for the last, which is how many.
    fn list(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let Selected { from, conditions, values, place } = self.sql();
        (format!("SELECT flows.seq, row FROM {from} WHERE {conditions} ORDER BY {place} DESC LIMIT ?"), values)
    }

    #[cfg(test)]
    pub(super) fn list_sql(&self) -> String {
        self.list().0
    }

    /// A mark that few flows have leads to them; of the others, each is asked for its marks.
    fn sql(&self) -> Selected {
        let mut marks = self.marks().into_iter();
        let (from, place) = match marks.len() {
            0 => ("flows", "flows.seq"),
            _ => ("flow_marks AS lead CROSS JOIN flows ON flows.seq = lead.seq", "lead.seq"),
        };
        let mut conditions = format!("{place} < ?");
        let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(bound(self.before))];
        if let Some(mark) = marks.next() {
            conditions.push_str(" AND lead.mark = ?");
            values.push(Box::new(mark));
        }
        for mark in marks {
            conditions.push_str(" AND EXISTS (SELECT 1 FROM flow_marks AS m WHERE m.mark = ? AND m.seq = flows.seq)");
            values.push(Box::new(mark));
        }
        let columns = [
            (" AND status = ?", &self.status),
            (" AND behavior = ?", &self.behavior),
            (" AND owner = ?", &self.owner),
            (" AND activity = ?", &self.activity),
        ];
        for (condition, wanted) in columns {
            if let Some(wanted) = wanted {
                conditions.push_str(condition);
                values.push(Box::new(wanted.clone()));
            }
        }
        if let Some(object) = &self.object {
            conditions.push_str(" AND object IN (?, ?, (SELECT key FROM slugs WHERE slug = ?))");
            for name in [object.clone(), format!("Article/{object}"), object.clone()] {
                values.push(Box::new(name));
            }
        }
        if !self.statuses.is_empty() {
            let marks = vec!["?"; self.statuses.len()].join(", ");
            conditions = format!("{conditions} AND status IN ({marks})");
            values.extend(self.statuses.iter().map(|status| -> Box<dyn ToSql> { Box::new(*status) }));
        }
        for status in self.effect_statuses.iter().filter(|status| !MARKED.contains(status)) {
            conditions.push_str(" AND json_extract(row, ?) > 0");
            values.push(Box::new(format!("$.effects.{status}")));
        }
        let moments = [
            (" AND started >= ?", self.from),
            (" AND started < ?", self.until),
            (" AND waits_since < ?", self.waits_since),
        ];
        for (condition, moment) in moments {
            if let Some(moment) = moment {
                conditions.push_str(condition);
                values.push(Box::new(moment));
            }
        }
        Selected { from, conditions, values, place }
    }

    /// The marks that are wanted, those that the fewest flows have first.
    fn marks(&self) -> Vec<String> {
        let statuses = self.effect_statuses.iter().filter(|status| MARKED.contains(status));
        let statuses = statuses.map(|status| Mark::Effect(*status).to_string());
        let words = self.text.as_deref().map(words_of).unwrap_or_default();
        let kind = self.kind.as_deref().map(|kind| Mark::Kind(kind).to_string());
        let words = words.iter().map(|word| Mark::Word(word).to_string());
        statuses.chain(words).chain(kind).collect()
    }
}
