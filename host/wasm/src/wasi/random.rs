//! Random bytes that are the same each time a call is made.

use std::fmt;

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};

/// One stream for everything that is random: bytes that are called secure, those that are not, and seeds of hash maps.
/// Most guests never ask, so it is set up when the first one does.
pub(super) struct Random {
    seed: [u8; 32],
    stream: Option<ChaCha20Rng>,
}

impl Random {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, stream: None }
    }

    /// The next bytes.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.stream.get_or_insert_with(|| ChaCha20Rng::from_seed(self.seed)).fill_bytes(bytes);
    }

    /// The next eight bytes as a number.
    pub(super) fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}
