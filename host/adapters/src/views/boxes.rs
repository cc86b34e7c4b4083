//! What the views know of boxes: what stands in them, in which order, and what of it everybody may see.

use std::collections::HashMap;

use rosehip_core::ids::{ActorName, BoxName};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{ViewError, ViewReader, queries::bound};

/// Activities that a batch adds to boxes: all, and those for everybody.
pub(super) type Additions = HashMap<(ActorName, BoxName), (u64, u64)>;

/// Adds to the counts of boxes.
pub(super) fn add(transaction: &Transaction<'_>, additions: &Additions) -> Result<(), ViewError> {
    for ((owner, name), (all, public)) in additions {
        transaction
            .prepare_cached(
                "INSERT INTO boxes VALUES (?1, ?2, ?3, ?4) ON CONFLICT (owner, box) DO UPDATE
                 SET count = count + excluded.count, public = public + excluded.public",
            )?
            .execute((owner.as_str(), name.to_string(), all, public))?;
    }
    Ok(())
}

/// Takes the activities of these entries out of the counts; their rows are removed by the caller, after.
pub(super) fn subtract(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<(), ViewError> {
    transaction
        .prepare_cached(
            "UPDATE boxes SET
             count = count - (SELECT count(*) FROM activities a
                              WHERE a.seq BETWEEN ?1 AND ?2 AND a.owner = boxes.owner AND a.box = boxes.box),
             public = public - (SELECT count(*) FROM activities a
                                WHERE a.seq BETWEEN ?1 AND ?2 AND a.owner = boxes.owner AND a.box = boxes.box
                                AND a.is_public = 1)",
        )?
        .execute((first, last))?;
    Ok(())
}

/// Takes an object back: what was said about it before is not for everybody any more.
pub(super) fn take_back(transaction: &Transaction<'_>, about: &str) -> Result<(), ViewError> {
    let is_shown = "SELECT 1 FROM activities WHERE about = ?1 AND is_public = 1";
    if !transaction.prepare_cached(is_shown)?.exists([about])? {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "UPDATE boxes SET public = public - (SELECT count(*) FROM activities a
             WHERE a.about = ?1 AND a.is_public = 1 AND a.owner = boxes.owner AND a.box = boxes.box)
             WHERE EXISTS (SELECT 1 FROM activities a WHERE a.about = ?1 AND a.is_public = 1
                           AND a.owner = boxes.owner AND a.box = boxes.box)",
        )?
        .execute([about])?;
    transaction
        .prepare_cached("UPDATE activities SET is_public = 0 WHERE about = ?1 AND is_public = 1")?
        .execute([about])?;
    Ok(())
}

/// A box as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BoxTip {
    /// Activities in it.
    pub count: u64,
    /// Those of them that everybody may see.
    pub public: u64,
    /// The Cid of the last one.
    pub cid: Option<String>,
}

/// Which activities of a box are listed.
#[derive(Debug, Clone, Default)]
pub struct BoxQuery {
    /// Only those after this entry, oldest first; else all, newest first.
    pub after: Option<u64>,
    /// Only those before this entry.
    pub before: Option<u64>,
    /// Whether those are left out that not everybody may see.
    pub only_public: bool,
    /// How many are skipped.
    pub skip: u64,
    /// How many are listed at most.
    pub limit: usize,
}

/// An activity by its id. The plus keeps SQLite from going through all of a box: it knows nothing of how long that is.
pub(super) const IN_BOX: &str = "SELECT seq FROM activities WHERE token = ?1 AND id = ?2 AND +owner = ?3 AND +box = ?4";
/// The last activity of a Cid, likewise.
pub(super) const CID_IN_BOX: &str =
    "SELECT seq FROM activities WHERE cid = ?1 AND +owner = ?2 AND +box = ?3 ORDER BY +seq DESC LIMIT 1";

impl ViewReader {
    /// A box as a whole.
    pub fn box_tip(&self, owner: &ActorName, name: BoxName) -> Result<BoxTip, ViewError> {
        let which = (owner.as_str(), name.to_string());
        let sql = "SELECT count, public FROM boxes WHERE owner = ?1 AND box = ?2";
        let counts = self
            .connection()
            .prepare_cached(sql)?
            .query_row(which.clone(), |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)));
        let (count, public) = counts.optional()?.unwrap_or_default();
        let sql = "SELECT cid FROM activities WHERE owner = ?1 AND box = ?2 ORDER BY seq DESC LIMIT 1";
        let cid = self.connection().prepare_cached(sql)?.query_row(which, |row| row.get(0)).optional()?;
        Ok(BoxTip { count, public, cid })
    }

    /// `seq` of the activity of this Cid in a box.
    pub fn place_in_box(&self, owner: &ActorName, name: BoxName, cid: &str) -> Result<Option<u64>, ViewError> {
        let place = |row: &Row<'_>| row.get(0);
        let which = (cid, owner.as_str(), name.to_string());
        Ok(self.connection().prepare_cached(CID_IN_BOX)?.query_row(which, place).optional()?)
    }

    /// `seq`s of activities of a box, as the query orders them.
    pub fn box_page(&self, owner: &ActorName, name: BoxName, query: &BoxQuery) -> Result<Vec<u64>, ViewError> {
        let order = if query.after.is_some() { "ASC" } else { "DESC" };
        let visible = if query.only_public { "AND is_public = 1" } else { "" };
        let sql = format!(
            "SELECT seq FROM activities WHERE owner = ?1 AND box = ?2 AND seq > ?3 AND seq < ?6 {visible}
             ORDER BY seq {order} LIMIT ?4 OFFSET ?5"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let after = query.after.unwrap_or(0);
        let values = params![owner.as_str(), name.to_string(), after, query.limit, query.skip, bound(query.before)];
        let seqs = statement.query_map(values, |row| row.get(0))?;
        Ok(seqs.collect::<Result<_, _>>()?)
    }

    /// How many activities of a box come after an entry.
    pub fn box_count_after(
        &self,
        owner: &ActorName,
        name: BoxName,
        after: u64,
        only_public: bool,
    ) -> Result<u64, ViewError> {
        let visible = if only_public { "AND is_public = 1" } else { "" };
        let sql = format!("SELECT count(*) FROM activities WHERE owner = ?1 AND box = ?2 AND seq > ?3 {visible}");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_row((owner.as_str(), name.to_string(), after), |row| row.get(0))?)
    }

    /// `seq` of the activity of this id in a box of an actor's.
    pub fn activity_in_box(&self, owner: &ActorName, name: BoxName, id: &str) -> Result<Option<u64>, ViewError> {
        let token = id.rsplit(['/', ':']).next().unwrap_or(id);
        let mut statement = self.connection().prepare_cached(IN_BOX)?;
        Ok(statement.query_row((token, id, owner.as_str(), name.to_string()), |row| row.get(0)).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::{
        event::Record,
        log::Draft,
        object::Object,
        pipeline::ingest::{Ingested, Write, ingest},
        ports::Unsigned,
        time::Timestamp,
    };
    use serde_json::{Value, json};

    use super::{
        super::{fold::Batch, schema},
        *,
    };

    /// The entries of an article that is published, changed, hidden and published again.
    fn history() -> Vec<Draft> {
        let (key, owner) = ("Article/a".parse().expect("a key"), "site".parse().expect("a name"));
        let mut before: Option<Object> = None;
        let mut drafts = Vec::new();
        for (body, status) in [("x", "published"), ("y", "published"), ("y", "draft"), ("y", "published")] {
            let after = json!({"name": "A", "content": body, "summary": body, "status": status});
            let ingested = ingest(Write {
                base_url: "https://h.example",
                key: &key,
                before: before.as_ref(),
                after: after.as_object().cloned(),
                owner: &owner,
                by: None,
                origin: None,
                signatures: &Unsigned,
                now: Timestamp::from_millis(0),
                trace: None,
                claims: None,
            });
            let Ingested::Changed { append, object, .. } = ingested else { panic!("it changes") };
            before = Some(object);
            drafts.extend(append.drafts);
        }
        drafts
    }

    /// What everybody may see, and the counts, after these entries were folded in batches of so many.
    fn folded(batch: usize) -> (Vec<u64>, BoxTip) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("views.db");
        let mut connection = rusqlite::Connection::open(&path).expect("a file");
        connection.execute_batch(schema::TABLES).expect("the tables");
        let records: Vec<_> = history()
            .into_iter()
            .zip(1..)
            .map(|(draft, seq)| Record { seq, time: draft.time, stream: draft.stream, event: draft.event })
            .collect();
        for records in records.chunks(batch) {
            let transaction = connection.transaction().expect("a transaction");
            let mut batch = Batch::new(&transaction);
            for record in records {
                batch.apply(record).expect("folded");
            }
            batch.finish().expect("written");
            transaction.commit().expect("committed");
        }
        let reader = ViewReader::open(&path).expect("readable");
        let owner = "site".parse().expect("a name");
        let query = BoxQuery { only_public: true, limit: 10, ..BoxQuery::default() };
        let seqs = reader.box_page(&owner, BoxName::Outbox, &query).expect("readable");
        (seqs, reader.box_tip(&owner, BoxName::Outbox).expect("readable"))
    }

    #[test]
    fn what_was_taken_back_is_hidden_however_it_is_folded() {
        let kinds: Vec<Value> = history()
            .iter()
            .filter_map(|draft| match draft.event.as_deref() {
                Some(rosehip_core::event::Event::ActivityAppended(appended)) => Some(json!(appended.activity.kind)),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, ["Create", "Update", "Delete", "Create"]);
        let (seqs, tip) = folded(1);
        assert_eq!(seqs, [8, 6], "the deletion and the new publication");
        assert_eq!((tip.count, tip.public), (4, 2));
        for batch in [2, 3, 5, 100] {
            assert_eq!(folded(batch), (seqs.clone(), tip.clone()), "batches of {batch}");
        }
    }
}
