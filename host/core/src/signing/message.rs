//! A request as a signature sees it: the components of RFC 9421 §2 and their values.

use fluent_uri::Uri;
use sfv::Item;

use super::{Algorithm, ContentDigestError, VerificationKey};
use crate::{
    destination::{host_of_url, quoted},
    time::Timestamp,
};

/// Why a request is not known to come from whom it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The headers are not what RFC 9421 §4 says.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// More of something than anyone needs.
    #[error("the signature has more than {most} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// An algorithm, component or parameter that is not implemented here.
    #[error("{0} is not supported in signatures")]
    Unsupported(String),
    /// A component that cannot be had of this request: it is absent, or its value fits into no line.
    #[error("the request has no {0} that can be signed")]
    Missing(String),
    /// What a signature must cover and this one does not.
    #[error("the signature does not cover {0}")]
    NotCovered(&'static str),
    /// It does not say when it was made.
    #[error("the signature has no created time")]
    Undated,
    /// It was made too long ago, or after now.
    #[error("the signature was created at {created}, which is too far from {now}")]
    Stale {
        /// When it was made.
        created: Timestamp,
        /// The time here.
        now: Timestamp,
    },
    /// It says that it no longer holds.
    #[error("the signature expired at {0}")]
    Expired(Timestamp),
    /// The body is not the one that was signed.
    #[error(transparent)]
    Digest(#[from] ContentDigestError),
    /// The key is not of the kind that the signature says.
    #[error("the signature says {said}, and its key is for {key}")]
    OtherAlgorithm {
        /// What the signature says.
        said: &'static str,
        /// What the key is for.
        key: Algorithm,
    },
    /// The request, the signature or the key is another than what was signed with.
    #[error("the signature does not verify with its key, which is for {}", .0.algorithm())]
    Wrong(VerificationKey),
}

/// A view of a request.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The method, in the case in which it is sent.
    pub method: &'a str,
    /// The absolute URL that is asked for, as it is written in the request. On the side that answers it is put together
    /// from the host's own origin, never from the `Host` header.
    pub target_uri: &'a str,
    /// Names and values in the order in which they stand. Names compare without case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The content; empty if there is none.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// A header's value (§2.1): each line trimmed, several joined with a comma.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.trim_matches([' ', '\t']).to_owned()).reduce(|all, line| all + ", " + &line)
    }

    /// Whether its URL has a query, be it an empty one.
    pub(super) fn has_query(&self) -> bool {
        self.target_uri.contains('?')
    }

    /// The value of a component: printable ASCII in one line, so that no value can look like two.
    pub(super) fn value(&self, component: &Component) -> Result<String, MessageError> {
        let missing = || MessageError::Missing(component.to_string());
        let value = match component {
            Component::Header(name) => self.header(name),
            Component::Method => Some(self.method.to_owned()),
            Component::TargetUri
            | Component::Authority
            | Component::Scheme
            | Component::RequestTarget
            | Component::Path
            | Component::Query => self.of_target(component),
        };
        value.filter(|value| value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))).ok_or_else(missing)
    }

    /// §2.2.2 to §2.2.7.
    fn of_target(&self, component: &Component) -> Option<String> {
        let uri = Uri::parse(self.target_uri).ok().filter(|uri| !uri.has_fragment())?;
        let host = host_of_url(self.target_uri).ok()?;
        let path = if uri.path().is_empty() { "/" } else { uri.path().as_str() };
        let query = uri.query().map(fluent_uri::pct_enc::EStr::as_str);
        let scheme = uri.scheme().as_str().to_ascii_lowercase();
        Some(match component {
            Component::TargetUri => self.target_uri.to_owned(),
            Component::Authority => match (scheme.as_str(), host.port) {
                ("https", Some(443)) | ("http", Some(80)) => host.name,
                _ => host.to_string(),
            },
            Component::Scheme => scheme,
            Component::RequestTarget => query.map_or(path.to_owned(), |query| format!("{path}?{query}")),
            Component::Path => path.to_owned(),
            Component::Query => format!("?{}", query.unwrap_or_default()),
            Component::Method | Component::Header(_) => return None,
        })
    }
}

/// What a signature can cover: a derived component (§2.2) or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// `@method`
    Method,
    /// `@target-uri`
    TargetUri,
    /// `@authority`: the host in lower case, with its port unless that is the scheme's.
    Authority,
    /// `@scheme`
    Scheme,
    /// `@request-target`, in origin form.
    RequestTarget,
    /// `@path`
    Path,
    /// `@query`, with its question mark; that alone if there is none.
    Query,
    /// A header, in lower case.
    Header(String),
}

impl Component {
    /// The component that an identifier names. Identifiers with parameters are refused by name.
    pub(super) fn of(item: &Item) -> Result<Self, MessageError> {
        let name = item.bare_item.as_string().map(sfv::StringRef::as_str);
        let name = name.ok_or_else(|| MessageError::Malformed("a component is no string".to_owned()))?;
        if let Some(parameter) = item.params.keys().next() {
            return Err(MessageError::Unsupported(format!("{:?};{parameter}", quoted(name))));
        }
        let is_header = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(&byte);
        Ok(match name {
            "@method" => Self::Method,
            "@target-uri" => Self::TargetUri,
            "@authority" => Self::Authority,
            "@scheme" => Self::Scheme,
            "@request-target" => Self::RequestTarget,
            "@path" => Self::Path,
            "@query" => Self::Query,
            _ if name.starts_with('@') => return Err(MessageError::Unsupported(format!("{:?}", quoted(name)))),
            _ if !name.is_empty() && name.bytes().all(is_header) => Self::Header(name.to_owned()),
            _ => return Err(MessageError::Malformed(format!("{:?} is no header in lower case", quoted(name)))),
        })
    }

    /// Its name in a signature.
    pub fn name(&self) -> &str {
        match self {
            Self::Method => "@method",
            Self::TargetUri => "@target-uri",
            Self::Authority => "@authority",
            Self::Scheme => "@scheme",
            Self::RequestTarget => "@request-target",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::Header(name) => name,
        }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(target_uri: &str) -> Message<'_> {
        Message { method: "GET", target_uri, headers: &[], body: b"" }
    }

    fn value(target_uri: &str, component: Component) -> String {
        asked_for(target_uri).value(&component).expect("it has one")
    }

    /// RFC 9421 §2.2.2 to §2.2.7: each section's own example.
    #[test]
    fn the_derived_components_of_rfc_9421() {
        let url = "https://www.example.com/path?param=value";
        assert_eq!(value(url, Component::Method), "GET");
        assert_eq!(value(url, Component::TargetUri), url);
        assert_eq!(value(url, Component::Authority), "www.example.com");
        assert_eq!(value("http://www.example.com/path?param=value", Component::Scheme), "http");
        assert_eq!(value(url, Component::RequestTarget), "/path?param=value");
        assert_eq!(value(url, Component::Path), "/path");
        let queries = "https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman";
        assert_eq!(value(queries, Component::Query), "?param=value&foo=bar&baz=bat%2Dman");
        assert_eq!(value("https://www.example.com/path?queryString", Component::Query), "?queryString");
        assert_eq!(value("https://www.example.com/path?", Component::Query), "?");
        assert_eq!(value("https://www.example.com/path", Component::Query), "?");
    }

    #[test]
    fn a_target_is_normalized_where_the_standard_says_so() {
        assert_eq!(value("https://Example.COM:443", Component::Authority), "example.com");
        assert_eq!(value("http://example.com:443/", Component::Authority), "example.com:443");
        assert_eq!(value("https://[::1]:8443/", Component::Authority), "[::1]:8443");
        assert_eq!(value("HTTPS://example.com", Component::Scheme), "https");
        assert_eq!(value("https://example.com", Component::Path), "/");
        assert_eq!(value("https://example.com?q", Component::RequestTarget), "/?q");
        assert_eq!(value("https://example.com/a%2Fb", Component::Path), "/a%2Fb");
    }

    #[test]
    fn what_is_no_target_has_no_value() {
        for target in
            ["/inbox", "https://a@example.com/", "https://example.com/#a", "ftp://example.com/", "https://é.example/"]
        {
            for component in [Component::TargetUri, Component::Authority, Component::Path] {
                let missing = MessageError::Missing(component.to_string());
                assert_eq!(asked_for(target).value(&component), Err(missing), "{target}");
            }
        }
    }

    /// RFC 9421 §2.1: the header fields of its example and their values.
    #[test]
    fn the_header_fields_of_rfc_9421() {
        let headers = [
            ("Host", "www.example.com"),
            ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
            ("X-OWS-Header", "   Leading and trailing whitespace.   "),
            ("Cache-Control", "max-age=60"),
            ("Cache-Control", "    must-revalidate"),
            ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
            ("X-Empty-Header", ""),
        ];
        let message = Message { headers: &headers, ..asked_for("https://www.example.com/") };
        let header = |name: &str| message.value(&Component::Header(name.to_owned()));
        assert_eq!(header("host").as_deref(), Ok("www.example.com"));
        assert_eq!(header("x-ows-header").as_deref(), Ok("Leading and trailing whitespace."));
        assert_eq!(header("cache-control").as_deref(), Ok("max-age=60, must-revalidate"));
        assert_eq!(header("example-dict").as_deref(), Ok("a=1,    b=2;x=1;y=2,   c=(a   b   c)"));
        assert_eq!(header("x-empty-header").as_deref(), Ok(""));
        assert_eq!(header("x-absent"), Err(MessageError::Missing("x-absent".to_owned())));
    }

    /// RFC 9421 §7.5.6: a value must not be able to look like a line of its own.
    #[test]
    fn a_value_stays_in_its_line() {
        let headers = [("x-a", "1\n\"@method\": GET"), ("x-b", "é")];
        let message = Message { headers: &headers, method: "GET\n", ..asked_for("https://example.com/") };
        for component in [Component::Header("x-a".to_owned()), Component::Header("x-b".to_owned()), Component::Method] {
            assert!(message.value(&component).is_err(), "{component}");
        }
    }
}
