//! The rows of flows as a batch changes them, and the marks by which flows are found: what they asked for, what stands badly,
//! and the words they are about. A mark is a row of its own, ordered by flow, so that a list of the flows that have it is read
//! as a list of all flows is.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fmt,
};

use rosehip_core::{
    activity::Cause,
    event::{Event, FlowStarted, Record},
    flow::FlowSummary,
    ids::{ActivityId, BehaviorName, Digest, FlowId},
    state::{EffectStatus, FlowStatus},
};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{
    ViewError,
    schema::{ENDED, OPEN, RESTS},
    tallies::Tallies,
};

/// Words of one text that are marks.
const WORDS: usize = 32;
/// Characters of a word.
const WORD_CHARS: usize = 40;

/// Statuses of effects that are marks: where they are rare. The others are read from the row.
pub(super) const MARKED: [EffectStatus; 5] = [
    EffectStatus::Retrying,
    EffectStatus::Dead,
    EffectStatus::Denied,
    EffectStatus::Cancelled,
    EffectStatus::Unhandled,
];

/// What a flow is found by.
pub(super) enum Mark<'a> {
    /// An effect of this kind.
    Kind(&'a str),
    /// An effect that stands so.
    Effect(EffectStatus),
    /// A word.
    Word(&'a str),
}

impl fmt::Display for Mark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "k:{kind}"),
            Self::Effect(status) => write!(f, "e:{status}"),
            Self::Word(word) => write!(f, "w:{word}"),
        }
    }
}

/// The words of a text, in lower case and each once: runs of letters and digits.
pub(super) fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.map(|word| word.chars().take(WORD_CHARS).flat_map(char::to_lowercase).collect::<String>());
    words.take(WORDS).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A flow as a batch changes it.
pub(super) struct FlowRow {
    seq: u64,
    summary: FlowSummary,
    /// Where the flow stands in the file; none of a flow that began in this batch.
    stood: Option<FlowStatus>,
    /// Whether nothing came after the flow was suspended.
    rests: bool,
    /// Since when it waits, in milliseconds since the epoch.
    waits_since: Option<i64>,
    marks: BTreeSet<String>,
    /// Those that are written.
    written: BTreeSet<String>,
    /// What made the activity, of a flow that began in this batch.
    cause: Option<Cause>,
    /// The activity that began it all, where that is not the flow's own, of a flow that began in this batch.
    root: Option<ActivityId>,
}

impl FlowRow {
    pub(super) fn behavior(&self) -> &BehaviorName {
        &self.summary.behavior
    }

    /// Takes in an entry of the flow.
    #[expect(clippy::wildcard_enum_match_arm, reason = "two kinds of entry say what a flow is found by")]
    pub(super) fn apply(&mut self, record: &Record, event: &Event) {
        self.summary.apply(record.time, event);
        match event {
            Event::NodeDone(done) => {
                self.marks.extend(done.effects.iter().map(|effect| Mark::Kind(&effect.kind).to_string()));
            }
            Event::FlowFailed(failed) => {
                self.mark_words(&failed.error.rule);
                self.mark_words(&failed.error.message);
            }
            _ => {}
        }
        self.rests = matches!(event, Event::FlowSuspended(_));
        self.waits_since = match (event, self.summary.status) {
            (Event::FlowSuspended(_), _) => Some(record.time.as_millis()),
            (_, FlowStatus::Suspended) => self.waits_since,
            _ => None,
        };
    }

    fn mark_words(&mut self, text: &str) {
        self.marks.extend(words_of(text).iter().map(|word| Mark::Word(word).to_string()));
    }

    fn write(mut self, transaction: &Transaction<'_>, tallies: &mut Tallies) -> Result<(), ViewError> {
        tallies.moved(self.stood, Some(self.summary.status));
        for status in MARKED {
            let mark = Mark::Effect(status).to_string();
            if self.summary.effects.count(status) > 0 {
                self.marks.insert(mark);
            } else {
                self.marks.remove(&mark);
            }
        }
        let Self { seq, summary: flow, .. } = &self;
        let is_open = match !flow.status.is_final() || flow.effects.open() > 0 {
            true if self.rests && flow.effects.open() == 0 => RESTS,
            true => OPEN,
            false => ENDED,
        };
        let object = flow.object.as_ref();
        let mut statement = transaction.prepare_cached(
            "INSERT INTO flows VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
             ON CONFLICT (seq) DO UPDATE SET status = excluded.status, is_open = excluded.is_open, row = excluded.row,
             waits_since = excluded.waits_since, marks = excluded.marks",
        )?;
        statement.execute(params![
            seq,
            flow.id.to_string(),
            flow.status.as_str(),
            flow.behavior.as_str(),
            object.map(|object| format!("{}/{}", object.r#type, object.id)),
            object.and_then(|object| object.slug.as_deref()),
            flow.owner.as_str(),
            flow.activity.as_str(),
            is_open,
            serde_json::to_string(flow)?,
            flow.started_at.as_millis(),
            self.cause.as_ref().map(|cause| cause.flow.to_string()),
            self.cause.as_ref().map(|cause| cause.effect.to_string()),
            self.waits_since,
            self.marks.iter().map(String::as_str).collect::<Vec<_>>().join("\n"),
            self.root.as_ref().map(ActivityId::as_str),
        ])?;
        for mark in self.marks.difference(&self.written) {
            transaction.prepare_cached("INSERT INTO flow_marks VALUES (?1, ?2)")?.execute(params![mark, seq])?;
        }
        for mark in self.written.difference(&self.marks) {
            unmark(transaction, mark, *seq)?;
        }
        Ok(())
    }
}

fn unmark(transaction: &Transaction<'_>, mark: &str, seq: u64) -> Result<(), ViewError> {
    let sql = "DELETE FROM flow_marks WHERE mark = ?1 AND seq = ?2";
    transaction.prepare_cached(sql)?.execute(params![mark, seq])?;
    Ok(())
}

fn marks_of(text: &str) -> BTreeSet<String> {
    text.split('\n').filter(|mark| !mark.is_empty()).map(str::to_owned).collect()
}

/// The rows of flows that a batch changes.
#[derive(Default)]
pub(super) struct FlowRows(HashMap<FlowId, FlowRow>);

impl FlowRows {
    /// A flow begins.
    pub(super) fn begin(&mut self, record: &Record, started: &FlowStarted) {
        let mut row = FlowRow {
            seq: record.seq,
            summary: FlowSummary::begin(record.time, started),
            stood: None,
            rests: false,
            waits_since: None,
            marks: BTreeSet::new(),
            written: BTreeSet::new(),
            cause: started.cause.clone(),
            root: (started.depth > 0).then(|| started.root.clone()),
        };
        let object = row.summary.object.as_ref();
        let about = object.map(|object| format!("{} {}", object.slug.as_deref().unwrap_or_default(), object.id));
        row.mark_words(&about.unwrap_or_default());
        self.0.insert(started.flow, row);
    }

    /// The row of a flow; none where its start was erased, so that there is nothing to show.
    pub(super) fn get(&mut self, transaction: &Transaction<'_>, id: FlowId) -> Result<Option<&mut FlowRow>, ViewError> {
        let vacant = match self.0.entry(id) {
            Entry::Occupied(row) => return Ok(Some(row.into_mut())),
            Entry::Vacant(vacant) => vacant,
        };
        let sql = "SELECT seq, row, waits_since, marks FROM flows WHERE id = ?1";
        let mut statement = transaction.prepare_cached(sql)?;
        let found = statement.query_row([id.to_string()], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, String>(3)?))
        });
        let Some((seq, row, waits_since, marks)) = found.optional()? else { return Ok(None) };
        let (summary, marks) = (serde_json::from_str::<FlowSummary>(&row)?, marks_of(&marks));
        let written = marks.clone();
        let stood = Some(summary.status);
        let row = FlowRow { seq, summary, stood, rests: false, waits_since, marks, written, cause: None, root: None };
        Ok(Some(vacant.insert(row)))
    }

    /// Writes them all.
    pub(super) fn write(&mut self, transaction: &Transaction<'_>) -> Result<(), ViewError> {
        let mut tallies = Tallies::default();
        std::mem::take(&mut self.0).into_values().try_for_each(|row| row.write(transaction, &mut tallies))?;
        tallies.write(transaction)
    }
}

/// Takes out flows that began at entries that are erased, and gives the modules that they ran on.
pub(super) fn erase(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<Vec<Digest>, ViewError> {
    let mut statement = transaction.prepare_cached("SELECT seq, row, marks FROM flows WHERE seq BETWEEN ?1 AND ?2")?;
    let rows = statement.query_map((first, last), |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let (mut digests, mut tallies) = (Vec::new(), Tallies::default());
    for row in rows {
        let (seq, row, marks) = row?;
        let summary: FlowSummary = serde_json::from_str(&row)?;
        digests.push(summary.digest);
        tallies.moved(Some(summary.status), None);
        for mark in marks_of(&marks) {
            unmark(transaction, &mark, seq)?;
        }
    }
    transaction.prepare_cached("DELETE FROM flows WHERE seq BETWEEN ?1 AND ?2")?.execute((first, last))?;
    tallies.write(transaction)?;
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_each_once() {
        assert_eq!(words_of("On-Roses, on ROSES: 2nd “Éd.”"), ["2nd", "on", "roses", "éd"]);
        assert_eq!(words_of(" -- "), Vec::<String>::new());
        assert_eq!(words_of(&"a".repeat(99)), ["a".repeat(WORD_CHARS)]);
        assert_eq!(words_of(&(0..99).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")).len(), WORDS);
    }
}
