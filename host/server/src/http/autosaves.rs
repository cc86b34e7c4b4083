//! How often a draft is saved by itself: each time is a revision in the log, which forgets nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use rosehip_core::{ids::ObjectKey, limits::AUTOSAVE_MS};

use super::fault::Fault;

const INTERVAL: Duration = Duration::from_millis(AUTOSAVE_MS);

/// When drafts were last saved by themselves, as far as that is less than an interval ago.
#[derive(Debug, Default)]
pub(super) struct Autosaves(Mutex<HashMap<ObjectKey, Instant>>);

impl Autosaves {
    /// Lets a draft be saved, and counts it; 429 where it was saved by itself within the interval.
    pub(super) fn admit(&self, key: &ObjectKey) -> Result<(), Fault> {
        match self.admit_at(key, Instant::now()) {
            None => Ok(()),
            Some(left) => {
                let seconds = left.as_secs() + 1;
                let detail =
                    format!("a draft is saved by itself once in {} s; try again in {seconds} s", INTERVAL.as_secs());
                let fault = Fault::new(StatusCode::TOO_MANY_REQUESTS, "autosave-interval", detail);
                Err(Fault { retry_after: Some(seconds), ..fault })
            }
        }
    }

    /// Counts a draft that was saved.
    pub(super) fn note(&self, key: &ObjectKey) {
        let _ = self.admit_at(key, Instant::now());
    }

    /// How long the draft has to wait, if it has to.
    fn admit_at(&self, key: &ObjectKey, now: Instant) -> Option<Duration> {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        saved.retain(|_, at| now.duration_since(*at) < INTERVAL);
        if let Some(at) = saved.get(key) {
            return Some(INTERVAL.saturating_sub(now.duration_since(*at)));
        }
        saved.insert(key.clone(), now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_saved_once_an_interval() {
        let (saves, begun) = (Autosaves::default(), Instant::now());
        let (one, other): (ObjectKey, ObjectKey) =
            ("Article/a".parse().expect("a key"), "Article/b".parse().expect("a key"));
        assert_eq!(saves.admit_at(&one, begun), None);
        assert_eq!(saves.admit_at(&other, begun), None, "each has an interval of its own");
        assert_eq!(saves.admit_at(&one, begun + INTERVAL / 2), Some(INTERVAL / 2));
        assert_eq!(saves.admit_at(&one, begun + INTERVAL), None);
        assert_eq!(saves.0.lock().expect("not poisoned").len(), 1, "what is past is forgotten");
    }
}
