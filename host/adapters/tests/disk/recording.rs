//! What a program did to the files under a directory, in order, read from the shim's journal.
//!
//! The journal tells of descriptors and paths; a recording tells of files, whatever their names were, and of names.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

/// A file, by its place among those that were made. It stays the same when its name changes.
pub(crate) type FileId = usize;

/// One thing that was done. Names are relative to the directory.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Bytes were written.
    Write { file: FileId, at: u64, bytes: Vec<u8> },
    /// A file was cut or grew by zeros.
    Truncate { file: FileId, length: u64 },
    /// What was written to a file is on the disk.
    Sync { file: FileId },
    /// A name was given, taken away, or both.
    Name { dir: PathBuf, change: NameChange },
    /// The names in a directory are on the disk.
    SyncDir { dir: PathBuf },
    /// Something was acknowledged.
    Ack(String),
    /// A call was made to fail: what it was about.
    Failed(PathBuf),
}

/// What became of names in one directory.
#[derive(Debug, Clone)]
pub(crate) enum NameChange {
    /// A directory was made.
    Dir(PathBuf),
    /// A file got a name, a new file or one that has another name already.
    File(PathBuf, FileId),
    /// A name went.
    Gone(PathBuf),
    /// A file has another name now, in place of the file that had it.
    Moved { from: PathBuf, to: PathBuf, file: FileId },
}

/// Everything that was done.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) changes: Vec<Change>,
    pub(crate) files: usize,
    /// Calls that may be made to fail, of any file: writes, syncs and changes of names.
    calls: [u64; 3],
}

/// What memory SQLite shares by, and what keeps others out; and what this test writes itself. None survives a power cut in
/// a form that anyone would read.
pub(crate) fn is_passing(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with("-shm") || name == "lock" || name == "acks"
}

impl Recording {
    /// Reads the journal of a program whose files lie in `root`.
    pub(crate) fn read(journal: &Path, root: &Path) -> Self {
        let bytes = fs::read(journal).expect("the journal");
        let mut reading = Reading::new(root);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let record = Record::take(&mut rest);
            reading.take(&record);
        }
        reading.recording
    }

    /// How many calls of a class there were, as `shim.c` names it.
    pub(crate) fn calls(&self, class: &str) -> u64 {
        let [writes, syncs, names] = self.calls;
        match class {
            "write" => writes,
            "sync" => syncs,
            "name" => names,
            other => panic!("there is no class {other}"),
        }
    }

    /// What was acknowledged before change `end`.
    pub(crate) fn acks(&self, end: usize) -> impl Iterator<Item = &str> {
        self.changes[..end].iter().filter_map(|change| match change {
            Change::Ack(line) => Some(line.as_str()),
            Change::Write { .. }
            | Change::Truncate { .. }
            | Change::Sync { .. }
            | Change::Name { .. }
            | Change::SyncDir { .. }
            | Change::Failed(_) => None,
        })
    }
}

/// A record of the journal, as `shim.c` writes it.
struct Record<'a> {
    op: u8,
    fd: i32,
    number: u64,
    one: &'a [u8],
    two: &'a [u8],
}

impl<'a> Record<'a> {
    fn take(rest: &mut &'a [u8]) -> Self {
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at_checked(length).expect("the journal is whole");
            *rest = left;
            taken
        };
        let op = take(1)[0];
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let fd = word(take(4)).cast_signed();
        let number = u64::from_le_bytes(take(8).try_into().expect("eight bytes"));
        let (one, two) = (word(take(4)) as usize, word(take(4)) as usize);
        Self { op, fd, number, one: take(one), two: take(two) }
    }
}

/// What a descriptor stands for.
#[derive(Clone)]
enum Opened {
    File(FileId, PathBuf),
    Dir(PathBuf),
    Passing(PathBuf),
    /// What was acknowledged, and the beginning of a line.
    Acks,
}

struct Reading<'a> {
    root: &'a Path,
    recording: Recording,
    names: BTreeMap<PathBuf, FileId>,
    dirs: BTreeSet<PathBuf>,
    opened: HashMap<i32, Opened>,
}

impl<'a> Reading<'a> {
    fn new(root: &'a Path) -> Self {
        let dirs = [PathBuf::new()].into();
        let (recording, names, opened) = (Recording::default(), BTreeMap::new(), HashMap::new());
        Self { root, recording, names, dirs, opened }
    }

    fn take(&mut self, record: &Record<'_>) {
        let class = match record.op {
            3 | 4 => Some(0),
            5 => Some(1),
            6..=9 => Some(2),
            _ => None,
        };
        let fails = !matches!(self.opened.get(&record.fd), Some(Opened::Acks));
        if let Some(class) = class.filter(|_| fails) {
            self.recording.calls[class] += 1;
        }
        match record.op {
            1 => self.open(record),
            2 => drop(self.opened.remove(&record.fd)),
            3 => self.write(record),
            4 => {
                if let Some(Opened::File(file, _)) = self.opened.get(&record.fd) {
                    self.recording.changes.push(Change::Truncate { file: *file, length: record.number });
                }
            }
            5 => self.sync(record.fd),
            6 => self.rename(self.path(record.one), self.path(record.two)),
            7 => {
                let (from, to) = (self.path(record.one), self.path(record.two));
                let file = self.names[&from];
                self.names.insert(to.clone(), file);
                self.name(NameChange::File(to, file));
            }
            8 => {
                let path = self.path(record.one);
                if self.names.remove(&path).is_some() {
                    self.name(NameChange::Gone(path));
                }
            }
            9 => {
                let path = self.path(record.one);
                self.dirs.insert(path.clone());
                self.name(NameChange::Dir(path));
            }
            10 => self.failed(record),
            op => panic!("the journal has no operation {op}"),
        }
    }

    fn open(&mut self, record: &Record<'_>) {
        let path = self.path(record.one);
        let truncates = record.number & 0o1000 != 0;
        let opened = if self.dirs.contains(&path) {
            Opened::Dir(path)
        } else if path.ends_with("acks") {
            Opened::Acks
        } else if is_passing(&path) {
            Opened::Passing(path)
        } else if let Some(file) = self.names.get(&path).copied() {
            if truncates {
                self.recording.changes.push(Change::Truncate { file, length: 0 });
            }
            Opened::File(file, path)
        } else {
            let file = self.recording.files;
            self.recording.files += 1;
            self.names.insert(path.clone(), file);
            self.name(NameChange::File(path.clone(), file));
            Opened::File(file, path)
        };
        self.opened.insert(record.fd, opened);
    }

    fn write(&mut self, record: &Record<'_>) {
        let bytes = record.one.to_vec();
        match self.opened.get(&record.fd) {
            Some(Opened::File(file, _)) => {
                self.recording.changes.push(Change::Write { file: *file, at: record.number, bytes });
            }
            Some(Opened::Acks) => {
                let text = String::from_utf8(bytes).expect("acknowledgements are text");
                self.recording.changes.extend(text.lines().map(|line| Change::Ack(line.to_owned())));
            }
            Some(Opened::Passing(_)) => {}
            Some(Opened::Dir(_)) | None => panic!("descriptor {} was not opened to be written", record.fd),
        }
    }

    fn sync(&mut self, fd: i32) {
        match self.opened.get(&fd) {
            Some(Opened::File(file, _)) => self.recording.changes.push(Change::Sync { file: *file }),
            Some(Opened::Dir(dir)) => self.recording.changes.push(Change::SyncDir { dir: dir.clone() }),
            Some(Opened::Passing(_) | Opened::Acks) => {}
            None => panic!("descriptor {fd} was not opened to be synced"),
        }
    }

    fn rename(&mut self, from: PathBuf, to: PathBuf) {
        let file = self.names.remove(&from).expect("what is renamed is there");
        self.names.insert(to.clone(), file);
        self.name(NameChange::Moved { from, to, file });
    }

    fn failed(&mut self, record: &Record<'_>) {
        let about = match self.opened.get(&record.fd) {
            Some(Opened::File(_, path) | Opened::Dir(path) | Opened::Passing(path)) => path.clone(),
            Some(Opened::Acks) => panic!("acks are never made to fail"),
            None => self.path(record.one),
        };
        self.recording.changes.push(Change::Failed(about));
    }

    fn name(&mut self, change: NameChange) {
        let path = match &change {
            NameChange::Dir(path) | NameChange::File(path, _) | NameChange::Gone(path) => path,
            NameChange::Moved { from, to, .. } => {
                assert_eq!(from.parent(), to.parent(), "nothing moves between directories");
                to
            }
        };
        let dir = path.parent().expect("below the root").to_owned();
        self.recording.changes.push(Change::Name { dir, change });
    }

    fn path(&self, bytes: &[u8]) -> PathBuf {
        let path = Path::new(std::str::from_utf8(bytes).expect("paths are text"));
        path.strip_prefix(self.root).expect("below the root").to_owned()
    }
}
