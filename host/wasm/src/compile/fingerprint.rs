//! What tells compilers apart whose artifacts do not fit one another: the version and configuration of wasmtime and the
//! processor, as [`Engine::precompile_compatibility_hash`] has them, in a sha-256.

use std::hash::{Hash as _, Hasher};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

/// Equal where one engine can load what the other has compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) const BYTES: usize = 32;

    pub(super) fn of(engine: &Engine) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// Takes what wasmtime writes into a hash map's hasher, of which 64 bits would be too few for a key.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes(*digest.first_chunk().expect("32 bytes begin with 8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Optimization};

    #[test]
    fn the_child_compiles_for_the_pool_of_the_host() {
        let fingerprint = |config| Fingerprint::of(&Engine::new(&config).expect("the engine starts"));
        let pooled = fingerprint(config::of_host(2, Optimization::default()));
        assert_eq!(fingerprint(config::of_compiler()), pooled);
        assert_eq!(
            fingerprint(config::of_host(3, Optimization::default())),
            pooled,
            "concurrency is no matter of compiling"
        );
        let mut other = config::of_compiler();
        other.consume_fuel(false);
        assert_ne!(fingerprint(other), pooled);
        assert_ne!(fingerprint(config::of_host(2, Optimization::None)), pooled);
    }
}
