//! A directory whose modules are to be installed: what is new in it since it was last looked at.
//!
//! Events of the file system only say that it is time to look. What a look finds is what differs from the look before,
//! so that an event that was lost, merged or told twice changes nothing.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify_debouncer_full::{
    DebounceEventResult, Debouncer, NoCache, new_debouncer_opt,
    notify::{
        self, EventKind, RecommendedWatcher, RecursiveMode,
        event::{AccessKind, AccessMode},
    },
};
use rosehip_core::limits::COMPONENT_BYTES;
use tokio::sync::Notify;

/// Events that follow one another as closely are one reason to look.
pub(crate) const DEBOUNCE: Duration = Duration::from_millis(200);

/// Why a directory cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// It cannot be read, or it is no directory.
    #[error("{path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The system does not tell of its changes.
    #[error("{path}: {source}")]
    Notify {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        source: notify::Error,
    },
}

/// Why a file gave no module. The rules are `file`, for what the system says, and `module-bytes`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct UnreadableModule {
    /// The rule's stable name.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
}

/// What differs from the look before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files that are new or were changed, by name.
    pub changed: Vec<PathBuf>,
    /// Files that are gone, by name.
    pub gone: Vec<PathBuf>,
}

/// What tells one state of a file from another.
type Stamp = (u64, u64, u64, [i64; 4]);

/// Which directory it is that goes by a name: its device and its inode.
pub(crate) type Identity = (u64, u64);

/// A watch of directories.
pub(crate) type Watch = Debouncer<RecommendedWatcher, NoCache>;

/// A directory that is watched.
pub struct WatchedDir {
    dir: PathBuf,
    wake: Arc<Notify>,
    seen: BTreeMap<PathBuf, Stamp>,
    /// The watch, and which directory it is of: another one may take the name.
    watch: (Watch, Identity),
}

impl WatchedDir {
    /// Begins to watch; `wake` is notified when it is time to look. The first look finds everything.
    pub fn open(dir: &Path, wake: Arc<Notify>) -> Result<Self, WatchError> {
        let watch = watch(dir, &wake)?;
        Ok(Self { dir: dir.to_owned(), wake, seen: BTreeMap::new(), watch })
    }

    /// What is new since the last look: regular files, or symlinks to such, whose name ends in `.wasm` and does not
    /// begin with a dot.
    pub fn look(&mut self) -> Result<Found, WatchError> {
        if identity(&self.dir)? != self.watch.1 {
            self.watch = watch(&self.dir, &self.wake)?;
        }
        let there = modules_of(&self.dir).map_err(|source| WatchError::Io { path: self.dir.clone(), source })?;
        let changed = there.iter().filter(|(path, stamp)| self.seen.get(*path) != Some(*stamp));
        let changed = changed.map(|(path, _)| path.clone()).collect();
        let gone = self.seen.keys().filter(|path| !there.contains_key(*path)).cloned().collect();
        self.seen = there;
        Ok(Found { changed, gone })
    }

    /// Has the next look find a file again.
    pub fn find_again(&mut self, path: &Path) {
        self.seen.remove(path);
    }
}

impl std::fmt::Debug for WatchedDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedDir").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Reads a module that a look has found. Nothing is read of a file that is too long, and what has become a pipe or a
/// device meanwhile holds up nobody.
pub fn read_module(path: &Path) -> Result<Vec<u8>, UnreadableModule> {
    let unreadable = |error: io::Error| UnreadableModule { rule: "file", message: error.to_string() };
    let too_long = || UnreadableModule {
        rule: "module-bytes",
        message: format!("it is longer than {COMPONENT_BYTES} bytes, the limit of a module"),
    };
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file: File = OpenOptions::new().read(true).custom_flags(no_wait).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(UnreadableModule { rule: "file", message: "it is no regular file".to_owned() });
    }
    let limit = COMPONENT_BYTES as u64;
    if metadata.len() > limit {
        return Err(too_long());
    }
    let mut wasm = Vec::new();
    // It may grow while it is read.
    file.take(limit + 1).read_to_end(&mut wasm).map_err(unreadable)?;
    if wasm.len() > COMPONENT_BYTES { Err(too_long()) } else { Ok(wasm) }
}

fn watch(dir: &Path, wake: &Arc<Notify>) -> Result<(Watch, Identity), WatchError> {
    let failed = |source| WatchError::Notify { path: dir.to_owned(), source };
    let identity = identity(dir)?;
    let mut watch = watch_of_nothing(wake).map_err(failed)?;
    watch.watch(dir, RecursiveMode::NonRecursive).map_err(failed)?;
    Ok((watch, identity))
}

/// A watch that no directory was given to yet. `wake` is notified when something has changed.
pub(crate) fn watch_of_nothing(wake: &Arc<Notify>) -> Result<Watch, notify::Error> {
    let wake = Arc::clone(wake);
    let on_events = move |events: DebounceEventResult| {
        // An error may mean that events were lost, which is a reason to look as well.
        if events.map_or(true, |events| events.iter().any(|event| is_change(event.kind))) {
            wake.notify_one();
        }
    };
    new_debouncer_opt::<_, RecommendedWatcher, _>(DEBOUNCE, None, on_events, NoCache::new(), notify::Config::default())
}

/// Looking and reading are no changes: they would be reasons to look again.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

pub(crate) fn identity(dir: &Path) -> Result<Identity, WatchError> {
    let metadata = fs::metadata(dir).map_err(|source| WatchError::Io { path: dir.to_owned(), source })?;
    if !metadata.is_dir() {
        let source = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(WatchError::Io { path: dir.to_owned(), source });
    }
    Ok((metadata.dev(), metadata.ino()))
}

fn modules_of(dir: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden || path.extension() != Some(OsStr::new("wasm")) {
            continue;
        }
        // What is gone again, or leads nowhere, is not there.
        let Ok(file) = fs::metadata(&path) else { continue };
        if file.is_file() {
            let times = [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
            found.insert(path, (file.dev(), file.ino(), file.len(), times));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(paths: &[PathBuf]) -> Vec<&str> {
        paths.iter().filter_map(|path| path.file_name()?.to_str()).collect()
    }

    #[test]
    fn a_look_finds_what_is_new_changed_or_gone_among_the_modules() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for name in ["a.wasm", "b.wasm", "readme.md", ".hidden.wasm"] {
            fs::write(at(name), "1").expect("written");
        }
        fs::create_dir(at("dir.wasm")).expect("made");
        symlink(at("a.wasm"), at("link.wasm")).expect("linked");
        symlink(at("dir.wasm"), at("link-to-dir.wasm")).expect("linked");
        symlink(at("nothing"), at("nowhere.wasm")).expect("linked");

        let mut watched = WatchedDir::open(dir.path(), Arc::default()).expect("watched");
        assert_eq!(names(&watched.look().expect("a look").changed), ["a.wasm", "b.wasm", "link.wasm"]);
        assert_eq!(watched.look().expect("a look"), Found::default());

        fs::write(at("b.wasm"), "23").expect("written");
        fs::write(at("new"), "4").expect("written");
        fs::rename(at("new"), at("c.wasm")).expect("renamed");
        fs::remove_file(at("link.wasm")).expect("removed");
        let found = watched.look().expect("a look");
        assert_eq!((names(&found.changed), names(&found.gone)), (vec!["b.wasm", "c.wasm"], vec!["link.wasm"]));

        watched.find_again(&at("c.wasm"));
        assert_eq!(names(&watched.look().expect("a look").changed), ["c.wasm"]);
    }

    #[test]
    fn a_change_wakes_and_a_look_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let wake: Arc<Notify> = Arc::default();
        let mut watched = WatchedDir::open(dir.path(), Arc::clone(&wake)).expect("watched");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        fs::write(dir.path().join("a.wasm"), "1").expect("written");
        runtime.block_on(wake.notified());
        assert_eq!(watched.look().expect("a look").changed.len(), 1);
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
    }

    #[test]
    fn a_directory_that_takes_the_name_is_watched_instead() {
        let parent = tempfile::tempdir().expect("a directory");
        let dir = parent.path().join("behaviors");
        fs::create_dir(&dir).expect("made");
        let wake: Arc<Notify> = Arc::default();
        let mut watched = WatchedDir::open(&dir, Arc::clone(&wake)).expect("watched");
        fs::rename(&dir, parent.path().join("old")).expect("renamed");
        assert!(watched.look().is_err(), "there is no directory");
        fs::create_dir(&dir).expect("made");
        watched.look().expect("a look");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        fs::write(dir.join("a.wasm"), "1").expect("written");
        runtime.block_on(wake.notified());
        assert_eq!(names(&watched.look().expect("a look").changed), ["a.wasm"]);
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_and_one_that_is_no_file_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let long = dir.path().join("long.wasm");
        let file = File::create(&long).expect("made");
        file.set_len(COMPONENT_BYTES as u64 + 1).expect("sparse");
        assert_eq!(read_module(&long).expect_err("refused").rule, "module-bytes");
        file.set_len(3).expect("cut");
        assert_eq!(read_module(&long).expect("read"), [0; 3]);
        assert_eq!(read_module(dir.path()).expect_err("refused").rule, "file");
        assert_eq!(read_module(&dir.path().join("none.wasm")).expect_err("refused").rule, "file");
    }
}
