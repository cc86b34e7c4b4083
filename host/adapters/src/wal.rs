//! Looking at a write-ahead log of SQLite before SQLite recovers it.
//!
//! Recovery ends at the first frame that is not whole and drops what follows, because after a power cut that is a commit
//! that was never acknowledged. A bit that turned in an earlier frame looks the same to it, and would take acknowledged
//! commits along. The two can be told apart: with `synchronous = FULL` a commit is on the disk before the next one is
//! written, so that a frame which was written onto a finished commit vouches for all before it.
//!
//! The format is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// What a disk writes whole.
const SECTOR: u64 = 512;
/// The magic number of a file whose checksums read words as little-endian; the next one is of big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// Why a write-ahead log is not to be recovered.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// It is not as it was written, and SQLite would drop commits that were acknowledged.
    #[error("{path}: frame {frame} is damaged and {commits} commits at least stand behind it")]
    Frame {
        /// The file.
        path: PathBuf,
        /// The first frame that is not whole, from 1.
        frame: u64,
        /// Finished commits from there on.
        commits: u64,
    },
    /// Its header is not as it was written, and SQLite would drop all of it.
    #[error("{path}: its header is damaged")]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Looks at the write-ahead log of a database, if there is one, while a host may be writing it.
///
/// The last commit is not vouched for by another one: if it is damaged, it is dropped like one that a power cut tore.
/// Only the log's signed head can tell the two apart.
pub(crate) fn check(database: &Path) -> Result<(), WalError> {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    let path = PathBuf::from(path);
    let io = |source| WalError::Io { path: path.clone(), source };
    loop {
        let Some(mut wal) = open(&path).map_err(io)? else { return Ok(()) };
        let found = wal.walk().map_err(io)?;
        // A host may have begun the file anew meanwhile, which changes its header.
        let header = wal.header;
        if open(&path).map_err(io)?.is_none_or(|now| now.header != header) {
            continue;
        }
        return match found {
            Found::Whole => Ok(()),
            Found::Header => Err(WalError::Header { path }),
            Found::Frame { frame, commits } => Err(WalError::Frame { path, frame, commits }),
        };
    }
}

/// What a walk over the file found.
enum Found {
    Whole,
    Header,
    Frame { frame: u64, commits: u64 },
}

struct Wal {
    header: [u8; HEADER_BYTES],
    frames: BufReader<File>,
}

/// None where there is no file, or nothing in it.
fn open(path: &Path) -> io::Result<Option<Wal>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (mut frames, mut header) = (BufReader::new(file), [0; HEADER_BYTES]);
    if !fill(&mut frames, &mut header)? || header == [0; HEADER_BYTES] {
        return Ok(None);
    }
    Ok(Some(Wal { header, frames }))
}

/// Whether there was as much to read.
fn fill(from: &mut impl io::Read, bytes: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Wal {
    /// Follows the frames to the first that is not whole, and looks behind it for commits that are.
    fn walk(&mut self) -> io::Result<Found> {
        let of_file = |at| word(&self.header, at);
        let words = match of_file(0) {
            MAGIC => u32::from_le_bytes,
            magic if magic == MAGIC + 1 => u32::from_be_bytes,
            _ => return Ok(Found::Header),
        };
        let (page_size, salts) = (of_file(8), (of_file(16), of_file(20)));
        let mut sum = Sum::default().over(&self.header[..24], words);
        if sum != Sum(of_file(24), of_file(28)) {
            return Ok(Found::Header);
        }
        let (mut header, mut page) = ([0; FRAME_HEADER_BYTES], vec![0; page_size as usize]);
        let (mut frame, mut damaged, mut commits) = (0, None, 0);
        let mut is_after_commit = false;
        while fill(&mut self.frames, &mut header)? && fill(&mut self.frames, &mut page)? {
            frame += 1;
            let stored = Sum(word(&header, 16), word(&header, 20));
            let is_of_this_run = (word(&header, 8), word(&header, 12)) == salts;
            let is_linked = is_of_this_run && sum.over(&header[..8], words).over(&page, words) == stored;
            if !is_linked {
                damaged = damaged.or(Some(frame));
            } else if damaged.is_some() && is_after_commit {
                commits += 1;
            }
            // A torn header may have the mark of a commit from an earlier run, if a sector ends right behind it.
            let at = HEADER_BYTES as u64 + (frame - 1) * (FRAME_HEADER_BYTES as u64 + u64::from(page_size));
            let is_mark_its_own = is_linked || !(at + 8).is_multiple_of(SECTOR);
            is_after_commit = is_of_this_run && word(&header, 4) != 0 && is_mark_its_own;
            sum = stored;
        }
        Ok(match damaged {
            Some(frame) if commits > 0 => Found::Frame { frame, commits },
            Some(_) | None => Found::Whole,
        })
    }
}

/// The big-endian word at a place of a header.
fn word(header: &[u8], at: usize) -> u32 {
    let bytes = header[at..at + 4].try_into().expect("four bytes are four bytes");
    u32::from_be_bytes(bytes)
}

/// The running checksum of a write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum(u32, u32);

impl Sum {
    /// Goes on over bytes, whose number divides by eight.
    fn over(self, bytes: &[u8], word: fn([u8; 4]) -> u32) -> Self {
        let (pairs, _) = bytes.as_chunks::<8>();
        pairs.iter().fold(self, |Self(first, second), [a, b, c, d, e, f, g, h]| {
            let first = first.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(second);
            let second = second.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(first);
            Self(first, second)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    const PAGE: usize = 4_096;

    /// A database whose write-ahead log holds some commits, as a killed process leaves it.
    fn killed(commits: usize) -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.db");
        let connection = Connection::open(&path).expect("opened");
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(a)")
            .expect("made");
        (0..commits).for_each(|_| commit(&connection, 3 * PAGE));
        let left = tempfile::tempdir().expect("another one");
        for name in ["a.db", "a.db-wal"] {
            fs::copy(dir.path().join(name), left.path().join(name)).expect("copied");
        }
        let path = left.path().join("a.db");
        (left, path)
    }

    fn commit(connection: &Connection, size: usize) {
        connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [size]).expect("committed");
    }

    fn wal_of(path: &Path) -> PathBuf {
        path.with_extension("db-wal")
    }

    /// Turns a bit `at` bytes from the beginning of the write-ahead log.
    fn turn(path: &Path, at: usize) {
        let mut bytes = fs::read(wal_of(path)).expect("read");
        bytes[at] ^= 4;
        fs::write(wal_of(path), bytes).expect("written");
    }

    #[test]
    fn a_whole_one_and_none_at_all_are_in_order() {
        let (_dir, path) = killed(3);
        check(&path).expect("as it was written");
        fs::remove_file(wal_of(&path)).expect("removed");
        check(&path).expect("nothing to recover");
    }

    #[test]
    fn damage_before_the_last_commit_is_refused_and_named() {
        for at in [HEADER_BYTES, HEADER_BYTES + 5, HEADER_BYTES + 9, HEADER_BYTES + 17, HEADER_BYTES + 100] {
            let (_dir, path) = killed(3);
            turn(&path, at);
            let error = check(&path).expect_err("damaged");
            assert!(matches!(error, WalError::Frame { frame: 1, commits: 1.., .. }), "byte {at}: {error}");
        }
        for at in 0..HEADER_BYTES {
            let (_dir, path) = killed(3);
            turn(&path, at);
            assert!(matches!(check(&path), Err(WalError::Header { .. })), "byte {at}");
        }
    }

    #[test]
    fn a_last_commit_that_was_torn_is_no_damage_and_neither_is_what_it_left_behind() {
        let (_dir, path) = killed(3);
        let length = usize::try_from(fs::metadata(wal_of(&path)).expect("there").len()).expect("small");
        turn(&path, length - PAGE);
        check(&path).expect("it may have been torn");
        let connection = Connection::open(&path).expect("recovered");
        // A shorter commit leaves the rest of the torn one behind itself; what follows then is torn again.
        connection.execute_batch("PRAGMA synchronous = FULL; INSERT INTO t VALUES (1)").expect("committed");
        check(&path).expect("what is left behind was never acknowledged");
        let rows: u64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("read");
        assert_eq!(rows, 3, "two that were whole, and the new one");
        commit(&connection, 2 * PAGE);
        check(&path).expect("as it was written");
    }
}
