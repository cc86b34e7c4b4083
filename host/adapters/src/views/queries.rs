//! Reading the views.

use std::path::Path;

use rosehip_core::ids::{Digest, FlowId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{ViewError, schema};

/// A read-only connection to the views, of one thread at a time.
#[derive(Debug)]
pub struct ViewReader {
    connection: Connection,
}

/// Where an activity stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityPlace {
    /// `seq` of its entry.
    pub seq: u64,
    /// `seq` of the entry that matched it.
    pub matched_by: Option<u64>,
    /// Whether everybody may see it: an actor of this host did it, for everybody, and has not taken it back.
    pub is_for_everybody: bool,
}

/// What a slug belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlugOwner {
    /// The article's key, as text.
    pub key: String,
    /// `seq` of the article's last revision.
    pub seq: u64,
    /// Whether it is the article's slug now, not a former one.
    pub is_current: bool,
}

/// An activity by its id, its token or its Cid. Ids of other hosts may end alike: a whole id is held against the whole, and
/// what was done here comes first.
pub(super) const ACTIVITY: &str = "SELECT seq, matched_by, is_public AND box = 'outbox' FROM activities
     WHERE (token = ?1 AND (?3 = 0 OR id = ?2)) OR cid = ?2 ORDER BY box DESC LIMIT 1";

impl ViewReader {
    /// Opens the file, which a projector has made.
    pub fn open(path: &Path) -> Result<Self, ViewError> {
        Ok(Self { connection: schema::open_read_only(path)? })
    }

    /// `seq` of an object's last revision, of a deleted one as well.
    pub fn object(&self, key: &str) -> Result<Option<u64>, ViewError> {
        let mut statement = self.connection.prepare_cached("SELECT seq FROM objects WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// What a slug belongs to.
    pub fn slug(&self, slug: &str) -> Result<Option<SlugOwner>, ViewError> {
        let sql = "SELECT key, seq, is_current FROM slugs JOIN objects USING (key) WHERE slug = ?1";
        let owner = |row: &Row<'_>| Ok(SlugOwner { key: row.get(0)?, seq: row.get(1)?, is_current: row.get(2)? });
        Ok(self.connection.prepare_cached(sql)?.query_row([slug], owner).optional()?)
    }

    /// Slugs that lead to an object, its present one first, at most so many.
    pub fn slugs_of(&self, key: &str, limit: usize) -> Result<Vec<String>, ViewError> {
        let sql = "SELECT slug FROM slugs WHERE key = ?1 ORDER BY is_current DESC, slug LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let slugs = statement.query_map(params![key, limit], |row| row.get(0))?;
        Ok(slugs.collect::<Result<_, _>>()?)
    }

    /// Published articles, the newest publication first: the `seq` that a next page begins before and that of the
    /// article's last revision.
    pub fn published(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, u64)>, ViewError> {
        let sql = "SELECT published_seq, seq FROM objects WHERE is_published = 1 AND published_seq < ?1
                   ORDER BY published_seq DESC LIMIT ?2";
        self.places(sql, params![bound(before), limit])
    }

    /// Published articles with a tag, likewise.
    pub fn tagged(&self, tag: &str, before: Option<u64>, limit: usize) -> Result<Vec<(u64, u64)>, ViewError> {
        let sql = "SELECT t.published_seq, o.seq FROM tags t JOIN objects o USING (key)
                   WHERE t.tag = ?1 AND t.published_seq < ?2 ORDER BY t.published_seq DESC LIMIT ?3";
        self.places(sql, params![tag, bound(before), limit])
    }

    /// How many articles are published.
    pub fn count_published(&self) -> Result<u64, ViewError> {
        let mut statement = self.connection.prepare_cached("SELECT count(*) FROM objects WHERE is_published = 1")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// Drafts, the last saved first: the `seq` that a next page begins before and that of the last revision.
    pub fn drafts(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, u64)>, ViewError> {
        let sql = "SELECT seq, seq FROM objects WHERE is_draft = 1 AND seq < ?1 ORDER BY seq DESC LIMIT ?2";
        self.places(sql, params![bound(before), limit])
    }

    /// Objects that stand for images, the last saved first: the `seq` that a next page begins before and that of the last
    /// revision.
    pub fn images(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, u64)>, ViewError> {
        let sql = "SELECT seq, seq FROM objects WHERE key GLOB 'Image/*' AND seq < ?1 ORDER BY seq DESC LIMIT ?2";
        self.places(sql, params![bound(before), limit])
    }

    /// The flow an effect belongs to, unless the effect was carried out by recording it.
    pub fn flow_of_effect(&self, effect: &str) -> Result<Option<FlowId>, ViewError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT flow FROM effects WHERE id = ?1 AND EXISTS (SELECT 1 FROM flows WHERE flows.id = effects.flow)",
        )?;
        let flow: Option<String> = statement.query_row([effect], |row| row.get(0)).optional()?;
        Ok(flow.and_then(|flow| flow.parse().ok()))
    }

    /// Where an activity stands, by its id, its token or its Cid.
    pub fn activity(&self, name: &str) -> Result<Option<ActivityPlace>, ViewError> {
        let is_whole = name.contains(':');
        let token = name.rsplit(['/', ':']).next().unwrap_or(name);
        let place = |row: &Row<'_>| {
            Ok(ActivityPlace { seq: row.get(0)?, matched_by: row.get(1)?, is_for_everybody: row.get(2)? })
        };
        Ok(self.connection.prepare_cached(ACTIVITY)?.query_row((token, name, is_whole), place).optional()?)
    }

    /// Entries that hold activities which are not matched yet, oldest first.
    pub fn unmatched(&self) -> Result<Vec<u64>, ViewError> {
        self.seqs("SELECT seq FROM activities WHERE matched_by IS NULL ORDER BY seq")
    }

    /// The oldest entry that holds an activity which is not matched yet.
    pub fn first_unmatched(&self) -> Result<Option<u64>, ViewError> {
        Ok(self.seqs("SELECT seq FROM activities WHERE matched_by IS NULL ORDER BY seq LIMIT 1")?.pop())
    }

    /// Flows that began through other flows and, in the end, with this activity, or the activities that those made where
    /// they are more: each of them is about to start some.
    pub fn flows_of_root(&self, root: &str) -> Result<u64, ViewError> {
        let mut statement =
            self.connection.prepare_cached("SELECT max(flows, activities) FROM roots WHERE root = ?1")?;
        Ok(statement.query_row([root], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// Whether a flow runs or ran on this module.
    pub fn has_flow_of_module(&self, digest: Digest) -> Result<bool, ViewError> {
        let mut statement = self.connection.prepare_cached("SELECT flows > 0 FROM modules WHERE digest = ?1")?;
        Ok(statement.query_row([digest.to_string()], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    /// Entries about behaviors, oldest first.
    pub fn behavior_entries(&self) -> Result<Vec<u64>, ViewError> {
        self.seqs("SELECT seq FROM behavior_entries ORDER BY seq")
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn seqs(&self, sql: &str) -> Result<Vec<u64>, ViewError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let seqs = statement.query_map([], |row| row.get(0))?;
        Ok(seqs.collect::<Result<_, _>>()?)
    }

    fn places(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<(u64, u64)>, ViewError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let places = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(places.collect::<Result<_, _>>()?)
    }

    pub(super) fn rows<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<(u64, T)>, ViewError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            found.push((row.get(0)?, serde_json::from_str(text)?));
        }
        Ok(found)
    }
}

/// `before` as SQLite compares it; everything where there is none.
pub(super) fn bound(before: Option<u64>) -> i64 {
    before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX))
}
