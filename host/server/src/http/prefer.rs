//! `Prefer: wait` (RFC 7240 §4.3): how long a write waits for the flows it fires.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rosehip_core::limits::PREFER_WAIT_SECONDS;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A wait that was asked for, held to what the host allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(u64);

impl Wait {
    /// The wait that the headers ask for. A preference that cannot be read is ignored, as RFC 7240 §2 has it.
    pub(super) fn asked(headers: &HeaderMap) -> Option<Self> {
        let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let seconds = preferences.flat_map(|value| value.split([',', ';'])).find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let is_wait = name.trim().eq_ignore_ascii_case("wait");
            is_wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok()).flatten()
        })?;
        Some(Self(seconds.min(PREFER_WAIT_SECONDS)))
    }

    /// Its length.
    pub(super) fn length(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// Says in the answer that it was honoured.
    pub(super) fn confirm(self, headers: &mut HeaderMap) {
        let applied = HeaderValue::from_str(&format!("wait={}", self.0));
        headers.insert(PREFERENCE_APPLIED, applied.expect("digits are a header value"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(prefer: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(PREFER, prefer.parse().expect("a header"))]);
        Wait::asked(&headers).map(|wait| wait.0)
    }

    #[test]
    fn a_wait_is_found_among_preferences_and_held_to_30_seconds() {
        assert_eq!(asked("wait=10"), Some(10));
        assert_eq!(asked("respond-async, wait=5"), Some(5));
        assert_eq!(asked("Wait = \"7\"; foo"), Some(7));
        assert_eq!(asked("wait=3600"), Some(30));
        assert_eq!(asked("wait=0"), Some(0));
    }

    #[test]
    fn what_cannot_be_read_is_ignored() {
        for prefer in ["wait", "wait=", "wait=soon", "wait=-1", "return=minimal"] {
            assert_eq!(asked(prefer), None, "{prefer}");
        }
        assert_eq!(Wait::asked(&HeaderMap::new()), None);
    }
}
