//! `verify` finds whatever was changed, wherever it was.

use proptest::prelude::*;
use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions, log_path},
    verify::{VerifyError, verify},
    writer::{Writer, WriterOptions},
};
use rosehip_core::log::{Append, ChainError, Draft};
use rusqlite::{Connection, types::Value};
use tempfile::TempDir;

use crate::support::{draft, key, keyed};

/// A stopped host's directory whose log holds these drafts.
fn log_of(drafts: Vec<Draft>) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let (_opened, writer) = start(&dir);
    writer.append_with(Append::unconditional(drafts), Box::new(|answer| assert!(answer.is_ok())));
    writer.stop();
    dir
}

fn start(dir: &TempDir) -> (rosehip_adapters::lock::DirLock, Writer) {
    let DataDir { lock, log, signer, .. } = DataDir::open(dir.path(), &DataDirOptions::default()).expect("opened");
    let options = WriterOptions { signer: Some(signer), ..WriterOptions::default() };
    (lock, Writer::start(log, options).expect("started"))
}

fn erasure(seqs: &str) -> Draft {
    Draft { kind: "erased".into(), ..draft("log", &format!("{{\"seqs\":[{seqs}],\"reason\":\"asked for\"}}")) }
}

#[tokio::test]
async fn a_log_verifies_while_its_host_runs() {
    let dir = log_of(vec![draft("a", "{}"); 1_500]);
    let (_lock, writer) = start(&dir);
    writer.append(Append::unconditional(vec![draft("a", "{}"); 1_000])).await.expect("appended");
    let mut steps = Vec::new();
    let report = verify(dir.path(), |seq| steps.push(seq)).expect("verified");
    assert_eq!((report.entries, report.erased), (2_500, 0));
    assert_eq!(report.signed.map(|head| head.seq), Some(1_500));
    assert_eq!(steps, [2_000, 2_500]);
}

#[tokio::test]
async fn an_erasure_accounts_for_the_bodies_it_names() {
    let dir = log_of(vec![draft("a", "{\"name\":\"a person\"}"); 3]);
    let (_lock, writer) = start(&dir);
    writer.append(Append::unconditional(vec![erasure("1, 3")])).await.expect("appended");
    writer.erase(vec![1, 3]).await.expect("erased");
    let report = verify(dir.path(), |_| {}).expect("verified");
    assert_eq!((report.entries, report.erased), (4, 2));

    writer.erase(vec![2]).await.expect("erased");
    let found = verify(dir.path(), |_| {});
    assert!(matches!(found, Err(VerifyError::Chain(ChainError::Missing { seq: 2 }))), "{found:?}");
}

#[test]
fn an_erasure_that_names_nothing_is_refused() {
    let dir = log_of(vec![erasure("\"one\"")]);
    assert!(matches!(verify(dir.path(), |_| {}), Err(VerifyError::Erasure { seq: 1, .. })));
}

const COLUMNS: [&str; 9] = ["seq", "version", "time", "stream", "kind", "dedup", "body_hash", "hash", "salt"];

/// The value with one of its bits turned; of a text, its last letter.
fn turned(value: Value, bit: usize) -> Value {
    match value {
        Value::Null => Value::Blob(vec![0; 32]),
        Value::Integer(number) => Value::Integer(number ^ (1 << (bit % 60))),
        Value::Real(number) => Value::Real(-number),
        Value::Text(mut text) => {
            text.pop();
            text.push('ß');
            Value::Text(text)
        }
        Value::Blob(mut bytes) => {
            let at = bit / 8 % bytes.len();
            bytes[at] ^= 1 << (bit % 8);
            Value::Blob(bytes)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_turned_bit_is_found(row in 1..=4_i64, column in 0..=COLUMNS.len(), bit in 0..256_usize) {
        let column = COLUMNS.get(column).copied().unwrap_or("body");
        let dir = log_of(vec![draft("a", "{\"n\":1}"), keyed("b", key(1)), draft("a", "{\"n\":2}"), draft("c", "{}")]);
        let log = Connection::open(log_path(dir.path())).expect("opened");
        let value: Value = log
            .query_row(&format!("SELECT {column} FROM entries WHERE seq = ?1"), [row], |row| row.get(0))
            .expect("read");
        let changed = log.execute(&format!("UPDATE entries SET {column} = ?2 WHERE seq = ?1"), (row, turned(value, bit)));
        // A `seq` that is taken cannot be given again.
        prop_assume!(changed.is_ok());
        drop(log);
        prop_assert!(verify(dir.path(), |_| {}).is_err(), "{} of entry {}", column, row);
    }
}
