//! What a host may send in a minute. The host is only what the request says that it is from, so that a budget is also one of
//! the address: nobody uses up another host's by naming it.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use rosehip_core::{
    federation::Peer,
    limits::{INBOX_FETCHES_PER_MINUTE, INBOX_PER_MINUTE},
};

/// Requests after which budgets that are whole again are forgotten.
const TIDY_EVERY: u64 = 4_096;

/// The budgets of all hosts.
pub(super) struct Budgets {
    limiter: DefaultKeyedRateLimiter<(Peer, IpAddr)>,
    /// Requests that name no host before their body, by address alone.
    unsigned: DefaultKeyedRateLimiter<IpAddr>,
    /// Requests for which others have to be asked, by address alone.
    asking: DefaultKeyedRateLimiter<IpAddr>,
    seen: AtomicU64,
}

impl Default for Budgets {
    fn default() -> Self {
        let most = NonZeroU32::new(INBOX_PER_MINUTE).expect("the limit is more than none");
        let asking = NonZeroU32::new(INBOX_FETCHES_PER_MINUTE).expect("the limit is more than none");
        Self {
            limiter: RateLimiter::keyed(Quota::per_minute(most)),
            unsigned: RateLimiter::keyed(Quota::per_minute(most)),
            asking: RateLimiter::keyed(Quota::per_minute(asking)),
            seen: AtomicU64::new(0),
        }
    }
}

impl Budgets {
    /// Takes one document that has to be asked for out of an address's budget; else after how many seconds it has more.
    pub(super) fn ask(&self, client: IpAddr) -> Result<(), u64> {
        take(&self.asking, &client)
    }

    /// Takes one request that names no host out of an address's budget; else after how many seconds it has more.
    pub(super) fn unsigned(&self, client: IpAddr) -> Result<(), u64> {
        self.tidy();
        take(&self.unsigned, &client)
    }

    /// Takes one request out of a host's budget; else after how many seconds it has more.
    pub(super) fn take(&self, peer: &Peer, client: IpAddr) -> Result<(), u64> {
        self.tidy();
        take(&self.limiter, &(peer.clone(), client))
    }

    fn tidy(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.limiter.retain_recent();
            self.unsigned.retain_recent();
            self.asking.retain_recent();
        }
    }
}

fn take<K: Clone + Eq + Hash>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), u64> {
    let refused = limiter.check_key(key).map(drop);
    refused.map_err(|not_until| not_until.wait_time_from(limiter.clock().now()).as_secs() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_of_a_host_at_an_address() {
        let budgets = Budgets::default();
        let peer = |name: &str| name.parse::<Peer>().expect("a host");
        let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().expect("an address"));
        for _ in 0..INBOX_PER_MINUTE {
            budgets.take(&peer("a.example"), here).expect("within the budget");
        }
        assert!(budgets.take(&peer("a.example"), here).is_err());
        assert!(budgets.take(&peer("a.example"), there).is_ok(), "who only claims to be it, has another");
        assert!(budgets.take(&peer("b.example"), here).is_ok());
        for _ in 0..INBOX_PER_MINUTE {
            budgets.unsigned(here).expect("within the budget");
        }
        assert!(budgets.unsigned(here).is_err());
        assert!(budgets.unsigned(there).is_ok());
    }
}
