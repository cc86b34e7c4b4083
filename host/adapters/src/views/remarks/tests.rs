//! Remarks are what the entries say that are there, in whatever order they came and whichever of them were erased.

use std::sync::Arc;

use proptest::prelude::*;
use rosehip_core::{
    activity::{Activity, PUBLIC},
    canonical::Cid,
    event::{ActivityAppended, Erased, Event, Record, box_stream},
    ids::{ActivityId, ActorName, BoxName},
    remark::RemarkKind,
    time::Timestamp,
};
use rusqlite::{Connection, types::Value as Cell};
use serde_json::json;

use super::{
    super::{ViewReader, fold::Batch, schema},
    RemarkCursor,
};

const ME: &str = "https://here.example/actors/site";
const PAGE: &str = "https://here.example/roses";

/// Something that arrives: which of two actors sends it, which of two inboxes it comes to, and what it is.
#[derive(Debug, Clone)]
struct Arriving {
    ben: bool,
    garden: bool,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Reply { id: u8, is_public: bool },
    Update { id: u8, is_public: bool },
    Delete { id: u8 },
    Like { id: u8 },
    Share { id: u8 },
    Undo { id: u8 },
    Gone,
}

impl Arriving {
    fn activity(&self, n: usize) -> Activity {
        let actor = format!("https://there.example/{}", if self.ben { "ben" } else { "ann" });
        let note = |id: &u8| format!("{actor}/notes/{id}");
        let done = |id: &u8| format!("{actor}/done/{id}");
        let own = format!("{actor}/activities/{n}");
        let to = |is_public: &bool| if *is_public { json!([PUBLIC, ME]) } else { json!([ME]) };
        let (kind, id, object, to) = match &self.what {
            What::Reply { id, is_public } => {
                let object = json!({"id": note(id), "type": "Note", "inReplyTo": PAGE, "content": "x"});
                ("Create", own, object, to(is_public))
            }
            What::Update { id, is_public } => {
                ("Update", own, json!({"id": note(id), "type": "Note", "content": "y"}), to(is_public))
            }
            What::Delete { id } => ("Delete", own, json!(note(id)), json!([PUBLIC])),
            What::Like { id } => ("Like", done(id), json!(PAGE), json!([])),
            What::Share { id } => ("Announce", done(&(id + 10)), json!(PAGE), json!([PUBLIC])),
            What::Undo { id } => ("Undo", own, json!(done(id)), json!([])),
            What::Gone => ("Delete", own, json!(actor), json!([PUBLIC])),
        };
        let document = json!({"id": id, "type": kind, "actor": actor, "object": object, "to": to});
        let document = document.as_object().cloned().expect("an object");
        let id: ActivityId = id.parse().expect("a URL");
        let owner: ActorName = if self.garden { "garden" } else { "site" }.parse().expect("a name");
        Activity {
            cid: Cid::of_document(&document),
            owner,
            r#box: BoxName::Inbox,
            kind: kind.parse().expect("a type"),
            object_type: "Note".parse().expect("a type"),
            object: matches!(kind, "Like" | "Announce").then(|| "Article/roses".parse().expect("a key")),
            revision: None,
            cause: None,
            caused_by: None,
            depth: 0,
            root: id.clone(),
            id,
            transitions: Vec::new(),
            blind: Vec::new(),
            trace: None,
            document,
        }
    }
}

struct Views {
    connection: Connection,
    reader: ViewReader,
    _dir: tempfile::TempDir,
}

impl Views {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("views.db");
        let connection = Connection::open(&path).expect("a file");
        connection.execute_batch(schema::TABLES).expect("the tables");
        Self { connection, reader: ViewReader::open(&path).expect("readable"), _dir: dir }
    }

    /// Folds entries in one batch.
    fn take(&mut self, entries: impl IntoIterator<Item = (u64, Event)>) {
        let transaction = self.connection.transaction().expect("a transaction");
        let mut batch = Batch::new(&transaction);
        for (seq, event) in entries {
            let stream = box_stream(&"site".parse().expect("a name"), BoxName::Inbox);
            let time = Timestamp::from_millis(0);
            batch.apply(&Record { seq, time, stream, event: Some(Arc::new(event)) }).expect("folded");
        }
        batch.finish().expect("written");
        transaction.commit().expect("committed");
    }

    /// All rows of the table.
    fn rows(&self) -> Vec<Vec<Cell>> {
        let mut statement = self.connection.prepare("SELECT * FROM remarks ORDER BY seq").expect("SQL");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).expect("rows");
        rows.collect::<Result<_, _>>().expect("readable")
    }

    /// The entries that are shown of a kind, and how many are counted.
    fn about(&self, targets: &[&str], kind: RemarkKind) -> (Vec<u64>, u64) {
        let owner = "site".parse().expect("a name");
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let page = self.reader.remarks_about(&owner, &targets, kind, 0, 100).expect("readable");
        let (count, _) = self.reader.count_remarks_about(&owner, &targets, kind).expect("readable");
        (page.places.iter().map(|place| place.seq).collect(), count)
    }
}

fn appended(arriving: &Arriving, n: usize) -> Event {
    ActivityAppended { activity: Arc::new(arriving.activity(n)) }.into()
}

fn of(what: What) -> Arriving {
    Arriving { ben: false, garden: false, what }
}

fn folded(arrivals: &[Arriving]) -> Views {
    let mut views = Views::new();
    views.take((1..).zip(arrivals.iter().enumerate().map(|(n, arriving)| appended(arriving, n))));
    views
}

#[test]
fn a_reply_that_came_to_two_inboxes_is_one_and_says_what_it_was_changed_to() {
    let reply = What::Reply { id: 1, is_public: true };
    let mut both = vec![of(reply.clone()), Arriving { garden: true, ..of(reply) }];
    assert_eq!(folded(&both).about(&[PAGE], RemarkKind::Reply), (vec![1], 1));
    both.push(of(What::Update { id: 1, is_public: true }));
    let views = folded(&both);
    let owner = "site".parse().expect("a name");
    let page = views.reader.remarks_about(&owner, &[PAGE.to_owned()], RemarkKind::Reply, 0, 9).expect("readable");
    assert_eq!((page.places[0].seq, page.places[0].said, page.next), (1, 3, None));
    both.push(of(What::Update { id: 1, is_public: false }));
    assert_eq!(folded(&both).about(&[PAGE], RemarkKind::Reply), (vec![], 0), "it is not for everybody any more");
    both[3] = Arriving { ben: true, ..of(What::Delete { id: 1 }) };
    assert_eq!(folded(&both).about(&[PAGE], RemarkKind::Reply).1, 1, "another one's deletion is none");
    both[3] = of(What::Delete { id: 1 });
    assert_eq!(folded(&both).about(&[PAGE], RemarkKind::Reply), (vec![], 0));
}

#[test]
fn whoever_likes_a_thing_twice_likes_it_once_until_both_are_undone() {
    let mut done = vec![of(What::Like { id: 1 }), of(What::Like { id: 2 }), of(What::Share { id: 1 })];
    done.push(Arriving { ben: true, ..of(What::Like { id: 1 }) });
    let likes = |done: &[Arriving]| folded(done).about(&["Article/roses"], RemarkKind::Like);
    assert_eq!(likes(&done), (vec![1, 4], 2));
    done.push(of(What::Undo { id: 1 }));
    assert_eq!(likes(&done), (vec![2, 4], 2));
    done.push(of(What::Undo { id: 2 }));
    assert_eq!(likes(&done), (vec![4], 1));
    // What is undone before it comes never counts.
    assert_eq!(likes(&[of(What::Undo { id: 3 }), of(What::Like { id: 3 })]), (vec![], 0));
    // Whoever is gone is gone with all that they said.
    done.push(Arriving { ben: true, ..of(What::Gone) });
    assert_eq!(likes(&done), (vec![], 0));
    assert_eq!(folded(&done).about(&["Article/roses"], RemarkKind::Share), (vec![3], 1));
}

#[test]
fn what_is_listed_is_bounded_and_goes_on_where_it_ended() {
    let replies: Vec<_> = (0..7).map(|id| of(What::Reply { id, is_public: true })).collect();
    let views = folded(&replies);
    let owner: ActorName = "site".parse().expect("a name");
    let page = |after| {
        let targets = [PAGE.to_owned()];
        let page = views.reader.remarks_about(&owner, &targets, RemarkKind::Reply, after, 3).expect("readable");
        (page.places.iter().map(|place| place.seq).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(page(0), (vec![1, 2, 3], Some(3)));
    assert_eq!(page(3), (vec![4, 5, 6], Some(6)));
    assert_eq!(page(6), (vec![7], None));
    let notices = |before| {
        let page = views.reader.notices(&owner, RemarkCursor { before, limit: 4 }).expect("readable");
        (page.places.iter().map(|place| place.seq).collect::<Vec<_>>(), page.next)
    };
    assert_eq!(notices(None), (vec![7, 6, 5, 4], Some(4)));
    assert_eq!(notices(Some(4)), (vec![3, 2, 1], None));
    let page = views.reader.timeline(&owner, RemarkCursor { before: None, limit: 4 }).expect("readable");
    assert_eq!((page.places, page.next), (Vec::new(), None), "nobody is followed");
}

fn what() -> impl Strategy<Value = What> {
    let id = 0_u8..3;
    prop_oneof![
        (id.clone(), any::<bool>()).prop_map(|(id, is_public)| What::Reply { id, is_public }),
        (id.clone(), any::<bool>()).prop_map(|(id, is_public)| What::Update { id, is_public }),
        id.clone().prop_map(|id| What::Delete { id }),
        id.clone().prop_map(|id| What::Like { id }),
        id.clone().prop_map(|id| What::Share { id }),
        id.clone().prop_map(|id| What::Undo { id }),
        id.prop_map(|id| What::Undo { id: id + 10 }),
        Just(What::Gone),
    ]
}

fn arriving() -> impl Strategy<Value = Arriving> {
    (any::<bool>(), any::<bool>(), what()).prop_map(|(ben, garden, what)| Arriving { ben, garden, what })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Views that saw what was erased since end as those do that never saw it.
    #[test]
    fn what_was_erased_is_as_if_it_had_never_come(
        arrivals in prop::collection::vec((arriving(), any::<bool>()), 1..24),
        batch in 1_usize..6,
    ) {
        let entries: Vec<(u64, Event, bool)> = (1_u64..)
            .zip(arrivals.iter().enumerate())
            .map(|(seq, (n, (arriving, is_erased)))| (seq, appended(arriving, n), *is_erased))
            .collect();
        let mut seen = Views::new();
        for entries in entries.chunks(batch) {
            seen.take(entries.iter().map(|(seq, event, _)| (*seq, event.clone())));
        }
        let seqs: Vec<u64> = entries.iter().filter(|(_, _, is_erased)| *is_erased).map(|(seq, _, _)| *seq).collect();
        let erased = Erased { seqs, reason: "asked for".to_owned(), ..Erased::default() };
        seen.take([(100, erased.into())]);
        let mut rebuilt = Views::new();
        rebuilt.take(entries.iter().filter(|(_, _, is_erased)| !is_erased).map(|(seq, event, _)| (*seq, event.clone())));
        prop_assert_eq!(seen.rows(), rebuilt.rows());
    }
}
