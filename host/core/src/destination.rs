//! Where an effect goes, read from its payload so that a grant can be held against it, and the patterns that grants
//! are written in.
//!
//! Reading is strict: RFC 3986 for URLs, RFC 5321 for addresses. What a laxer reader may take for another place (a user
//! name before the host, an encoded host, a second `@`) names no destination at all, and so is never granted.

use std::{collections::BTreeSet, fmt, str::FromStr};

use email_address::EmailAddress;
use fluent_uri::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::activity::PUBLIC;

/// Characters of a payload's text that a message quotes.
const QUOTED_CHARS: usize = 200;

/// A host, with its port where one is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// Its name or address in lower case; an IPv6 address in brackets.
    pub name: String,
    /// The port; none of a mail domain.
    pub port: Option<u16>,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoDestination(String);

impl NoDestination {
    fn new(text: &str, why: &str) -> Self {
        Self(format!("{:?} {why}", quoted(text)))
    }
}

/// The beginning of a text that a stranger wrote.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The host of an `http` or `https` URL, with the port that it says or its scheme has.
pub fn host_of_url(url: &str) -> Result<Host, NoDestination> {
    let refuse = |why| NoDestination::new(url, why);
    let uri = Uri::parse(url).map_err(|_| refuse("is no URL (RFC 3986)"))?;
    let scheme = uri.scheme().as_str();
    let default = match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => 443,
        _ if scheme.eq_ignore_ascii_case("http") => 80,
        _ => return Err(refuse("is neither http nor https")),
    };
    let authority = uri.authority().ok_or_else(|| refuse("has no host"))?;
    if authority.userinfo().is_some() {
        return Err(refuse("has a user name before its host"));
    }
    let name = authority.host().to_ascii_lowercase();
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_address = name.starts_with('[') && !name.starts_with("[v");
    if name.is_empty() || !(is_address || is_name(&name)) {
        return Err(refuse("has a host that is neither a name nor an address"));
    }
    let port = match authority.port().map(fluent_uri::pct_enc::EStr::as_str).filter(|port| !port.is_empty()) {
        Some(port) => port.parse().map_err(|_| refuse("has a port beyond 65535"))?,
        None => default,
    };
    Ok(Host { name, port: Some(port) })
}

/// The domain of a mail address, perhaps with a name before it: `Ada <ada@example.org>`.
fn domain_of(address: &str) -> Result<Host, NoDestination> {
    let refuse = || NoDestination::new(address, "is no mail address");
    let parsed: EmailAddress = address.trim().parse().map_err(|_| refuse())?;
    // With a single @ there is one reading only.
    if address.matches('@').count() != 1 {
        return Err(refuse());
    }
    Ok(Host { name: parsed.domain().to_ascii_lowercase(), port: None })
}

/// The hosts that an effect reaches; none are known of kinds that name no host.
pub fn hosts_of(kind: &str, payload: &Value) -> Result<Vec<Host>, NoDestination> {
    match kind {
        "webhook" => Ok(vec![host_of_url(payload.get("url").and_then(Value::as_str).unwrap_or_default())?]),
        "email" => {
            let addresses = ["to", "cc", "bcc"].iter().filter_map(|field| payload.get(field));
            texts(addresses)?.into_iter().map(domain_of).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// Whom an activity is addressed to, and its object where that is addressed by itself: every `to`, `cc`, `bto`, `bcc`
/// and `audience` (ActivityPub §6).
pub fn recipients_of(payload: &Value) -> Result<Vec<&str>, NoDestination> {
    const FIELDS: [&str; 5] = ["to", "cc", "bto", "bcc", "audience"];
    let Some(activity) = payload.get("activity") else { return Ok(Vec::new()) };
    let addressed = [Some(activity), activity.get("object")].into_iter().flatten();
    texts(addressed.flat_map(|document| FIELDS.iter().filter_map(|field| document.get(field))))
}

/// Texts, lists of them and what has an `id`, as `ActivityStreams` writes references.
fn texts<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Vec<&'a str>, NoDestination> {
    let items = values.flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
    let text = |item: &'a Value| item.as_str().or_else(|| item.get("id").and_then(Value::as_str));
    let known = items.filter(|item| !item.is_null());
    known.map(|item| text(item).ok_or_else(|| NoDestination::new(&item.to_string(), "is no address"))).collect()
}

/// Where an effect goes, in words that lists are searched by: a channel, hosts, or nothing that is known.
pub fn in_words(kind: &str, payload: &Value) -> Option<String> {
    if kind == "notify" {
        return Some(quoted(crate::behavior::channel(payload)));
    }
    let hosts: BTreeSet<String> = hosts_of(kind, payload).ok()?.iter().map(Host::to_string).collect();
    let text = hosts.into_iter().collect::<Vec<_>>().join(", ");
    Some(quoted(&text)).filter(|text| !text.is_empty())
}

/// Hosts that are granted: `example.org`, `*.example.org` for what is below it, each perhaps with `:port`. Without a port
/// every port is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct HostPattern {
    is_above: bool,
    name: String,
    port: Option<u16>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct InvalidPattern {
    text: String,
    wanted: &'static str,
}

impl HostPattern {
    /// Whether a host is granted by it.
    pub fn covers(&self, host: &Host) -> bool {
        let is_below = || host.name.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        let is_meant = if self.is_above { is_below() } else { host.name == self.name };
        is_meant && self.port.is_none_or(|port| host.port == Some(port))
    }

    /// Whether it names a port.
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }
}

impl FromStr for HostPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "a host, *.host or either with :port";
        let refuse = || InvalidPattern { text: quoted(text), wanted };
        let lower = text.to_ascii_lowercase();
        let (is_above, rest) = lower.strip_prefix("*.").map_or((false, lower.as_str()), |rest| (true, rest));
        if rest.contains(['/', '?', '#', '@']) {
            return Err(refuse());
        }
        // One reader for patterns and for what is held against them.
        let host = host_of_url(&format!("http://{rest}")).map_err(|_| refuse())?;
        let (name, port) = match rest.strip_prefix(&host.name) {
            Some("") => (host.name, None),
            Some(end) if end.len() > 1 => (host.name, host.port),
            Some(_) | None => return Err(refuse()),
        };
        let labels = name.starts_with('[') || name.split('.').all(|label| (1..=63).contains(&label.len()));
        // Nothing stands below an address.
        let is_address = name.starts_with('[') || name.rsplit('.').next().is_some_and(ends_in_a_number);
        if !labels || name.len() > 253 || (is_above && is_address) {
            return Err(refuse());
        }
        Ok(Self { is_above, name, port })
    }
}

/// Whether a name's last label makes the name an IPv4 address (WHATWG URL §3.5, in effect).
fn ends_in_a_number(label: &str) -> bool {
    label.starts_with("0x") || label.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let above = if self.is_above { "*." } else { "" };
        write!(f, "{above}{}", Host { name: self.name.clone(), port: self.port })
    }
}

/// Who may be addressed: `public`, `followers`, an actor's URL, or hosts of actors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub enum Audience {
    /// Everybody.
    Public,
    /// The followers of the actor as whom the behavior acts.
    Followers,
    /// One actor or collection, by its exact URL.
    Actor(String),
    /// Actors of these hosts.
    Host(HostPattern),
}

impl Audience {
    /// Whether a recipient is granted by it. `followers` is the collection of the acting actor's followers. Neither it nor
    /// everybody is ever meant by a host.
    pub fn covers(&self, recipient: &str, followers: &str) -> bool {
        let is_public = matches!(recipient, PUBLIC | "as:Public" | "Public");
        match self {
            Self::Public => is_public,
            Self::Followers => recipient == followers,
            Self::Actor(url) => recipient == url,
            Self::Host(pattern) => {
                let host = host_of_url(recipient).ok().filter(|_| !is_public && recipient != followers);
                host.is_some_and(|host| pattern.covers(&host))
            }
        }
    }
}

impl FromStr for Audience {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "public, followers, an actor's URL, a host or *.host";
        let refuse = || InvalidPattern { text: quoted(text), wanted };
        match text {
            "public" => Ok(Self::Public),
            "followers" => Ok(Self::Followers),
            url if url.contains("://") && url != PUBLIC => {
                host_of_url(url).map_err(|_| refuse())?;
                Ok(Self::Actor(url.to_owned()))
            }
            host => Ok(Self::Host(host.parse().map_err(|_| refuse())?)),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Followers => f.write_str("followers"),
            Self::Actor(url) => f.write_str(url),
            Self::Host(pattern) => pattern.fmt(f),
        }
    }
}

macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl TryFrom<String> for $name {
            type Error = InvalidPattern;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )+};
}

as_text!(HostPattern, Audience);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_pattern_covers_what_it_names_and_nothing_beside_it() {
        for (pattern, url, is_covered) in [
            ("example.org", "https://example.org/hook", true),
            ("Example.ORG", "HTTPS://EXAMPLE.org", true),
            ("example.org", "https://example.org:8443/", true),
            ("example.org:443", "https://example.org/", true),
            ("example.org:443", "http://example.org/", false),
            ("example.org:80", "http://example.org:/", true),
            ("example.org", "https://a.example.org/", false),
            ("*.example.org", "https://a.example.org/", true),
            ("*.example.org", "https://a.b.example.org:1/", true),
            ("*.example.org:1", "https://a.example.org:2/", false),
            ("*.example.org", "https://example.org/", false),
            ("*.example.org", "https://badexample.org/", false),
            ("*.example.org", "https://.example.org/", false),
            ("example.org", "https://example.org.evil.com/", false),
            ("example.org", "https://evil.com/example.org", false),
            ("example.org", "https://example.org./", false),
            ("127.0.0.1:7420", "http://127.0.0.1:7420/", true),
            ("[::1]", "http://[::1]:9/", true),
            ("[::1]", "http://[0:0:0:0:0:0:0:1]/", false),
        ] {
            let covers =
                host_of_url(url).is_ok_and(|host| pattern.parse::<HostPattern>().expect(pattern).covers(&host));
            assert_eq!(covers, is_covered, "{pattern} {url}");
        }
    }

    #[test]
    fn what_two_readers_read_differently_names_no_host() {
        for url in [
            "https://example.org@evil.com/",
            "https://evil.com\\@example.org/",
            "https://exam%70le.org/",
            "https:example.org",
            "https:///example.org",
            "https://exa\tmple.org/",
            " https://example.org/",
            "https://exämple.org/",
            "https://example.org:99999/",
            "https://example.org:8a/",
            "//example.org/",
            "ftp://example.org/",
            "https://[v1.x]/",
            "https://a;b.example.org/",
            "",
        ] {
            assert!(host_of_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_text_that_is_no_pattern_is_refused() {
        let bad = [
            "", "*", "*.", "*.*.org", "a*.org", "a/b", "a:b", "a:", ":1", "http://a", "u@a", "*.0.0.1", "*.[::1]",
            "a..b", ".a", "a b", "a:0x1", "a:70000", "ä.org", "a?b", "a,b",
        ];
        for text in bad {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
        for text in ["a", "*.a.b", "a:1", "*.a:65535", "[::1]:80", "127.0.0.1"] {
            assert_eq!(text.parse::<HostPattern>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn mail_goes_to_domains() {
        let hosts =
            |payload: Value| hosts_of("email", &payload).map(|hosts| hosts.iter().map(Host::to_string).collect());
        let to: Result<Vec<String>, _> =
            hosts(json!({"to": ["ada@Example.org", "Bo <bo@b.example>"], "bcc": "c@c.example"}));
        assert_eq!(to, Ok(vec!["example.org".to_owned(), "b.example".to_owned(), "c.example".to_owned()]));
        for bad in
            ["ada", "\"a@b\"@evil.com", "a@good.org <b@evil.com>", "a@b.org, c@d.org", "a@b.org\nbcc: c@d.org", "<a@b"]
        {
            assert!(hosts(json!({"to": [bad]})).is_err(), "{bad}");
        }
        assert!(hosts(json!({"to": [7]})).is_err());
    }

    #[test]
    fn an_audience_covers_whom_it_names() {
        let followers = "https://h.example/actors/site/followers";
        let public = ["public", "*.w3.org", "h.example", "followers"];
        for (audience, recipient, is_covered) in [
            (public[0], PUBLIC, true),
            (public[0], "as:Public", true),
            (public[1], PUBLIC, false),
            (public[2], followers, false),
            (public[3], followers, true),
            ("followers", "https://evil.example/actors/site/followers", false),
            ("h.example", "https://h.example/actors/ada", true),
            ("*.b.example", "https://a.b.example/u", true),
            ("https://a.example/u", "https://a.example/u", true),
            ("https://a.example/u", "https://a.example/u/", false),
            ("a.example", "acct:u@a.example", false),
        ] {
            let covers = audience.parse::<Audience>().expect(audience).covers(recipient, followers);
            assert_eq!(covers, is_covered, "{audience} {recipient}");
        }
        for bad in ["", "everybody!", "ftp://a/", PUBLIC] {
            assert!(bad.parse::<Audience>().is_err(), "{bad}");
        }
    }

    #[test]
    fn recipients_are_found_wherever_an_activity_names_them() {
        let payload = json!({"activity": {
            "to": "a", "cc": ["b", {"id": "c", "type": "Person"}], "bto": null, "bcc": [], "audience": "d",
            "object": {"to": ["e"]},
        }});
        assert_eq!(recipients_of(&payload), Ok(vec!["a", "b", "c", "d", "e"]));
        assert!(recipients_of(&json!({"activity": {"to": [{"name": "x"}]}})).is_err());
        assert_eq!(recipients_of(&json!({"activity": {"object": "https://a.example/1"}})), Ok(Vec::new()));
    }

    #[test]
    fn a_destination_in_words_is_short() {
        assert_eq!(in_words("notify", &json!({})).as_deref(), Some("log"));
        let url = format!("https://example.org/{}", "x".repeat(2_000));
        assert_eq!(in_words("webhook", &json!({"url": url})).as_deref(), Some("example.org:443"));
        assert_eq!(in_words("set", &json!({"field": "a"})), None);
    }
}
