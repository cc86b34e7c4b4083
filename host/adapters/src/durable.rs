//! Files that are there whole or not at all: written beside their place, fsynced, moved in, the directory fsynced.
//!
//! The temporary file's name is fixed, so that a crash leaves at most one behind, which the next write takes over.
//! Callers see to it that one path has one writer at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Puts `bytes` at `path`, in place of what was there. After `Ok` they survive power loss; after a crash before
/// that, either the old or the new content is there.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_beside(path, bytes, mode)?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Puts `bytes` at `path` unless something is there already. Returns whether it did.
pub(crate) fn create_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<bool> {
    let temporary = write_beside(path, bytes, mode)?;
    // A hard link, unlike a rename, does not replace what is there.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    match linked {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a directory unless it is there, with those above it that are missing. After `Ok` it survives power loss.
pub(crate) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    // The name of one that is there may be as new as those that are missing: a process that was killed may have made it.
    let missing = path.ancestors().take_while(|dir| !dir.exists()).count().max(1);
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    path.canonicalize()?.ancestors().skip(1).take(missing).try_for_each(|dir| match sync_dir(dir) {
        // Who may not read a directory did not make one in it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    })
}

/// Makes the names in `dir` survive power loss.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The content of a file, none where there is no file.
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(temporary)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    sync_dir(path.parent().expect("files of the data directory have a parent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_takes_over_what_a_crash_left_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        fs::write(dir.path().join("file.tmp"), "half").expect("written");
        replace(&path, b"one", 0o600).expect("written");
        replace(&path, b"two", 0o600).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
    }

    #[test]
    fn creating_keeps_what_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        assert!(create_new(&path, b"one", 0o600).expect("created"));
        assert!(!create_new(&path, b"two", 0o600).expect("left alone"));
        assert_eq!(fs::read(&path).expect("read"), b"one");
    }
}
