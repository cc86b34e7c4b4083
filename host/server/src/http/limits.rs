//! Rate limits by address (a token bucket each): anonymous reads, and tries to log in.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, Response},
    response::IntoResponse as _,
};
use tower_governor::{
    GovernorError, GovernorLayer,
    governor::{GovernorConfig, GovernorConfigBuilder},
    key_extractor::KeyExtractor,
};

use super::{HttpOptions, fault::Fault};

/// Reads a stranger's address has at once, and the milliseconds after which it has one more.
const READS: (u32, u64) = (1_000, 5);
/// Requests after which addresses whose buckets are full again are forgotten.
const TIDY_EVERY: u64 = 4_096;
/// The same for `/login`, where opening the page and sending it are one each: the page begins a session, and the
/// password is hashed.
const LOGINS: (u32, u64) = (40, 1_500);

type NoHeaders = governor::middleware::NoOpMiddleware;

/// The limits of this host.
pub(super) struct Limits {
    reads: Arc<GovernorConfig<Address, NoHeaders>>,
    logins: Arc<GovernorConfig<Address, NoHeaders>>,
    seen: AtomicU64,
}

impl Limits {
    /// Limits that believe the trusted proxies.
    pub(super) fn new(options: &HttpOptions) -> Self {
        let address = Address::of_options(options);
        Self { reads: bucket(address.clone(), READS), logins: bucket(address, LOGINS), seen: AtomicU64::new(0) }
    }

    /// The limit of anonymous requests.
    pub(super) fn reads(&self) -> GovernorLayer<Address, NoHeaders, Body> {
        layer(&self.reads)
    }

    /// Counts a request, and now and then forgets addresses that have not come for a while.
    pub(super) fn tidy(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.reads.limiter().retain_recent();
            self.logins.limiter().retain_recent();
        }
    }

    /// The limit of tries to log in.
    pub(super) fn logins(&self) -> GovernorLayer<Address, NoHeaders, Body> {
        layer(&self.logins)
    }
}

fn bucket(address: Address, (burst, milliseconds): (u32, u64)) -> Arc<GovernorConfig<Address, NoHeaders>> {
    let mut builder = GovernorConfigBuilder::default().key_extractor(address);
    let config = builder.burst_size(burst).per_millisecond(milliseconds).finish();
    Arc::new(config.expect("burst and period are not zero"))
}

fn layer(config: &Arc<GovernorConfig<Address, NoHeaders>>) -> GovernorLayer<Address, NoHeaders, Body> {
    GovernorLayer::new(Arc::clone(config)).error_handler(refused)
}

fn refused(error: GovernorError) -> Response<Body> {
    let seconds = match error {
        GovernorError::TooManyRequests { wait_time, .. } => wait_time.max(1),
        GovernorError::UnableToExtractKey | GovernorError::Other { .. } => 1,
    };
    Fault::too_many(seconds).into_response()
}

/// Whose bucket a request takes from.
#[derive(Debug, Clone)]
pub(super) struct Address {
    trusted: Arc<[IpAddr]>,
}

impl Address {
    /// Addresses beyond the trusted proxies.
    pub(super) fn of_options(options: &HttpOptions) -> Self {
        Self { trusted: options.trusted_proxies.clone().into() }
    }

    /// Where a request comes from.
    pub(super) fn of_request<T>(&self, request: &Request<T>) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        self.of(peer, request.headers())
    }

    /// Whose is the nearest address on the request's way that is no trusted proxy's.
    fn of(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut address = peer;
        let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
        for hop in hops.iter().rev() {
            if !self.trusted.contains(&address) {
                break;
            }
            let Ok(hop) = hop.parse::<IpAddr>() else { break };
            address = hop.to_canonical();
        }
        client_of(address)
    }
}

/// Whom requests from an address are counted for: the address, and of IPv6 its network (the first 64 bits), because a host has
/// all of one.
pub fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl KeyExtractor for Address {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        Ok(self.of_request(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(trusted: &[&str], peer: &str, forwarded: &str) -> String {
        let trusted = trusted.iter().map(|ip| ip.parse().expect("an address")).collect();
        let headers =
            HeaderMap::from_iter([("x-forwarded-for".parse().expect("a name"), forwarded.parse().expect("a value"))]);
        Address { trusted }.of(peer.parse().ok(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(address(&[], "192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(address(&["192.0.2.1"], "192.0.2.1", "203.0.113.9, 198.51.100.7"), "198.51.100.7");
        assert_eq!(address(&["192.0.2.1", "198.51.100.7"], "192.0.2.1", "203.0.113.9, 198.51.100.7"), "203.0.113.9");
        assert_eq!(address(&["192.0.2.1"], "192.0.2.1", "nonsense"), "192.0.2.1");
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        assert_eq!(address(&[], "2001:db8::1:2", ""), "2001:db8::");
    }
}
