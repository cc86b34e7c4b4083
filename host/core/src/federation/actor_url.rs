//! URLs that identify, and the hosts in them.
//!
//! Reading is strict (RFC 3986), so that whoever judges a URL and whoever asks for it mean the same place.

use std::{fmt, str::FromStr, sync::Arc};

use fluent_uri::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    destination::host_of_url,
    ids::{InvalidId, text_id},
    limits::REMOTE_URL_BYTES,
};

const URL: &str = "an http or https URL of at most 2,048 bytes, without a user and a fragment";
const PEER: &str = "a host such as example.org or localhost:7420";

/// The URL of an actor, which is its identity: http or https, at most 2,048 bytes, without a user and a fragment. Scheme
/// and host are in lower case and the scheme's own port is left out; all else stands as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorUrl(Arc<str>);

impl ActorUrl {
    /// The URL before the fragment of a key's id, and so the actor that is to list the key. An id without a fragment
    /// belongs to nobody.
    pub fn of_key(key_id: &str) -> Option<Self> {
        let fragment = Uri::parse(key_id).ok()?.fragment()?;
        key_id.strip_suffix(fragment.as_str())?.strip_suffix('#').filter(|_| !fragment.is_empty())?.parse().ok()
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port (RFC 6454 §4), such as `https://example.org`.
    pub fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |end| end + 3);
        let end = self.0[authority..].find(['/', '?']).map_or(self.0.len(), |length| authority + length);
        &self.0[..end]
    }

    /// The host that the actor is of.
    pub fn host(&self) -> Peer {
        let origin = self.origin();
        Peer(origin.split_once("://").map_or(origin, |(_, host)| host).into())
    }
}

impl fmt::Display for ActorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ActorUrl {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || InvalidId::new(text, URL);
        if text.len() > REMOTE_URL_BYTES || text.contains('#') {
            return Err(refuse());
        }
        let host = host_of_url(text).ok().filter(|host| has_one_form(&host.name)).ok_or_else(refuse)?;
        let uri = Uri::parse(text).map_err(|_| refuse())?;
        let (scheme, own_port) =
            if uri.scheme().as_str().eq_ignore_ascii_case("https") { ("https", 443) } else { ("http", 80) };
        let port = host.port.filter(|port| *port != own_port).map(|port| format!(":{port}")).unwrap_or_default();
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self(format!("{scheme}://{}{port}{}{query}", host.name, uri.path()).into()))
    }
}

/// Whether a host's name is the only one that leads there: neither is it absolute (`example.org.`), nor an IPv4 address
/// that is written as something else than four decimal bytes. Otherwise one host would be several peers.
fn has_one_form(host: &str) -> bool {
    let is_byte = |label: &str| label.parse::<u8>().is_ok_and(|byte| byte.to_string() == label);
    let last = host.rsplit('.').next().unwrap_or_default();
    match last.starts_with(|c: char| c.is_ascii_digit()) {
        true => host.starts_with('[') || (host.split('.').count() == 4 && host.split('.').all(is_byte)),
        false => !last.is_empty(),
    }
}

/// Whether two URLs are of one origin: what one of them says of the other can be believed.
pub fn same_origin(a: &ActorUrl, b: &ActorUrl) -> bool {
    a.origin() == b.origin()
}

/// Another host, as URLs and handles name it: in lower case, with its port where that is not the scheme's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(Arc<str>);

impl Peer {
    /// The host as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hosts by which this one is blocked: itself, with and without its port, and every domain that it lies in.
    pub fn domains(&self) -> impl Iterator<Item = Self> + '_ {
        let whole = self.as_str();
        let is_address = whole.starts_with('[');
        let name = if is_address { whole } else { whole.split_once(':').map_or(whole, |(name, _)| name) };
        let above = name.match_indices('.').filter(move |_| !is_address).map(|(dot, _)| &name[dot + 1..]);
        let own = (name != whole).then_some(name);
        std::iter::once(whole).chain(own).chain(above).map(|domain| Self(domain.into()))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Peer {
    type Err = InvalidId;

    /// Reads a host as one writes it. Port 443 is left out, because https is what hosts speak.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || InvalidId::new(text, PEER);
        // A URL would also take what stands around a host.
        if text.contains(['/', '?', '#', '@']) || text.ends_with(':') {
            return Err(refuse());
        }
        let url: ActorUrl = format!("https://{text}").parse().map_err(|_| refuse())?;
        Ok(url.host())
    }
}

text_id!(ActorUrl);
text_id!(Peer);

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ActorUrl {
        text.parse().expect("a URL")
    }

    #[test]
    fn scheme_and_host_have_one_form_and_the_rest_stands_as_it_was() {
        for (written, read) in [
            ("https://a.example/users/Ada", "https://a.example/users/Ada"),
            ("HTTPS://A.Example:443/Users/../Ada", "https://a.example/Users/../Ada"),
            ("http://LOCALHOST:7420/actors/site", "http://localhost:7420/actors/site"),
            ("http://a.example:80?a=%3F", "http://a.example?a=%3F"),
            ("https://a.example:/x", "https://a.example/x"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
            ("https://[::ffff:127.0.0.1]/x", "https://[::ffff:127.0.0.1]/x"),
            ("https://127.0.0.1/x", "https://127.0.0.1/x"),
        ] {
            assert_eq!(url(written).as_str(), read);
            assert_eq!(url(read), url(written));
        }
    }

    #[test]
    fn what_could_be_taken_for_another_place_is_no_url() {
        for text in [
            "",
            "a.example",
            "ftp://a.example/",
            "urn:a:b",
            "https://",
            "https:///ada",
            "https://ada@a.example/",
            "https://a.example@b.example/",
            "https://a.example\\@b.example/",
            "https://a%2eexample/",
            "https://bücher.example/",
            "https://a.example/#main",
            "https://a.example/a b",
            "https://a.example:99999/",
            "//a.example/",
            "https://a.example./",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.0.0.01/",
            "https://127.0.1/",
            "https://a.example.1/",
            &format!("https://a.example/{}", "x".repeat(REMOTE_URL_BYTES)),
        ] {
            assert!(text.parse::<ActorUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_url_tells_its_origin_and_its_host() {
        for (text, origin, host) in [
            ("https://a.example/users/ada", "https://a.example", "a.example"),
            ("https://a.example", "https://a.example", "a.example"),
            ("https://a.example?x=/", "https://a.example", "a.example"),
            ("http://localhost:7420/x", "http://localhost:7420", "localhost:7420"),
            ("https://[2001:db8::1]:1/x", "https://[2001:db8::1]:1", "[2001:db8::1]:1"),
        ] {
            assert_eq!((url(text).origin(), url(text).host().as_str()), (origin, host));
        }
        assert!(same_origin(&url("https://a.example/x"), &url("https://A.example:443/y")));
        for other in ["http://a.example/x", "https://a.example:8443/x", "https://b.a.example/x"] {
            assert!(!same_origin(&url("https://a.example/x"), &url(other)), "{other}");
        }
    }

    #[test]
    fn a_key_belongs_to_the_url_before_its_fragment() {
        assert_eq!(ActorUrl::of_key("https://a.example/ada#main-key"), Some(url("https://a.example/ada")));
        for key in [
            "https://a.example/ada",
            "https://a.example/ada#",
            "#key",
            "did:key:z6Mk#z6Mk",
            "https://a#b#c",
            "https://a#b c",
        ] {
            assert_eq!(ActorUrl::of_key(key), None, "{key}");
        }
    }

    #[test]
    fn a_peer_is_a_host_and_perhaps_a_port() {
        for (written, read) in [
            ("Example.ORG", "example.org"),
            ("example.org:443", "example.org"),
            ("localhost:7420", "localhost:7420"),
            ("127.0.0.1:7420", "127.0.0.1:7420"),
            ("[::1]:7420", "[::1]:7420"),
        ] {
            assert_eq!(written.parse::<Peer>().expect("a host").as_str(), read);
        }
        for text in
            ["", "a/b", "a@b", "a?b", "a#b", "https://a", "a b", "a:", "a:b", ":80", "a:99999", "bücher.example"]
        {
            assert!(text.parse::<Peer>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_host_lies_in_its_domains_whatever_its_port() {
        let domains = |text: &str| {
            let peer: Peer = text.parse().expect("a host");
            peer.domains().map(|domain| domain.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(domains("x.evil.example:8443"), "x.evil.example:8443 x.evil.example evil.example example");
        assert_eq!(domains("localhost:7420"), "localhost:7420 localhost");
        assert_eq!(domains("[::1]:7420"), "[::1]:7420");
    }

    #[test]
    fn both_are_kept_as_text() {
        let json = serde_json::to_string(&(url("https://a.example/x"), url("https://a.example/x").host()));
        assert_eq!(json.expect("JSON"), r#"["https://a.example/x","a.example"]"#);
        assert!(serde_json::from_str::<ActorUrl>("\"a\"").is_err());
    }
}
