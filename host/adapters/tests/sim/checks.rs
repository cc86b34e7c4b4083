//! What must hold of a world once its last host has come to rest. The log is read as anybody would read it who has nothing
//! but the file.

use std::{collections::BTreeMap, sync::Arc};

use rosehip_adapters::{erasure::erased_at, store::SqliteReader, views::Projector};
use rosehip_core::{
    behavior::Registry,
    event::{Event, Record},
    ids::FlowId,
    log::{ChainVerifier, Head, SeqSet, StoredEntry},
    ports::LogReader as _,
    state::EffectStatus,
};

use crate::{blank::Views, world::World};

/// Checks a world and tells its witness what is wrong. Returns the log's head.
pub(crate) fn check(world: &Arc<World>) -> Head {
    let log = SqliteReader::open(&world.disk.log()).expect("the log is there");
    let entries = log.read(1, usize::MAX).expect("the log can be read");
    let mut wrongs = Vec::new();
    let head = chain(&log, &entries, &mut wrongs);
    durability(world, &entries, &mut wrongs);
    matches(world, &entries, &mut wrongs);
    effects(world, &entries, &mut wrongs);
    views(world, &log, &mut wrongs);
    world.witness().wrongs.extend(wrongs);
    head
}

/// The chain holds, and bodies are missing only where an erasure names them, and then all of them are.
fn chain(log: &SqliteReader, entries: &[StoredEntry], wrongs: &mut Vec<String>) -> Head {
    let mut verifier = ChainVerifier::default();
    for entry in entries {
        let erased = match erased_at(log, entry.header.seq) {
            Ok(erased) => erased.map_or_else(SeqSet::default, |erased| erased.all()),
            Err(error) => {
                wrongs.push(format!("entry {} cannot be read: {error}", entry.header.seq));
                SeqSet::default()
            }
        };
        if let Err(error) = verifier.check(entry, &erased) {
            wrongs.push(format!("the chain breaks: {error}"));
            break;
        }
    }
    if verifier.unfinished() > 0 {
        wrongs.push(format!("{} bodies that were erased are there", verifier.unfinished()));
    }
    let head = verifier.head();
    if let Err(error) = verifier.finish() {
        wrongs.push(format!("the chain breaks: {error}"));
    }
    head
}

/// What was committed is there, and what was acknowledged was committed.
fn durability(world: &World, entries: &[StoredEntry], wrongs: &mut Vec<String>) {
    let witness = world.witness();
    if !witness.hashes.iter().eq(entries.iter().map(|entry| &entry.hash)) {
        wrongs.push(format!(
            "{} entries were committed, and the log of {} is not theirs",
            witness.hashes.len(),
            entries.len()
        ));
    }
    for seq in &witness.acknowledged {
        let entry = usize::try_from(seq - 1).ok().and_then(|place| entries.get(place));
        if entry.is_none_or(|entry| &*entry.header.kind != "activity.appended") {
            wrongs.push(format!("entry {seq} was acknowledged as an activity, and is none"));
        }
    }
}

/// Every activity has exactly one match, which names the flows that it started and no others, and each of those is bound
/// to what its behavior was at the activity's entry.
fn matches(world: &World, entries: &[StoredEntry], wrongs: &mut Vec<String>) {
    let mut matched: BTreeMap<u64, Vec<FlowId>> = BTreeMap::new();
    let mut started: BTreeMap<u64, Vec<FlowId>> = BTreeMap::new();
    let mut registry = Registry::default();
    for entry in entries {
        let record = match Record::read(entry) {
            Ok(record) => record,
            Err(error) => {
                wrongs.push(format!("entry {} cannot be read: {error}", entry.header.seq));
                continue;
            }
        };
        if let Err(error) = registry.apply(&record) {
            wrongs.push(format!("entry {} cannot be taken in: {error}", record.seq));
        }
        match record.event.as_deref() {
            Some(Event::ActivityMatched(body)) => {
                let before = matched.insert(body.seq, body.flows.clone());
                wrongs.extend(
                    before.map(|_| format!("the activity of entry {} is matched again by {}", body.seq, record.seq)),
                );
            }
            Some(Event::FlowStarted(body)) if body.run == 1 => {
                let standing = registry.at(body.activity_seq);
                let stood =
                    standing.get(&body.behavior).map(|stood| (stood.enabled, stood.digest, stood.grant_version));
                if stood != Some((true, body.digest, body.grant_version)) {
                    wrongs.push(format!("entry {} is bound to what {} was not: {stood:?}", record.seq, body.behavior));
                }
                started.entry(body.activity_seq).or_default().push(body.flow);
            }
            _ => {}
        }
    }
    for entry in entries.iter().filter(|entry| &*entry.header.kind == "activity.appended" && entry.body.is_some()) {
        let seq = entry.header.seq;
        let Some(flows) = matched.get(&seq) else {
            let was_told = world.witness().acknowledged.contains(&seq);
            wrongs.push(format!("the activity of entry {seq} is not matched (acknowledged: {was_told})"));
            continue;
        };
        let begun = started.get(&seq).cloned().unwrap_or_default();
        if *flows != begun {
            wrongs.push(format!("the match of entry {seq} names {flows:?}, and {begun:?} were started"));
        }
    }
}

/// What the log says was carried out was taken by somebody, and nothing is open.
fn effects(world: &World, entries: &[StoredEntry], wrongs: &mut Vec<String>) {
    let mut kinds = BTreeMap::new();
    for record in entries.iter().filter_map(|entry| Record::read(entry).ok()) {
        if let Some(Event::NodeDone(done)) = record.event.as_deref() {
            kinds.extend(done.effects.iter().map(|effect| (effect.id, effect.kind.clone())));
        }
    }
    let witness = world.witness();
    for (id, kind) in kinds {
        let Some(standing) = witness.effects.get(&id) else {
            wrongs.push(format!("effect {id} was never committed"));
            continue;
        };
        let goes_out = matches!(kind.as_str(), "notify" | "webhook");
        if goes_out && standing.status == EffectStatus::Dispatched && standing.taken == 0 {
            wrongs.push(format!("effect {id} is dispatched, and nobody took it"));
        }
        if !goes_out && standing.sent > 0 {
            wrongs.push(format!("effect {id} of kind {kind} left the machine"));
        }
    }
}

/// Views that were kept hold what views hold that are made of the log alone.
fn views(world: &World, log: &SqliteReader, wrongs: &mut Vec<String>) {
    let spare = Views::blank();
    let rebuilt = match Projector::open(&spare.path(), log) {
        Ok(rebuilt) => rebuilt,
        Err(error) => return wrongs.push(format!("the views cannot be rebuilt: {error}")),
    };
    let both = world.disk.with_views(Views::dump).and_then(|kept| Ok((kept, spare.dump()?)));
    drop(rebuilt);
    spare.give_back();
    let (kept, rebuilt) = match both {
        Ok(both) => both,
        Err(error) => return wrongs.push(format!("the views cannot be read: {error}")),
    };
    let has_erased = world.witness().has_erased;
    for (table, rows) in &kept {
        // How many effects were recorded in a minute counts those that were erased since, which views that are rebuilt
        // have not seen.
        if has_erased && table == "recorded_minutes" {
            continue;
        }
        let others = rebuilt.get(table);
        if others != Some(rows) {
            let others = others.cloned().unwrap_or_default();
            let kept: Vec<_> = rows.iter().filter(|row| !others.contains(row)).collect();
            let made: Vec<_> = others.iter().filter(|row| !rows.contains(row)).collect();
            wrongs.push(format!("table {table} of the views holds {kept:?}, and {made:?} when it is rebuilt"));
        }
    }
}
