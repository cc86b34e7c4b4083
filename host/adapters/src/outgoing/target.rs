//! Where a request may go, as far as its URL tells.

use std::net::IpAddr;

use url::{Host, Url};

use super::{OutgoingOptions, refusal};

/// Why a URL is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Forbidden {
    /// It is none that this client follows.
    #[error("{0}")]
    Url(String),
    /// It leads to an address that is not public.
    #[error("{host} is {what}, and outgoing.allow does not name it")]
    Address {
        /// The host as the URL says it.
        host: String,
        /// What its address is.
        what: &'static str,
    },
}

/// Reads the URL of a request: http or https, with a host and without a user.
pub fn web_url(text: &str) -> Result<Url, String> {
    // The text may hold a secret, so the errors do not repeat it.
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    checked(url)
}

fn checked(url: Url) -> Result<Url, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("a URL of scheme {}, which is neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user in it".to_owned());
    }
    Ok(url)
}

/// A URL that may be asked for, and how its host's addresses are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    /// The operator names the host: it may have any address.
    pub(super) is_allowed: bool,
}

impl Target {
    /// Judges a URL. An address within it is judged here, because it is never resolved; a name is judged once it is.
    pub(super) fn of(url: Url, options: &OutgoingOptions) -> Result<Self, Forbidden> {
        let url = checked(url).map_err(Forbidden::Url)?;
        if url.scheme() == "http" && !options.plain_http {
            return Err(Forbidden::Url(format!(
                "{} is to be asked by http, and only https is spoken here",
                host_of(&url)
            )));
        }
        let is_allowed = options.any_address || options.allow.iter().any(|allowed| allowed.is_of(&url));
        // The parser has read every way to write an address, such as 0x7f.1 and 2130706433.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(Forbidden::Url("a URL without a host".to_owned())),
        };
        match address.filter(|_| !is_allowed).and_then(refusal) {
            Some(what) => Err(Forbidden::Address { host: host_of(&url), what }),
            None => Ok(Self { url, is_allowed }),
        }
    }

    /// Judges where a redirect leads.
    pub(super) fn redirected(&self, location: Url, options: &OutgoingOptions) -> Result<Self, Forbidden> {
        if self.url.scheme() == "https" && location.scheme() == "http" {
            let message = format!("a redirect from https to http, at {}", host_of(&self.url));
            return Err(Forbidden::Url(message));
        }
        let (from, to) = (host_of(&self.url), host_of(&location));
        let is_elsewhere = self.url.host() != location.host();
        let target = Self::of(location, options)?;
        // What was granted is the host that the effect named, and no port of it that it could not have named.
        if is_elsewhere || (target.is_allowed && !self.is_allowed) {
            return Err(Forbidden::Url(format!("a redirect from {from} to another host, {to}")));
        }
        Ok(target)
    }
}

/// Host and port of a URL, for messages: its path may hold a secret.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(allow: &[&str]) -> OutgoingOptions {
        let allow = allow.iter().map(|host| host.parse().expect("a host")).collect();
        OutgoingOptions { allow, ..OutgoingOptions::default() }
    }

    fn judged(url: &str, options: &OutgoingOptions) -> Result<Target, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        Target::of(url, options).map_err(|forbidden| forbidden.to_string())
    }

    fn target(url: &str, allow: &[&str]) -> Result<Target, String> {
        judged(url, &allowing(allow))
    }

    #[test]
    fn an_address_is_judged_however_it_is_written() {
        for url in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://①②⑦.⓪.⓪.①/",
            "http://127%2e0%2e0%2e1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
        ] {
            let refused = target(url, &[]).expect_err(url);
            assert!(refused.contains(" is loopback, and outgoing.allow does not name it"), "{url}: {refused}");
        }
        assert!(target("http://[::7f00:1]/", &[]).is_err());
        assert!(target("http://169.254.169.254/latest", &[]).expect_err("metadata").contains("link-local"));
        assert!(target("http://0/", &[]).expect_err("this host").contains("unspecified"));
        assert!(!target("https://93.184.215.14/", &[]).expect("public").is_allowed);
    }

    #[test]
    fn the_operator_allows_a_host_by_name() {
        assert!(target("http://127.0.0.1:9000/", &["127.0.0.1:9000"]).expect("allowed").is_allowed);
        assert!(target("http://127.0.0.1:9001/", &["127.0.0.1:9000"]).is_err());
        assert!(target("http://localhost:9000/", &["localhost"]).expect("allowed").is_allowed);
        // What it resolves to is judged when it is.
        assert!(!target("http://localhost:9000/", &[]).expect("a name").is_allowed);
    }

    #[test]
    fn other_schemes_and_users_are_refused_and_no_secret_is_told() {
        for url in ["ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "javascript:alert(1)"] {
            assert!(target(url, &[]).expect_err(url).contains("neither http nor https"), "{url}");
        }
        let refused = web_url("https://olga:hunter2@a.example/").expect_err("a user");
        assert_eq!(refused, "a URL with a user in it");
        assert!(!web_url("hunter2").expect_err("no URL").contains("hunter2"));
        assert!(web_url("https:///").is_err());
    }

    #[test]
    fn a_redirect_never_leaves_tls() {
        let from = target("https://a.example/", &[]).expect("public");
        let to = |url: &str| from.redirected(Url::parse(url).expect("a URL"), &allowing(&[]));
        assert!(to("https://a.example/elsewhere").is_ok());
        assert_eq!(
            to("http://b.example/").expect_err("refused").to_string(),
            "a redirect from https to http, at a.example"
        );
        assert!(to("https://10.0.0.1/").is_err());
    }

    #[test]
    fn a_redirect_never_leads_to_another_host() {
        let from = target("http://a.example/", &["a.example:9000"]).expect("public");
        let allow = allowing(&["a.example:9000"]);
        let to = |url: &str| from.redirected(Url::parse(url).expect("a URL"), &allow);
        assert!(to("https://a.example/").is_ok());
        for url in ["http://b.example/", "http://a.example.b.example/", "http://a.example:9000/"] {
            let refused = to(url).expect_err(url).to_string();
            assert!(refused.starts_with("a redirect from a.example to another host"), "{refused}");
        }
    }

    #[test]
    fn federation_is_https_to_public_hosts_unless_it_is_for_development() {
        let (open, closed) = (OutgoingOptions::federation(true), OutgoingOptions::federation(false));
        for url in ["http://127.0.0.1:7420/", "http://localhost:7420/", "http://93.184.215.14/", "https://10.0.0.1/"] {
            assert!(judged(url, &open).expect(url).is_allowed, "{url}");
        }
        let refused = judged("http://93.184.215.14/", &closed).expect_err("http");
        assert_eq!(refused, "93.184.215.14 is to be asked by http, and only https is spoken here");
        assert!(judged("https://10.0.0.1/", &closed).expect_err("private").contains("is private"));
        assert!(!judged("https://93.184.215.14/", &closed).expect("public").is_allowed);
    }
}
