//! What is on the disk after the power went, at any moment of a recording.
//!
//! Of each file it holds what was written before its last sync. Each later write is there whole, or not at all, or in
//! some of its sectors of 512 bytes, whatever became of the others; a file that was cut may have its old length. Of each
//! directory it holds the names as of its last sync, and some of the later changes to them, the first ones: file systems
//! keep these in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use fastrand::Rng;

use crate::recording::{Change, FileId, NameChange, Recording, is_passing};

const SECTOR: usize = 512;

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Nothing of it is there.
    All,
    /// All of it is, but for the last write, which is torn.
    LastTorn,
    /// Each write is or is not, and some are torn.
    Some,
    /// The first ones are.
    End,
    /// One is not.
    One,
}

const LOSSES: [Loss; 5] = [Loss::All, Loss::LastTorn, Loss::Some, Loss::End, Loss::One];

/// What was lost on the way to an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Writes and cuts that are not there.
    pub(crate) dropped: u64,
    /// Writes of which some sectors are.
    pub(crate) torn: u64,
    /// Changes of names that are not there.
    pub(crate) names: u64,
}

/// Files and names as a disk has them.
#[derive(Debug, Default)]
pub(crate) struct Image {
    files: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, FileId>,
    dirs: BTreeSet<PathBuf>,
}

impl Image {
    /// The directory right before change `end`, as a process that was killed leaves it.
    pub(crate) fn at(recording: &Recording, end: usize) -> Self {
        let mut image = Self::empty(recording);
        recording.changes[..end].iter().for_each(|change| image.apply(change, None));
        image
    }

    /// The power goes right before change `end`; `random` decides about what was not synced.
    pub(crate) fn cut(recording: &Recording, end: usize, random: &mut Rng) -> (Self, Lost) {
        let mut image = Self::empty(recording);
        let mut writes: Vec<Vec<&Change>> = vec![Vec::new(); recording.files];
        let mut names: BTreeMap<&Path, Vec<&Change>> = BTreeMap::new();
        for change in &recording.changes[..end] {
            match change {
                Change::Write { file, .. } | Change::Truncate { file, .. } => writes[*file].push(change),
                Change::Name { dir, .. } => names.entry(dir).or_default().push(change),
                Change::Sync { file } => writes[*file].drain(..).for_each(|change| image.apply(change, None)),
                Change::SyncDir { dir } => {
                    names.remove(dir.as_path()).into_iter().flatten().for_each(|change| image.apply(change, None));
                }
                Change::Ack(_) | Change::Failed(_) => {}
            }
        }
        let loss = LOSSES[random.usize(..LOSSES.len())];
        let mut lost = Lost::default();
        for pending in writes.iter().filter(|pending| !pending.is_empty()) {
            image.lose(loss, pending, random, &mut lost);
        }
        for pending in names.values() {
            let kept = match loss {
                Loss::All => 0,
                Loss::LastTorn | Loss::One => pending.len(),
                Loss::Some | Loss::End => random.usize(..=pending.len()),
            };
            pending[..kept].iter().for_each(|change| image.apply(change, None));
            lost.names += (pending.len() - kept) as u64;
        }
        (image, lost)
    }

    /// Writes it to `root`, without what no start would read.
    pub(crate) fn write_to(&self, root: &Path) {
        for dir in self.dirs.iter().filter(|dir| self.is_reachable(dir)) {
            fs::create_dir(root.join(dir)).expect("a directory of the image");
        }
        for (name, file) in self.names.iter().filter(|(name, _)| self.is_reachable(name) && !is_passing(name)) {
            fs::write(root.join(name), &self.files[*file]).expect("a file of the image");
        }
    }

    /// Its files by name.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, &[u8]> {
        self.names.iter().map(|(name, file)| (name.clone(), self.files[*file].as_slice())).collect()
    }

    fn empty(recording: &Recording) -> Self {
        Self { files: vec![Vec::new(); recording.files], ..Self::default() }
    }

    fn is_reachable(&self, path: &Path) -> bool {
        path.ancestors().skip(1).all(|dir| dir == Path::new("") || self.dirs.contains(dir))
    }

    fn lose(&mut self, loss: Loss, pending: &[&Change], random: &mut Rng, lost: &mut Lost) {
        let chosen = random.usize(..pending.len());
        for (place, change) in pending.iter().enumerate() {
            let (is_kept, is_torn) = match loss {
                Loss::All => (false, false),
                Loss::LastTorn => (true, place + 1 == pending.len()),
                Loss::Some => (random.bool(), random.u8(..4) == 0),
                Loss::End => (place <= chosen, place == chosen),
                Loss::One => (place != chosen, false),
            };
            match change {
                Change::Write { at, bytes, .. } if is_kept && is_torn => {
                    for sector in sectors(*at, bytes.len()).into_iter().filter(|_| random.bool()) {
                        self.apply(change, Some(sector));
                    }
                    lost.torn += 1;
                }
                change if is_kept => self.apply(change, None),
                Change::Write { .. } | Change::Truncate { .. } => lost.dropped += 1,
                Change::Sync { .. }
                | Change::Name { .. }
                | Change::SyncDir { .. }
                | Change::Ack(_)
                | Change::Failed(_) => unreachable!("only what changes a file is pending"),
            }
        }
    }

    /// Carries a change out; of a write only `part`, if one is given.
    fn apply(&mut self, change: &Change, part: Option<Range<usize>>) {
        match change {
            Change::Write { file, at, bytes } => {
                let part = part.unwrap_or(0..bytes.len());
                let at = usize::try_from(*at).expect("files are small") + part.start;
                let (content, bytes) = (&mut self.files[*file], &bytes[part]);
                content.resize(content.len().max(at + bytes.len()), 0);
                content[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Change::Truncate { file, length } => {
                self.files[*file].resize(usize::try_from(*length).expect("files are small"), 0);
            }
            Change::Name { change, .. } => self.rename(change),
            Change::Sync { .. } | Change::SyncDir { .. } | Change::Ack(_) | Change::Failed(_) => {}
        }
    }

    fn rename(&mut self, change: &NameChange) {
        match change {
            NameChange::Dir(path) => drop(self.dirs.insert(path.clone())),
            NameChange::File(path, file) => drop(self.names.insert(path.clone(), *file)),
            NameChange::Gone(path) => drop(self.names.remove(path)),
            NameChange::Moved { from, to, file } => {
                self.names.remove(from);
                self.names.insert(to.clone(), *file);
            }
        }
    }
}

/// The sectors that a write of `length` bytes at `at` touches, as ranges of its bytes.
fn sectors(at: u64, length: usize) -> Vec<Range<usize>> {
    let first = usize::try_from(at).expect("files are small") % SECTOR;
    let mut sectors = Vec::new();
    let mut start = 0;
    while start < length {
        let end = length.min(start + SECTOR - (first + start) % SECTOR);
        sectors.push(start..end);
        start = end;
    }
    sectors
}

#[test]
fn sectors_are_those_of_the_file() {
    assert_eq!(sectors(0, 1_024), [0..512, 512..1_024]);
    assert_eq!(sectors(500, 20), [0..12, 12..20]);
    assert_eq!(sectors(500, 12 + 512), [0..12, 12..524]);
}
