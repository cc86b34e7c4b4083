//! However appends fall into frames, their answers are those of a list that takes one at a time.

use std::collections::HashMap;

use proptest::prelude::*;
use rosehip_adapters::{
    store::{SqliteLog, SqliteOptions, SqliteReader},
    verify::verify_log,
    writer::{Answer, AppendError, Appended, Writer, WriterOptions},
};
use rosehip_core::log::{Append, Draft, Expected};

use crate::support::{draft, key, stream};

/// One append in small: drafts of a stream and perhaps a key, and what it rests on.
#[derive(Debug, Clone)]
struct Plan {
    drafts: Vec<(u8, Option<u8>)>,
    expected: Option<(u8, Option<u64>)>,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let draft = (0..4_u8, prop::option::weighted(0.4, 0..12_u8));
    let expected = prop::option::of((0..4_u8, prop::option::weighted(0.7, 1..30_u64)));
    let plan = (prop::collection::vec(draft, 0..4), expected).prop_map(|(drafts, expected)| Plan { drafts, expected });
    prop::collection::vec(plan, 1..30)
}

fn append_of(plan: &Plan) -> Append {
    let drafts = plan
        .drafts
        .iter()
        .map(|(name, dedup)| Draft { dedup: dedup.map(key), ..draft(&format!("s{name}"), "{}") })
        .collect();
    let expected = plan.expected.map(|(name, head)| Expected { stream: stream(&format!("s{name}")), head });
    Append { expected: expected.into_iter().collect(), ..Append::unconditional(drafts) }
}

#[derive(Default)]
struct Model {
    last: u64,
    heads: HashMap<u8, u64>,
    keys: HashMap<u8, u64>,
}

impl Model {
    fn append(&mut self, plan: &Plan) -> Answer {
        if let Some((name, expected)) = plan.expected {
            let found = self.heads.get(&name).copied();
            if found != expected {
                return Err(AppendError::Stale { stream: stream(&format!("s{name}")), expected, found });
            }
        }
        let first = self.last + 1;
        let mut keys = self.keys.clone();
        for (seq, (_, dedup)) in (first..).zip(&plan.drafts) {
            if let Some(n) = dedup
                && let Some(seq) = keys.insert(*n, seq)
            {
                return Err(AppendError::Duplicate { key: key(*n), seq });
            }
        }
        self.keys = keys;
        for (name, _) in &plan.drafts {
            self.last += 1;
            self.heads.insert(*name, self.last);
        }
        Ok(Appended { first, last: self.last })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn answers_do_not_depend_on_frames(plans in plans()) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log.db");
        let options = SqliteOptions { generation: Some(3), ..SqliteOptions::default() };
        let log = SqliteLog::open(&path, &options).expect("opened");
        let writer = Writer::start(log, WriterOptions::default()).expect("started");
        let waiting: Vec<_> = plans.iter().map(|plan| writer.append(append_of(plan))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answers: Vec<_> = waiting.into_iter().map(|answer| runtime.block_on(answer)).collect();
        writer.stop();

        let mut model = Model::default();
        let wanted: Vec<_> = plans.iter().map(|plan| model.append(plan)).collect();
        prop_assert_eq!(answers, wanted);
        let report = verify_log(&SqliteReader::open(&path).expect("opened"), None, |_| {}).expect("the chain holds");
        prop_assert_eq!(report.entries, model.last);
    }
}
