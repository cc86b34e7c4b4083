//! A host's life with its files, without the host: appends of all sizes, images, modules, keys, sessions, erasures,
//! checkpoints, a log that is written anew, stops and starts. What is acknowledged is said in a file named `acks`, after it
//! was, and before anything else is done.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fmt::Display,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
};

use rosehip_adapters::{
    accounts::{AccountError, Accounts, NewUser, Role, Session},
    data_dir::{DataDir, DataDirOptions},
    keys::Keys,
    lock::DirLock,
    media::{MediaFiles, image_key},
    modules::ModuleFiles,
    store::{Commits, SqliteOptions, SqliteReader},
    views::{Projector, ProjectorHandle, views_path},
    writer::{AppendError, Appended, Writer, WriterOptions},
};
use rosehip_core::{
    event::{Audited, Deed, Erased, Event, HostStarted, HostStopped, ObjectRevised, Via, object_stream},
    ids::{DedupKey, ObjectKey},
    log::{Append, Draft, Entry, EntryHash},
    object::Object,
    ports::{Compaction, LogReader as _},
    time::Timestamp,
};
use rusqlite::Connection;
use serde_json::json;

use crate::promises::{Promises, check};

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Three runs of a host.
    Long,
    /// The same on a log whose commits are not synced.
    Unsynced,
    /// One run, with everything once.
    Short,
}

impl Plan {
    const ALL: [Self; 3] = [Self::Long, Self::Unsynced, Self::Short];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Unsynced => "unsynced",
            Self::Short => "short",
        }
    }

    fn starts(self) -> u64 {
        match self {
            Self::Long | Self::Unsynced => 3,
            Self::Short => 1,
        }
    }

    fn steps(self) -> u64 {
        match self {
            Self::Long | Self::Unsynced => 14,
            Self::Short => 7,
        }
    }

    fn options(self) -> DataDirOptions {
        let commits = if self == Self::Unsynced { Commits::Unsynced } else { Commits::Synced };
        // Often enough for so short a life.
        let store =
            SqliteOptions { commits, checkpoint_pages: Some(40), generation: Some(16), ..SqliteOptions::default() };
        DataDirOptions { store, ..DataDirOptions::default() }
    }
}

/// The directory that a host would be given.
pub(crate) fn data(root: &Path) -> PathBuf {
    root.join("data")
}

/// Without a shim. Behind one it is the scenario's process, which is told what to run and where.
#[test]
fn nothing_is_lost_where_nothing_happens() {
    if let Some(root) = env::var_os("DISK_ROOT") {
        let name = env::var("DISK_SCENARIO").expect("what is to be run");
        let plan = Plan::ALL.into_iter().find(|plan| plan.name() == name).expect("one that there is");
        return run(Path::new(&root), plan).expect("the scenario");
    }
    for plan in Plan::ALL {
        let root = tempfile::tempdir().expect("a directory");
        run(root.path(), plan).expect("the scenario");
        let acks = std::fs::read_to_string(root.path().join("acks")).expect("what was acknowledged");
        let promises: Promises = acks.lines().collect();
        assert!(promises.count() > 20, "{acks}");
        check(&data(root.path()), &promises).expect("what was promised");
    }
}

/// Runs it in `root`. Where something fails that a host survives, it goes on without saying that it was done.
pub(crate) fn run(root: &Path, plan: Plan) -> Result<(), Box<dyn Error>> {
    let acks = Acks::open(root)?;
    for start in 0..plan.starts() {
        let run = Run::begin(root, plan, start, acks.clone())?;
        let started = HostStarted { version: "0.1.0".into(), cautious: false };
        run.append(vec![vec![Event::from(started).draft(now())]]);
        for step in 0..plan.steps() {
            run.step(step);
        }
        run.append(vec![vec![Event::from(HostStopped {}).draft(now())]]);
        run.end();
    }
    Ok(())
}

/// Where it is said what was acknowledged.
#[derive(Clone)]
struct Acks(Arc<Mutex<File>>);

impl Acks {
    fn open(root: &Path) -> Result<Self, Box<dyn Error>> {
        let file = OpenOptions::new().create(true).append(true).open(root.join("acks"))?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    fn say(&self, what: &str, of: impl Display) {
        let line = format!("{what} {of}\n");
        self.0.lock().expect("no panic").write_all(line.as_bytes()).expect("acks are never made to fail");
    }
}

/// One run of a host.
struct Run {
    dir: PathBuf,
    start: u64,
    has_users: bool,
    acks: Acks,
    parts: Parts,
    writer: Writer,
    views: ProjectorHandle,
    hashes: Arc<Mutex<HashMap<u64, EntryHash>>>,
    runtime: tokio::runtime::Runtime,
}

/// What of a data directory is used beside its log.
struct Parts {
    _lock: DirLock,
    reader: SqliteReader,
    keys: Keys,
    modules: ModuleFiles,
    media: MediaFiles,
    accounts: Accounts,
}

impl Run {
    fn begin(root: &Path, plan: Plan, start: u64, acks: Acks) -> Result<Self, Box<dyn Error>> {
        let dir = data(root);
        let opened = DataDir::open(&dir, &plan.options())?;
        let reader = opened.reader()?;
        let (views_intake, views) = Projector::open(&views_path(&dir), &reader)?.start()?;
        let hashes: Arc<Mutex<HashMap<u64, EntryHash>>> = Arc::default();
        let seen = Arc::clone(&hashes);
        let observer = move |entries: &Arc<[Entry]>| {
            seen.lock().expect("no panic").extend(entries.iter().map(|entry| (entry.header.seq, entry.hash)));
            views_intake.observe(entries);
        };
        let options = WriterOptions {
            observers: vec![Box::new(observer)],
            signer: Some(opened.signer),
            ..WriterOptions::default()
        };
        let DataDir { lock, log, keys, modules, media, accounts, .. } = opened;
        let writer = Writer::start(log, options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        acks.say("started", start);
        let parts = Parts { _lock: lock, reader, keys, modules, media, accounts };
        let has_users = plan != Plan::Short;
        Ok(Self { dir, start, has_users, acks, parts, writer, views, hashes, runtime })
    }

    fn step(&self, step: u64) {
        let number = self.start * 100 + step;
        let sizes = [10, 300, 5_000, 20_000].into_iter().cycle().skip(usize::from(step.is_multiple_of(2)));
        let append = |(n, size)| vec![revised(&format!("Note/{number}-{n}"), size)];
        self.append((0..=step % 4).zip(sizes).map(append).collect());
        match step % 7 {
            0 => self.keep_key(number),
            1 => self.keep_image(number),
            2 => self.keep_module(number),
            3 => self.keep_session(number),
            4 => self.fold_in(),
            5 => self.erase(number),
            _ => self.append(vec![vec![audited(); 3], vec![revised("Note/again", 100)], many(number)]),
        }
        if step == 8 {
            // Room that is not given back is no harm.
            drop(self.runtime.block_on(self.writer.compact(Compaction::Rewrite)));
        }
    }

    /// Appends together and says of each that it is durable, on the writer's thread.
    fn append(&self, appends: Vec<Vec<Draft>>) {
        let (done, answers) = mpsc::channel();
        for drafts in appends {
            let (acks, hashes, done) = (self.acks.clone(), Arc::clone(&self.hashes), done.clone());
            let on_done = move |answer: Result<Appended, AppendError>| {
                if let Ok(appended) = answer {
                    let hash = hashes.lock().expect("no panic")[&appended.last];
                    acks.say("entry", format_args!("{} {hash}", appended.last));
                }
                done.send(()).expect("the scenario waits");
            };
            self.writer.append_with(Append::unconditional(drafts), Box::new(on_done));
        }
        drop(done);
        answers.iter().for_each(drop);
    }

    fn keep_key(&self, number: u64) {
        let name = format!("actor-{number}");
        if let Ok(key) = self.parts.keys.actor(&name.parse().expect("a name"), 1) {
            let public = data_encoding::HEXLOWER.encode(key.verifying_key().as_bytes());
            self.acks.say("key", format_args!("{name} {public}"));
        }
        // It is made once, for all who have no secret of their own.
        drop(self.parts.keys.webhook());
    }

    /// The file comes before the entry that names it.
    fn keep_image(&self, number: u64) {
        if let Ok(digest) = self.parts.media.put(&noise(number, 3_000)) {
            self.acks.say("image", digest);
            self.append(vec![vec![revised(&image_key(digest).to_string(), 10)]]);
        }
    }

    fn keep_module(&self, number: u64) {
        if let Ok(digest) = self.parts.modules.put(&noise(number, 9_000)) {
            self.acks.say("module", digest);
        }
    }

    fn keep_session(&self, number: u64) {
        let (id, data) = (format!("session-{number}"), format!("{{\"n\":{number}}}"));
        let session = Session { id, user: None, data, expires: Timestamp::from_millis(i64::MAX) };
        if let Ok(true) = self.parts.accounts.create_session(&session) {
            self.acks.say("session", session.id);
        }
        // Hashing a password takes its time.
        if self.has_users && number == 3 {
            self.add_user().expect("only a short life is disturbed");
        }
    }

    fn add_user(&self) -> Result<(), AccountError> {
        let (accounts, actor) = (&self.parts.accounts, "site".parse().expect("a name"));
        let (password, now) = ("correct horse", now());
        accounts.add_user(NewUser { name: "ann", role: Role::Editor, actor: &actor, password, now })?;
        accounts.create_token(&"ann".parse()?, "laptop", now).map(drop)
    }

    /// What the connections of these files do by themselves once their write-ahead log is long.
    fn fold_in(&self) {
        for name in ["accounts.db", "views.db"] {
            let folded = Connection::open(self.dir.join(name)).and_then(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, bool>(0))
            });
            drop(folded);
        }
    }

    /// Takes away an object with all its revisions, as the host does: named first, then removed.
    fn erase(&self, number: u64) {
        let key: ObjectKey = format!("Note/{}-0", number - 1).parse().expect("a key");
        let Ok(revisions) = self.parts.reader.stream(&object_stream(&key), 0) else { return };
        let seqs: Vec<u64> = revisions.iter().map(|entry| entry.header.seq).collect();
        let (reason, named, before) = ("asked for".to_owned(), seqs.clone(), self.writer.committed());
        let erased = Erased { seqs: named, reason, objects: vec![key], ..Erased::default() };
        self.append(vec![vec![Event::from(erased).draft(now())]]);
        // Only what is recorded as erased may go.
        if self.writer.committed() > before && self.runtime.block_on(self.writer.erase(seqs.clone())).is_ok() {
            for seq in seqs {
                self.acks.say("erased", seq);
            }
        }
    }

    /// As a host stops: the log, then the views, which have seen all of it by then.
    fn end(self) {
        self.writer.stop();
        let Self { writer, views, runtime, .. } = self;
        drop(writer);
        // It cannot be reached: the answer comes when the thread has closed its file.
        drop(runtime.block_on(views.reached(u64::MAX)));
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

fn revised(key: &str, size: usize) -> Draft {
    let object = Object {
        key: key.parse::<ObjectKey>().expect("a key"),
        revision: 1,
        seq: 0,
        owner: "site".parse().expect("a name"),
        content: json!({"text": "a rose ".repeat(size / 7)}).as_object().cloned(),
        publications: 0,
        created_at: now(),
        published_at: None,
        updated_at: now(),
    };
    Event::from(ObjectRevised { object, by: Some("ann".into()), cause: None }).draft(now())
}

fn audited() -> Draft {
    let (by, about, detail) = (Some("ann".into()), None, None);
    Event::from(Audited { what: Deed::LoggedIn, by, about, detail, via: Via::Session, times: 1 }).draft(now())
}

/// Entries that fill the indexes: each with a stream or a key of its own.
fn many(number: u64) -> Vec<Draft> {
    let keyed = (0..60).map(|n| {
        let key = noise(number * 100 + n, 32).try_into().expect("32 bytes");
        Draft { dedup: Some(DedupKey::from_bytes(key)), ..audited() }
    });
    (0..40).map(|n| revised(&format!("Order/{number}-{n}"), 10)).chain(keyed).collect()
}

/// Bytes that are different for each number.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    (0..length).map(|_| random.u8(..)).collect()
}
