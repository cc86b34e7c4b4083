//! The relay: where messages are handed over (RFC 5321, RFC 8314).

use std::{fmt, str::FromStr, sync::OnceLock, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor,
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use rosehip_core::{limits, pipeline::dispatch::AttemptEnd};
use serde_json::json;
use url::{Host, Url};

use super::{MailAddress, Post};
use crate::outgoing::excerpt;

/// Where the relay is and how the way there is kept secret: `smtp://HOST[:25]` not at all, `smtp+starttls://HOST[:587]`
/// after it was asked for, `smtps://HOST[:465]` from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    host: String,
    port: u16,
    secrecy: Secrecy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    None,
    StartTls,
    Tls,
}

/// A text that is no relay. It may hold a password, so it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a relay such as smtps://mail.example.org, smtp+starttls://mail.example.org:587 or smtp://localhost:25")]
pub struct InvalidRelay;

impl Relay {
    /// Whether what is sent to it stays on this machine or is encrypted.
    pub fn is_private(&self) -> bool {
        let is_here = match self.host.parse::<std::net::IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost",
        };
        is_here || self.secrecy != Secrecy::None
    }
}

impl FromStr for Relay {
    type Err = InvalidRelay;

    fn from_str(text: &str) -> Result<Self, InvalidRelay> {
        let url = Url::parse(text).map_err(|_| InvalidRelay)?;
        let (secrecy, port) = match url.scheme() {
            "smtp" => (Secrecy::None, 25),
            "smtp+starttls" => (Secrecy::StartTls, 587),
            "smtps" => (Secrecy::Tls, 465),
            _ => return Err(InvalidRelay),
        };
        let is_bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        // Schemes that the parser does not know leave the host as it is written.
        let host = url.host_str().filter(|host| is_bare && !host.is_empty()).ok_or(InvalidRelay)?;
        let host = match Host::parse(host).map_err(|_| InvalidRelay)? {
            Host::Domain(name) => name,
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { host, port: url.port().unwrap_or(port), secrecy })
    }
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A password, which no message shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// How e-mail leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailOptions {
    /// Where messages are handed over. The operator names it, so it may have any address.
    pub relay: Relay,
    /// Whom messages are from.
    pub from: MailAddress,
    /// User and password, where the relay asks for them.
    pub login: Option<(String, Password)>,
    /// How long an attempt may take.
    pub timeout: Duration,
}

impl EmailOptions {
    /// Messages from `from` through `relay`, without a login.
    pub fn new(relay: Relay, from: MailAddress) -> Self {
        Self { relay, from, login: None, timeout: Duration::from_millis(limits::EMAIL_MS) }
    }
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Hands messages over, each on a connection of its own.
#[derive(Debug)]
pub struct Mailer {
    options: EmailOptions,
    /// Made with the first message, because the system's certificates are read for it.
    transport: OnceLock<Transport>,
}

impl Mailer {
    /// A mailer that has connected to nothing yet.
    pub fn new(options: EmailOptions) -> Self {
        Self { options, transport: OnceLock::new() }
    }

    /// Hands a message over. What the relay says of its own state, also that it does not know this host's password, is
    /// no verdict on the message, which is tried again; what it says of the message is.
    pub(in crate::sinks) async fn send(&self, post: &Post) -> AttemptEnd {
        let message = match post.written(&self.options.from) {
            Ok(message) => message,
            Err(reason) => return AttemptEnd::Refused(reason),
        };
        let transport = match self.transport() {
            Ok(transport) => transport,
            Err(error) => return AttemptEnd::Unreachable(self.says(&error.to_string())),
        };
        match tokio::time::timeout(self.options.timeout, transport.send(message)).await {
            Ok(Ok(reply)) => AttemptEnd::Done(json!({
                "message_id": post.id(&self.options.from),
                "recipients": post.to.len(),
                "effects": post.effects.len(),
                "reply": excerpt(&format!("{} {}", reply.code(), reply.message().collect::<Vec<_>>().join(" ")), &[]),
            })),
            Ok(Err(error)) => self.end(&error, post),
            Err(_) => {
                AttemptEnd::Unreachable(self.says(&format!("no end within {} ms", self.options.timeout.as_millis())))
            }
        }
    }

    fn transport(&self) -> Result<&Transport, Error> {
        if let Some(transport) = self.transport.get() {
            return Ok(transport);
        }
        let EmailOptions { relay, from, login, timeout } = &self.options;
        let tls = |wrapped: fn(TlsParameters) -> Tls| TlsParameters::new(relay.host.clone()).map(wrapped);
        let tls = match relay.secrecy {
            Secrecy::None => Tls::None,
            Secrecy::StartTls => tls(Tls::Required)?,
            Secrecy::Tls => tls(Tls::Wrapper)?,
        };
        let mut builder = Transport::builder_dangerous(relay.host.clone())
            .port(relay.port)
            .tls(tls)
            .timeout(Some(*timeout))
            .hello_name(ClientId::Domain(from.0.email.domain().to_owned()));
        if let Some((user, Password(password))) = login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(self.transport.get_or_init(|| builder.build()))
    }

    fn end(&self, error: &Error, post: &Post) -> AttemptEnd {
        let message = self.says(&error.to_string());
        let is_login = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
        let is_unwritable = error.is_client() && post.to.iter().any(|address| !address.0.email.to_string().is_ascii());
        if (error.is_permanent() && !is_login) || is_unwritable {
            return AttemptEnd::Refused(message);
        }
        let has_answered = error.status().is_some() || error.is_response() || error.is_client();
        if has_answered {
            return AttemptEnd::Rejected { message, retry_after_ms: None };
        }
        AttemptEnd::Unreachable(message)
    }

    fn says(&self, what: &str) -> String {
        let password = self.options.login.as_ref().map_or("", |(_, Password(password))| password);
        format!("mail relay {}: {}", self.options.relay, excerpt(what, &[password]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_a_host_and_how_to_get_there() {
        let relay = |text: &str| text.parse::<Relay>().expect(text);
        assert_eq!(relay("smtp://localhost").to_string(), "localhost:25");
        assert_eq!(relay("smtp+starttls://Mail.Example.org").to_string(), "mail.example.org:587");
        assert_eq!(relay("smtps://mail.example.org/").to_string(), "mail.example.org:465");
        assert_eq!(relay("smtps://mail.example.org:1465").to_string(), "mail.example.org:1465");
        for text in [
            "",
            "mail.example.org",
            "http://a.example",
            "smtp://",
            "smtp://u:p@a.example",
            "smtp://a.example/x",
            "smtp://a b",
        ] {
            assert_eq!(text.parse::<Relay>(), Err(InvalidRelay), "{text}");
        }
    }

    #[test]
    fn a_password_goes_to_this_machine_or_by_tls() {
        for (text, is_private) in [
            ("smtp://localhost:25", true),
            ("smtp://127.0.0.1:1025", true),
            ("smtp://[::1]:1025", true),
            ("smtps://a.example", true),
            ("smtp+starttls://a.example", true),
            ("smtp://a.example", false),
            ("smtp://10.0.0.1", false),
        ] {
            assert_eq!(text.parse::<Relay>().expect(text).is_private(), is_private, "{text}");
        }
        assert_eq!(format!("{:?}", Password("hunter2".to_owned())), "Password(…)");
    }
}
