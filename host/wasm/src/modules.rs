//! Compiled modules in memory, by digest, the least recently used leaving first.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use rosehip_core::ids::Digest;

/// A bounded map of loaded modules. A call that holds a module keeps it alive beyond its removal.
#[derive(Debug)]
pub(crate) struct Modules<M> {
    loaded: RwLock<HashMap<Digest, Loaded<M>>>,
    uses: AtomicU64,
    most: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Loaded<M> {
    module: Arc<M>,
    bytes: usize,
    last_use: AtomicU64,
}

impl<M> Modules<M> {
    /// Room for `most` modules and `most_bytes` of machine code. The module inserted last always stays.
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Self { loaded: RwLock::default(), uses: AtomicU64::new(0), most, most_bytes }
    }

    /// The module of this digest, which counts as a use of it.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<M>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let entry = loaded.get(digest)?;
        entry.last_use.store(self.next_use(), Relaxed);
        Some(Arc::clone(&entry.module))
    }

    /// Whether the digest is loaded.
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).contains_key(digest)
    }

    /// Keeps `module`, whose machine code takes `bytes`, and lets others go until the bounds hold.
    pub(crate) fn insert(&self, digest: Digest, module: M, bytes: usize) {
        let entry = Loaded { module: Arc::new(module), bytes, last_use: AtomicU64::new(self.next_use()) };
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.insert(digest, entry);
        let mut total: usize = loaded.values().map(|entry| entry.bytes).sum();
        while loaded.len() > 1 && (loaded.len() > self.most || total > self.most_bytes) {
            let oldest = loaded
                .iter()
                .filter(|(other, _)| **other != digest)
                .min_by_key(|(_, entry)| entry.last_use.load(Relaxed))
                .map(|(other, _)| *other);
            let Some(removed) = oldest.and_then(|oldest| loaded.remove(&oldest)) else { break };
            total -= removed.bytes;
        }
    }

    /// Lets a module go.
    pub(crate) fn remove(&self, digest: &Digest) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn the_least_recently_used_leaves_when_there_are_too_many() {
        let modules = Modules::new(2, usize::MAX);
        modules.insert(digest("a"), "a", 1);
        modules.insert(digest("b"), "b", 1);
        assert!(modules.get(&digest("a")).is_some());
        modules.insert(digest("c"), "c", 1);
        assert!(modules.contains(&digest("a")));
        assert!(!modules.contains(&digest("b")));
        assert!(modules.contains(&digest("c")));
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_stays() {
        let modules = Modules::new(10, 100);
        modules.insert(digest("a"), "a", 60);
        modules.insert(digest("b"), "b", 40);
        assert!(modules.contains(&digest("a")));
        modules.insert(digest("c"), "c", 200);
        assert!(!modules.contains(&digest("a")));
        assert!(!modules.contains(&digest("b")));
        assert!(modules.contains(&digest("c")));
    }
}
