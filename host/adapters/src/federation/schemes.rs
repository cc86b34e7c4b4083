//! How requests to each host are signed. What a host has taken is in the log (`delivery.delivered`), and read from the views;
//! beside it stands what its own requests were signed with, and what it has just refused, which is known in memory alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use rosehip_core::{federation::Peer, limits, signing::Scheme};

/// What this process knows of how hosts want to be spoken to.
pub struct Schemes(Mutex<LruCache<Peer, Known>>);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// What it is spoken to by next, whatever it took before.
    next: Option<Scheme>,
    /// What it took last, or what it asked for in an answer, as the log has it.
    taken: Option<Scheme>,
    /// What its own requests are signed with.
    sent: Option<Scheme>,
}

impl Default for Schemes {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(limits::DIRECTORY_ACTORS)))
    }
}

impl Schemes {
    /// How the next request to a host is signed. `recorded` is asked for what the log has of it, where this process has not
    /// heard of it. A host of which nothing is known is spoken to by the standard, with RSA.
    pub fn of<E>(&self, peer: &Peer, recorded: impl FnOnce() -> Result<Option<Scheme>, E>) -> Result<Scheme, E> {
        let known = self.known().get(peer).copied().unwrap_or_default();
        if let Some(scheme) = known.next.or(known.taken) {
            return Ok(scheme);
        }
        let recorded = recorded()?;
        if recorded.is_some() {
            self.change(peer, |known| known.taken = recorded);
        }
        Ok(recorded.or(known.sent).unwrap_or(Scheme::Rsa))
    }

    /// A host took a request that was signed so, or asked to be sent this. Says whether that is news.
    pub fn took(&self, peer: &Peer, scheme: Scheme) -> bool {
        let mut is_news = false;
        self.change(peer, |known| {
            is_news = known.taken != Some(scheme);
            (known.next, known.taken) = (None, Some(scheme));
        });
        is_news
    }

    /// A host refused both forms; `last` was the second. The next request begins with it.
    pub fn refused(&self, peer: &Peer, last: Scheme) {
        self.change(peer, |known| known.next = Some(last));
    }

    /// A host has sent a request that was signed so, and verified. It is of our own kind if that is ed25519; else it only says
    /// where to begin.
    pub fn sent(&self, peer: &Peer, scheme: Scheme) {
        self.change(peer, |known| match scheme {
            Scheme::Ed25519 => known.next = Some(scheme),
            Scheme::Rsa | Scheme::Cavage => known.sent = Some(scheme),
        });
    }

    fn change(&self, peer: &Peer, change: impl FnOnce(&mut Known)) {
        change(self.known().entry(peer.clone()).or_insert_with(Known::default));
    }

    fn known(&self) -> MutexGuard<'_, LruCache<Peer, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Schemes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schemes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn peer() -> Peer {
        "there.example".parse().expect("a host")
    }

    fn of(schemes: &Schemes, recorded: Option<Scheme>) -> Scheme {
        schemes.of::<Infallible>(&peer(), || Ok(recorded)).expect("it is known")
    }

    #[test]
    fn what_a_host_took_outweighs_what_it_sends_and_ed25519_is_never_a_guess() {
        let schemes = Schemes::default();
        assert_eq!(of(&schemes, None), Scheme::Rsa);
        schemes.sent(&peer(), Scheme::Cavage);
        assert_eq!(of(&schemes, None), Scheme::Cavage);
        assert_eq!(of(&schemes, Some(Scheme::Rsa)), Scheme::Rsa, "the log knows what it took");
        assert!(schemes.took(&peer(), Scheme::Cavage));
        assert!(!schemes.took(&peer(), Scheme::Cavage));
        schemes.sent(&peer(), Scheme::Rsa);
        assert_eq!(of(&schemes, None), Scheme::Cavage);
        schemes.sent(&peer(), Scheme::Ed25519);
        assert_eq!(of(&schemes, None), Scheme::Ed25519, "it is of our own kind by now");
        assert!(schemes.took(&peer(), Scheme::Ed25519), "and that goes into the log");
        schemes.refused(&peer(), Scheme::Rsa);
        assert_eq!(of(&schemes, None), Scheme::Rsa);
    }
}
