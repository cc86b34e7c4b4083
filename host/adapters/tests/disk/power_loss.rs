//! Power that goes at any moment: what was acknowledged is there, and the chain is whole.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use fastrand::Rng;

use crate::{
    image::{Image, Lost},
    promises::{Promises, check},
    recording::{Recording, is_passing},
    runs,
    scenario::{self, Plan},
    shim,
};

/// Images that are made of a recording in the ordinary tests; fewer where nothing is optimised.
const IMAGES: u64 = if cfg!(debug_assertions) { 50 } else { 200 };

/// A recording, and the journal that it was read from, which repeats what failed.
struct Recorded {
    recording: Recording,
    journal: PathBuf,
}

fn record(plan: Plan) -> Recorded {
    let root = tempfile::tempdir().expect("a directory");
    if let Some(journal) = env::var_os("RECORDING").map(PathBuf::from) {
        let at = fs::read_to_string(journal.with_extension("root")).expect("where it was recorded");
        return Recorded { recording: Recording::read(&journal, Path::new(&at)), journal };
    }
    let root = root.path().canonicalize().expect("it is there");
    let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-loss-{}", plan.name()));
    let ran = shim::run(&root, plan, None, &journal);
    fs::write(journal.with_extension("root"), root.to_str().expect("a path of text")).expect("written");
    assert!(ran.status.success(), "the scenario ended with {}", ran.status);
    assert_eq!(
        on_disk(&root),
        recorded(&ran.recording),
        "nothing that is done to the files is missing in the recording"
    );
    Recorded { recording: ran.recording, journal }
}

/// Lengths and bytes of the files that lie in a directory.
fn on_disk(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut dirs) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else if !is_passing(&path) {
                let name = path.strip_prefix(root).expect("below it").to_owned();
                found.insert(name, fs::read(&path).expect("read"));
            }
        }
    }
    found
}

fn recorded(recording: &Recording) -> BTreeMap<PathBuf, Vec<u8>> {
    Image::at(recording, recording.changes.len())
        .contents()
        .into_iter()
        .map(|(name, bytes)| (name, bytes.to_vec()))
        .collect()
}

/// Makes image `number` and looks at it.
fn look(recording: &Recording, number: u64) -> Result<Lost, String> {
    let mut random = Rng::with_seed(number);
    let end = random.usize(..=recording.changes.len());
    let promises: Promises = recording.acks(end).collect();
    let (image, lost) = Image::cut(recording, end, &mut random);
    let root = runs::scratch();
    image.write_to(root.path());
    check(&scenario::data(root.path()), &promises).map(|()| lost).map_err(|error| {
        format!("the power went before change {end} of {}, {lost:?}: {error}", recording.changes.len())
    })
}

/// What was lost on the way to all images.
#[derive(Default)]
struct Tally {
    images: AtomicU64,
    dropped: AtomicU64,
    torn: AtomicU64,
    names: AtomicU64,
}

impl Tally {
    fn add(&self, lost: Lost) {
        self.images.fetch_add(1, Ordering::Relaxed);
        self.dropped.fetch_add(lost.dropped, Ordering::Relaxed);
        self.torn.fetch_add(lost.torn, Ordering::Relaxed);
        self.names.fetch_add(lost.names, Ordering::Relaxed);
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_the_chain_is_whole() {
    let recorded = record(Plan::Long);
    let (images, tally) = (runs::number("IMAGES", IMAGES), Tally::default());
    let looked = runs::each("IMAGE", images, |number| look(&recorded.recording, number).map(|lost| tally.add(lost)));
    if let Err((number, error)) = looked {
        panic!(
            "image {number}: {error}\nto repeat it: RECORDING={} IMAGE={number} cargo test {}-p rosehip-adapters --test \
             disk -- power_loss::nothing",
            recorded.journal.display(),
            runs::flags()
        );
    }
    let Tally { images, dropped, torn, names } = tally;
    let [images, dropped, torn, names] = [images, dropped, torn, names].map(AtomicU64::into_inner);
    println!(
        "{images} images of {} changes: {dropped} writes dropped, {torn} torn, {names} names lost; no acknowledged write \
         lost, no chain broken",
        recorded.recording.changes.len()
    );
    assert!(env::var_os("IMAGE").is_some() || (dropped > images && torn > 0 && names > 0), "too little was lost");
}

/// The check is worth something: it finds what a store without syncs loses.
#[test]
fn a_log_that_is_not_synced_loses_what_was_acknowledged() {
    let recorded = record(Plan::Unsynced);
    let failed = runs::each("IMAGE", IMAGES, |number| look(&recorded.recording, number).map(drop));
    let (_, error) = failed.expect_err("an image without what was acknowledged");
    println!("with synchronous=NORMAL: {error}");
    // What is lost in the midst of a write-ahead log, or beyond the signed head, is refused before anyone asks for it.
    let signs = ["was acknowledged", "commits at least stand behind it", "truncated: "];
    assert!(signs.iter().any(|sign| error.contains(sign)), "{error}");
}
