//! Hosts as an operator writes them: a name or an address, perhaps with a port.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// A host that the operator means, on one port or on any. It is held against a URL as the URL says it, never against
/// what the name resolves to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName {
    host: Host,
    port: Option<u16>,
}

/// A text that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host such as hooks.example.org or localhost:9000")]
pub struct InvalidHost(String);

impl HostName {
    /// Whether a URL leads to this host.
    pub fn is_of(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        url.host().is_some_and(|host| host.to_owned() == self.host) && self.port.is_none_or(|own| Some(own) == port)
    }

    /// Whether it names one port only.
    pub fn names_a_port(&self) -> bool {
        self.port.is_some()
    }
}

impl FromStr for HostName {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.to_owned());
        // A URL would also take what stands around a host.
        if text.is_empty() || text.contains(['/', '\\', '?', '#', '@', '*']) || text.contains(char::is_whitespace) {
            return Err(invalid());
        }
        // The port of the scheme is left out by the parser, so it is read under one that has another.
        let parsed = |scheme: &str| Url::parse(&format!("{scheme}://{text}/")).map_err(|_| invalid());
        let (http, https) = (parsed("http")?, parsed("https")?);
        let host = http.host().ok_or_else(invalid)?.to_owned();
        Ok(Self { host, port: http.port().or(https.port()) })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => write!(f, "{}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_meant_exactly_and_a_port_narrows_it() {
        let is_of =
            |host: &str, url: &str| host.parse::<HostName>().expect("a host").is_of(&Url::parse(url).expect("a URL"));
        for (host, url) in [
            ("hooks.internal", "http://hooks.internal/"),
            ("hooks.internal", "https://HOOKS.internal:9000/x"),
            ("hooks.internal:80", "http://hooks.internal/"),
            ("hooks.internal:443", "https://hooks.internal/"),
            ("localhost:9000", "http://localhost:9000/"),
            ("127.0.0.1", "http://2130706433/"),
            ("[::1]:9000", "http://[0:0::1]:9000/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
        ] {
            assert!(is_of(host, url), "{host} is {url}");
        }
        for (host, url) in [
            ("hooks.internal", "http://a.hooks.internal/"),
            ("hooks.internal", "http://hooks.internal.example/"),
            ("hooks.internal", "http://hooks.internal./"),
            ("hooks.internal:80", "https://hooks.internal/"),
            ("localhost:9000", "http://localhost:9001/"),
            ("localhost", "http://127.0.0.1/"),
        ] {
            assert!(!is_of(host, url), "{host} is not {url}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "http://a", "a/b", "a@b", "*.example", "a b", "a:99999", "a:b", "a?b", "a\n"] {
            assert!(text.parse::<HostName>().is_err(), "{text:?}");
        }
        assert_eq!("Hooks.Internal:80".parse::<HostName>().expect("a host").to_string(), "hooks.internal:80");
    }
}
