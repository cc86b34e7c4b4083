//! Section `federation`: how this host deals with others.

use rosehip_adapters::federation::FederationOptions;
use rosehip_core::pipeline::dispatch::BACKOFF_MS;
use serde::{Deserialize, Serialize};

/// The longest time between two attempts that can be configured, in seconds.
const LONGEST_SECONDS: u64 = 30 * 86_400;

/// Section `federation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FederationConfig {
    /// How long a delivery waits after its first to its fifth failure, in seconds; after the sixth it is given up.
    pub backoff_seconds: Vec<u64>,
}

impl Default for FederationConfig {
    fn default() -> Self {
        Self { backoff_seconds: BACKOFF_MS.iter().map(|ms| ms / 1_000).collect() }
    }
}

impl FederationConfig {
    /// What the host takes of it; else the key that is wrong and why. `is_development` allows http and addresses that are
    /// not public, which a host with a `base_url` of https has no use for.
    pub fn options(&self, is_development: bool, base_url: &str) -> Result<FederationOptions, String> {
        if is_development && base_url.starts_with("https:") {
            return Err(format!(
                "--dev-federation: is for development on one machine, and server.base_url is {base_url}"
            ));
        }
        if let Some(seconds) = self.backoff_seconds.iter().find(|seconds| **seconds > LONGEST_SECONDS) {
            return Err(format!("federation.backoff_seconds: {seconds} is more than {LONGEST_SECONDS}"));
        }
        let backoff_ms: Vec<u64> = self.backoff_seconds.iter().map(|seconds| seconds * 1_000).collect();
        let backoff_ms = backoff_ms.try_into().map_err(|given: Vec<u64>| {
            format!("federation.backoff_seconds: has {} numbers, and there are 5 waits", given.len())
        })?;
        Ok(FederationOptions { is_development, backoff_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_key() {
        let options = |backoff: &[u64]| {
            FederationConfig { backoff_seconds: backoff.to_vec() }.options(false, "https://h.example")
        };
        assert_eq!(options(&[1, 2, 3, 4, 5]).expect("five").backoff_ms, [1_000, 2_000, 3_000, 4_000, 5_000]);
        for bad in [&[1, 2][..], &[1, 2, 3, 4, u64::MAX]] {
            assert!(options(bad).expect_err("refused").starts_with("federation.backoff_seconds: "));
        }
        let config = FederationConfig::default();
        assert_eq!(config.options(false, "https://h.example"), Ok(FederationOptions::default()));
        assert!(config.options(true, "http://localhost:7420").is_ok());
        assert!(config.options(true, "https://h.example").expect_err("refused").contains("--dev-federation"));
    }
}
