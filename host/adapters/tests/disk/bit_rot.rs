//! Bits that turn in the files of a data directory: each is found and named, or it changes nothing that anyone reads.
//!
//! Two directories are looked at: one of a host that was stopped, and one of a host that was killed, whose write-ahead logs
//! hold what was said last. In a copy of one of them a bit is turned. Then everything is read, the directory is verified,
//! the views are held against the log, and a host starts. Whatever is read of the log and of files must be what was
//! written, or refused. Where nobody complains, everything must be as it was.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use fastrand::Rng;
use rosehip_adapters::{
    accounts::Accounts,
    data_dir::{DataDir, DataDirOptions, log_path},
    keys::Keys,
    media::MediaFiles,
    modules::ModuleFiles,
    store::SqliteReader,
    verify::verify,
    views::{self, Projector, views_path},
};
use rosehip_core::{log::Stream, ports::LogReader as _, time::Timestamp};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::{
    image::Image,
    recording::Change,
    runs,
    scenario::{self, Plan},
    shim,
};

/// Bits that are turned in the ordinary tests; fewer where nothing is optimised.
const FLIPS: u64 = if cfg!(debug_assertions) { 50 } else { 500 };

/// What somebody is told who asks for everything; what is refused says why.
type Told = BTreeMap<String, Result<String, String>>;

/// A directory as it was, what it tells, and what it tells when the last commits of its write-ahead logs are torn.
struct Original {
    name: &'static str,
    files: BTreeMap<PathBuf, Vec<u8>>,
    asked: Asked,
    told: Told,
    torn: Vec<Told>,
}

/// Everything that can be asked for.
#[derive(Default)]
struct Asked {
    entries: u64,
    streams: Vec<Stream>,
    dedups: Vec<rosehip_core::ids::DedupKey>,
    images: Vec<String>,
    modules: Vec<String>,
    actors: Vec<String>,
    sessions: Vec<String>,
}

impl Original {
    fn new(name: &'static str, image: &Image) -> Self {
        let root = runs::scratch();
        image.write_to(root.path());
        let dir = scenario::data(root.path());
        let contents = image.contents().into_iter().filter(|(name, _)| name.starts_with("data"));
        let files = contents.map(|(name, bytes)| (name, bytes.to_vec())).collect();
        let asked = Asked::everything(&dir);
        let told = ask(&dir, &asked);
        assert!(told.values().all(Result::is_ok), "{told:?}");
        let mut original = Self { name, files, asked, told, torn: Vec::new() };
        for wal in ["data/log.db-wal", "data/accounts.db-wal"] {
            let Some(length) = original.files.get(Path::new(wal)).map(Vec::len).filter(|length| *length > 0) else {
                continue;
            };
            let root = original.copy_with(Path::new(wal), length - 1, 0xff);
            original.torn.push(ask(&scenario::data(root.path()), &original.asked));
        }
        original
    }

    /// The directory with bits of one byte turned.
    fn copy_with(&self, changed: &Path, at: usize, bits: u8) -> tempfile::TempDir {
        let root = runs::scratch();
        for (name, bytes) in &self.files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("made");
            let mut bytes = bytes.clone();
            if name == changed {
                bytes[at] ^= bits;
            }
            fs::write(path, bytes).expect("written");
        }
        root
    }
}

impl Asked {
    fn everything(dir: &Path) -> Self {
        let mut asked = Self::default();
        let log = SqliteReader::open(&log_path(dir)).expect("opened");
        for entry in log.read(1, usize::MAX).expect("read") {
            asked.entries = entry.header.seq;
            asked.dedups.extend(entry.header.dedup);
            asked.streams.push(entry.header.stream);
        }
        asked.streams.sort();
        asked.streams.dedup();
        asked.images = MediaFiles::open(dir).expect("opened").list().expect("listed").iter().map(text).collect();
        asked.modules = ModuleFiles::open(dir).expect("opened").list().expect("listed").iter().map(text).collect();
        let names = fs::read_dir(dir.join("keys")).expect("listed").map(|file| file.expect("one").file_name());
        let names = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".key")?.to_owned()));
        asked.actors = names.filter_map(|name| Some(name.strip_prefix("actor-")?.to_owned())).collect();
        let accounts = Connection::open(dir.join("accounts.db")).expect("opened");
        let mut sessions = accounts.prepare("SELECT id FROM sessions").expect("there is the table");
        let ids = sessions.query_map([], |row| row.get(0)).expect("read");
        asked.sessions = ids.collect::<Result<_, _>>().expect("read");
        asked
    }
}

fn text(value: &impl ToString) -> String {
    value.to_string()
}

fn digest(value: &impl std::fmt::Debug) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(format!("{value:?}"))[..8])
}

/// Asks for everything, without starting a host.
fn ask(dir: &Path, asked: &Asked) -> Told {
    let mut told = Told::new();
    let mut tell = |name: String, answer: Result<String, String>| drop(told.insert(name, answer));
    match SqliteReader::open(&log_path(dir)) {
        Ok(log) => {
            tell("head".into(), log.head().map(|head| digest(&head)).map_err(|error| text(&error)));
            for seq in 1..=asked.entries {
                let read = log.read(seq, 1).map_err(|error| text(&error));
                let entry = read.map(|entries| entries.into_iter().find(|entry| entry.header.seq == seq));
                tell(format!("entry {seq}"), entry.map(|entry| entry.map_or("none".into(), |entry| digest(&entry))));
            }
            for stream in &asked.streams {
                let entries = log.stream(stream, 0).map_err(|error| text(&error));
                let list = |entries: Vec<_>| entries.iter().map(digest).collect::<Vec<_>>().join(" ");
                tell(format!("stream {stream}"), entries.map(list));
                tell(format!("end of {stream}"), log.stream_head(stream).map(|seq| digest(&seq)).map_err(|e| text(&e)));
            }
            for key in &asked.dedups {
                tell(
                    format!("place of {key}"),
                    log.recorded(key).map(|seq| digest(&seq)).map_err(|error| text(&error)),
                );
            }
        }
        Err(error) => tell("log".into(), Err(error.to_string())),
    }
    ask_files(dir, asked, &mut tell);
    told
}

fn ask_files(dir: &Path, asked: &Asked, tell: &mut impl FnMut(String, Result<String, String>)) {
    let media = MediaFiles::open(dir).expect("the folder is there");
    for image in &asked.images {
        let found = media.get(image.parse().expect("a digest"));
        tell(format!("image {image}"), found.map(|bytes| digest(&bytes)).map_err(|error| text(&error)));
    }
    let modules = ModuleFiles::open(dir).expect("the folder is there");
    for module in &asked.modules {
        let found = modules.get(module.parse().expect("a digest"));
        tell(format!("module {module}"), found.map(|bytes| digest(&bytes)).map_err(|error| text(&error)));
    }
    match Keys::open(dir) {
        Ok(keys) => {
            tell("key of the host".into(), Ok(digest(&keys.host().to_bytes())));
            for name in &asked.actors {
                let found = keys.actor(&name.parse().expect("a name"), 1);
                tell(format!("key of {name}"), found.map(|key| digest(&key.to_bytes())).map_err(|error| text(&error)));
            }
            tell(
                "key of webhooks".into(),
                keys.webhook().map(|secret| digest(&secret.reveal())).map_err(|error| text(&error)),
            );
        }
        Err(error) => tell("key of the host".into(), Err(error.to_string())),
    }
    match Accounts::open(&dir.join("accounts.db")) {
        Ok(accounts) => {
            tell("users".into(), accounts.users().map(|users| digest(&users)).map_err(|error| text(&error)));
            tell("tokens".into(), accounts.tokens().map(|tokens| digest(&tokens)).map_err(|error| text(&error)));
            for id in &asked.sessions {
                let found = accounts.load_session(id, Timestamp::default());
                tell(format!("session {id}"), found.map(|found| digest(&found)).map_err(|error| text(&error)));
            }
        }
        Err(error) => tell("accounts".into(), Err(error.to_string())),
    }
}

/// Who found a bit that was turned, or that there was nothing to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    ByVerify,
    ByViews,
    ByRead,
    ByStart,
    /// It was in the last commit of a write-ahead log, which is dropped as one that a power cut tore.
    AsTorn,
    Harmless,
}

/// Turns bit `number` and looks what becomes of it. Tells which file it was in.
fn turn(originals: &[Original], number: u64) -> Result<(String, Found), String> {
    let mut random = Rng::with_seed(number);
    let original = &originals[random.usize(..originals.len())];
    let kind = KINDS[random.usize(..KINDS.len())];
    let files: Vec<_> = original.files.iter().filter(|(name, bytes)| is_of(name, kind) && !bytes.is_empty()).collect();
    let Some((name, bytes)) = random.choice(files) else {
        // A host that was stopped leaves no write-ahead log; then it is the file itself.
        return turn(originals, number ^ 1 << 63);
    };
    // What holds data is mostly not zero, and what holds none is.
    let places: Vec<usize> = (0..64).map(|_| random.usize(..bytes.len())).collect();
    let at = *places.iter().find(|at| bytes[**at] != 0).unwrap_or(&places[0]);
    let bit = random.u8(..8);
    let root = original.copy_with(name, at, 1 << bit);
    let found = look(original, &scenario::data(root.path()));
    let place = format!("bit {bit} of byte {at} of {} ({})", name.display(), original.name);
    found.map(|found| (kind.to_owned(), found)).map_err(|error| format!("{place}: {error}"))
}

/// What is turned, the log most often.
const KINDS: [&str; 18] = [
    "log.db",
    "log.db",
    "log.db",
    "log.db",
    "log.db",
    "log.db-wal",
    "log.db-wal",
    "index.db",
    "index.db-wal",
    "views.db",
    "views.db",
    "views.db-wal",
    "accounts.db",
    "accounts.db-wal",
    "head.json",
    "keys",
    "modules",
    "media",
];

fn is_of(name: &Path, kind: &str) -> bool {
    name.starts_with(Path::new("data").join(kind))
}

fn look(original: &Original, dir: &Path) -> Result<Found, String> {
    let told = ask(dir, &original.asked);
    let verified = verify(dir, |_| {}).map_err(|error| error.to_string());
    let viewed = views::check(dir).map_err(|error| error.to_string());
    let started = start(dir);
    never_as_truth(original, &told)?;
    let found = match (&verified, &viewed, told.values().find(|answer| answer.is_err()), &started) {
        (Err(error), ..) => Some((Found::ByVerify, error)),
        (_, Err(error), ..) => Some((Found::ByViews, error)),
        (_, _, Some(Err(error)), _) => Some((Found::ByRead, error)),
        (.., Err(error)) => Some((Found::ByStart, error)),
        _ => None,
    };
    if let Some((found, error)) = found {
        return if is_named(error) { Ok(found) } else { Err(format!("{found:?} says no more than: {error}")) };
    }
    if original.torn.contains(&told) && told != original.told {
        return Ok(Found::AsTorn);
    }
    differences(original, &told)?;
    // The start has folded in what the views had lost.
    views::check(dir).map_err(|error| format!("after a start: {error}"))?;
    Ok(Found::Harmless)
}

/// A host starts, and its views catch up.
fn start(dir: &Path) -> Result<(), String> {
    let opened = DataDir::open(dir, &DataDirOptions::default()).map_err(|error| error.to_string())?;
    let reader = opened.reader().map_err(|error| error.to_string())?;
    Projector::open(&views_path(dir), &reader).map(drop).map_err(|error| error.to_string())
}

/// Of the log and of files there is nothing but what was written, whatever else is wrong. An index may leave something
/// out, which `verify` finds.
fn never_as_truth(original: &Original, told: &Told) -> Result<(), String> {
    for (name, answer) in told {
        let (Ok(answer), Some(Ok(was))) = (answer, original.told.get(name)) else { continue };
        let is_true = match name.split(' ').next() {
            Some("entry") => answer == was || answer == "none",
            Some("stream") => answer.split_whitespace().all(|entry| was.contains(entry)),
            Some("image" | "module" | "key") => answer == was,
            _ => true,
        };
        if !is_true {
            return Err(format!("{name} was served as {answer}, which it is not"));
        }
    }
    Ok(())
}

fn differences(original: &Original, told: &Told) -> Result<(), String> {
    let different = original.told.iter().find(|(name, answer)| told.get(*name) != Some(answer));
    different
        .map_or(Ok(()), |(name, was)| Err(format!("nobody complains, and {name} is {:?}, not {was:?}", told.get(name))))
}

/// Whether an error says what it is about: an entry, a file or an object.
fn is_named(error: &str) -> bool {
    let names = ["entry ", "log", ".db", "head.json", "keys/", "image ", "module ", "accounts", "views"];
    names.iter().any(|name| error.contains(name))
}

fn originals(name: &str) -> [Original; 2] {
    let root = runs::scratch();
    let root = root.path().canonicalize().expect("it is there");
    let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let ran = shim::run(&root, Plan::Long, None, &journal);
    assert!(ran.status.success(), "the scenario ended with {}", ran.status);
    let changes = &ran.recording.changes;
    let last = changes.iter().rposition(|change| matches!(change, Change::Ack(_))).expect("something was acknowledged");
    let killed = Image::at(&ran.recording, last + 1);
    [Original::new("stopped", &Image::at(&ran.recording, changes.len())), Original::new("killed", &killed)]
}

#[test]
fn every_bit_that_turns_is_found_or_changes_nothing() {
    let originals = originals("bit-rot");
    let (flips, tally) = (runs::number("FLIPS", FLIPS), Mutex::new(BTreeMap::new()));
    let looked = runs::each("FLIP", flips, |number| {
        let (kind, found) = turn(&originals, number)?;
        *tally.lock().expect("no panic").entry((kind, found)).or_insert(0) += 1;
        Ok(())
    });
    if let Err((number, error)) = looked {
        panic!(
            "flip {number}: {error}\nto repeat it: FLIP={number} cargo test {}-p rosehip-adapters --test disk -- \
             bit_rot::every",
            runs::flags()
        );
    }
    let tally: BTreeMap<(String, Found), u64> = tally.into_inner().expect("no panic");
    for ((kind, found), count) in &tally {
        println!("{kind:16} {found:?}: {count}");
    }
    if env::var_os("FLIP").is_none() {
        let harmless: u64 = tally.iter().filter(|((_, found), _)| *found == Found::Harmless).map(|(_, n)| n).sum();
        assert!(harmless < flips / 2, "{harmless} of {flips} bits changed nothing: it is not live data that is turned");
    }
}

/// A start reads the end of the log and not all of it: it refuses where entries are missing at the end, and `verify` wherever
/// anything that is in use is.
#[test]
fn a_log_that_is_cut_short_anywhere_is_refused() {
    const PAGE: usize = 4_096;
    let [stopped, _] = originals("cut-short");
    let log = Path::new("data/log.db");
    for page in 0..stopped.files[log].len() / PAGE {
        for beyond in [0, 512] {
            let (root, cut) = (stopped.copy_with(log, 0, 0), page * PAGE + beyond);
            let file = fs::OpenOptions::new().write(true).open(root.path().join(log)).expect("opened");
            file.set_len(cut as u64).expect("cut");
            let dir = scenario::data(root.path());
            // Of pages that hold nothing nobody misses the last.
            let is_whole = || ask(&dir, &stopped.asked) == stopped.told;
            assert!(verify(&dir, |_| {}).is_err() || is_whole(), "cut after {cut} bytes, and verified");
            if let Ok(opened) = DataDir::open(&dir, &DataDirOptions::default()) {
                assert_eq!(opened.head.seq, stopped.asked.entries, "cut after {cut} bytes, and opened");
            }
        }
    }
}
