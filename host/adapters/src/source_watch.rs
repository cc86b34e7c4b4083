//! Folders of sources that are watched while somebody works on them. Which folders those are changes, and each is watched
//! by itself, so that what tools fill beside them is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use notify_debouncer_full::notify::RecursiveMode;
use tokio::sync::Notify;

use crate::watch::{Identity, Watch, WatchError, identity, watch_of_nothing};

/// A watch of folders.
pub struct SourceWatch {
    watch: Watch,
    /// Those that are watched, and which folders they are: another one may take the name.
    folders: BTreeMap<PathBuf, Identity>,
}

impl std::fmt::Debug for SourceWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceWatch").field("folders", &self.folders).finish_non_exhaustive()
    }
}

impl SourceWatch {
    /// A watch of no folder. `wake` is notified when something has changed in those that are followed.
    pub fn new(wake: &Arc<Notify>) -> Result<Self, WatchError> {
        let failed = |source| WatchError::Notify { path: PathBuf::new(), source };
        Ok(Self { watch: watch_of_nothing(wake).map_err(failed)?, folders: BTreeMap::new() })
    }

    /// Watches these folders, each without those inside it, and no others from now on. Of one that is gone again nothing is
    /// told but that.
    pub fn follow(&mut self, folders: &BTreeSet<PathBuf>) -> Result<(), WatchError> {
        let there = folders.iter().filter_map(|folder| Some((folder.clone(), identity(folder).ok()?)));
        let there: BTreeMap<_, _> = there.collect();
        for (folder, known) in &self.folders {
            if there.get(folder) != Some(known) {
                // The watch of a folder that is gone has ended by itself.
                let _gone = self.watch.unwatch(folder);
            }
        }
        for (folder, identity) in &there {
            if self.folders.get(folder) != Some(identity) {
                let failed = |source| WatchError::Notify { path: folder.clone(), source };
                self.watch.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
            }
        }
        self.folders = there;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::watch::DEBOUNCE;

    /// How often it wakes until nothing happens any more.
    async fn wakes(wake: &Notify) -> usize {
        tokio::time::timeout(Duration::from_secs(10), wake.notified()).await.expect("woken");
        let mut count = 1;
        while tokio::time::timeout(DEBOUNCE * 4, wake.notified()).await.is_ok() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn what_changes_in_followed_folders_wakes_and_what_changes_below_them_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for name in ["src", "target", "target/deep"] {
            fs::create_dir(at(name)).expect("made");
        }
        let wake = Arc::new(Notify::new());
        let mut watch = SourceWatch::new(&wake).expect("a watch");
        watch.follow(&BTreeSet::from([dir.path().to_owned(), at("src")])).expect("followed");
        fs::write(at("target/deep/out"), "x").expect("written");
        fs::write(at("src/lib.rs"), "x").expect("written");
        assert_eq!(wakes(&wake).await, 1, "what a tool makes is not followed");

        fs::rename(at("src"), at("old")).expect("renamed");
        fs::create_dir(at("src")).expect("made");
        assert!(wakes(&wake).await > 0);
        watch.follow(&BTreeSet::from([at("src")])).expect("followed");
        fs::write(at("src/lib.rs"), "y").expect("written");
        tokio::time::timeout(Duration::from_secs(10), wake.notified()).await.expect("the new folder is watched");
    }
}
