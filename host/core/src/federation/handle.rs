//! Whom somebody means: an actor by its URL, or by its name on a host.

use std::{fmt, str::FromStr};

use super::{ActorUrl, Peer};
use crate::{ids::InvalidId, limits::REMOTE_USER_BYTES};

/// An account's name on a host: the `acct` URI of RFC 7565 without its scheme, shown as `@name@host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    user: Box<str>,
    host: Peer,
}

impl Handle {
    /// The account of this name on a host, unless no account can be called so.
    pub fn new(user: &str, host: Peer) -> Result<Self, InvalidId> {
        match is_user(user) {
            true => Ok(Self { user: user.into(), host }),
            false => Err(InvalidId::new(user, "an account's name (1 to 200 of A-Z a-z 0-9 -._~!$&'()*+,;=)")),
        }
    }

    /// The name on its host.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The host, which may have a port in development.
    pub fn host(&self) -> &Peer {
        &self.host
    }

    /// The URI that `WebFinger` is asked for: `acct:name@host` (RFC 7565 §7).
    pub fn to_acct(&self) -> String {
        format!("acct:{}@{}", self.user, self.host)
    }

    /// Whether both mean one account. Hosts that tell names apart by their case are not known to anybody.
    pub fn is_same(&self, other: &Self) -> bool {
        self.host == other.host && self.user.eq_ignore_ascii_case(&other.user)
    }
}

/// `userpart` of RFC 7565 §7 without encoded bytes: unreserved characters and sub-delimiters of RFC 3986.
pub(super) fn is_user(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    (1..=REMOTE_USER_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}@{}", self.user, self.host)
    }
}

/// Whom somebody means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// The actor of this URL.
    Url(ActorUrl),
    /// The account of this name.
    Handle(Handle),
}

impl Who {
    /// The host that is asked about them.
    pub fn host(&self) -> Peer {
        match self {
            Self::Url(url) => url.host(),
            Self::Handle(handle) => handle.host.clone(),
        }
    }

    /// The `resource` that `WebFinger` is asked for (RFC 7033 §4.1).
    pub fn resource(&self) -> String {
        match self {
            Self::Url(url) => url.to_string(),
            Self::Handle(handle) => handle.to_acct(),
        }
    }

    /// Whether both name the same one in the same way.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Url(url), Self::Url(other)) => url == other,
            (Self::Handle(handle), Self::Handle(other)) => handle.is_same(other),
            (Self::Url(_), Self::Handle(_)) | (Self::Handle(_), Self::Url(_)) => false,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(f),
            Self::Handle(handle) => handle.fmt(f),
        }
    }
}

impl FromStr for Who {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let text = text.trim();
        if text.contains("://") {
            return text.parse().map(Self::Url);
        }
        let refuse = || InvalidId::new(text, "an actor's URL, @name@host or acct:name@host");
        let has_scheme = text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("acct:"));
        let account = if has_scheme { &text[5..] } else { text.strip_prefix('@').unwrap_or(text) };
        let (user, host) = account.split_once('@').ok_or_else(refuse)?;
        let host = host.parse().map_err(|_| refuse())?;
        Handle::new(user, host).map(Self::Handle).map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_handle_means_the_same() {
        for text in
            ["@ada@a.example", "ada@a.example", "acct:ada@A.EXAMPLE", "ACCT:ada@a.example:443", " @ada@a.example "]
        {
            let Ok(Who::Handle(handle)) = text.parse() else { panic!("{text}") };
            assert_eq!((handle.user(), handle.host().as_str()), ("ada", "a.example"), "{text}");
            assert_eq!(handle.to_acct(), "acct:ada@a.example");
            assert_eq!(handle.to_string(), "@ada@a.example");
        }
        let Ok(Who::Handle(handle)) = "@site@localhost:7420".parse() else { panic!("a handle") };
        assert_eq!(handle.to_acct(), "acct:site@localhost:7420");
    }

    #[test]
    fn a_url_is_a_url() {
        let who: Who = "https://a.example/@ada".parse().expect("a URL");
        assert_eq!((who.host().as_str(), who.resource().as_str()), ("a.example", "https://a.example/@ada"));
    }

    #[test]
    fn what_means_nobody_is_refused() {
        for text in
            ["", "ada", "@ada", "ada@", "@@a.example", "ada@b@a.example", "ada ada@a.example", "acct:@ada@a.example"]
        {
            assert!(text.parse::<Who>().is_err(), "{text:?}");
        }
        for text in
            ["ftp://a.example/ada", "https://ada@a.example/", "ad%61@a.example", "ada@a.example/x", "é@a.example"]
        {
            assert!(text.parse::<Who>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn case_does_not_tell_accounts_apart() {
        let who = |text: &str| text.parse::<Who>().expect("a handle");
        assert!(who("@Ada@a.example").is_same(&who("ada@A.example")));
        assert!(!who("@ada@a.example").is_same(&who("@ada@b.example")));
        assert!(!who("@ada@a.example").is_same(&who("https://a.example/ada")));
    }
}
