//! What webhooks are signed with.

use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use standardwebhooks::Webhook;
use url::Url;

use crate::outgoing::HostName;

/// A secret that this host and a receiver share: `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks says.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// A text that is no secret. What it is remains untold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secret: whsec_ and 24 to 64 bytes in base64")]
pub struct InvalidSecret;

const PREFIX: &str = "whsec_";

impl WebhookSecret {
    /// The secret of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// The text that a receiver is given.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.0))
    }

    fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let webhook = Webhook::from_bytes(self.0.clone()).expect("any bytes are a key");
        webhook.sign(id, seconds, body.as_bytes()).expect("the body is text")
    }
}

impl FromStr for WebhookSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| InvalidSecret)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(InvalidSecret) }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// The secrets of all receivers: every webhook is signed. A receiver whose secret changes has more than one meanwhile, and
/// each signs.
#[derive(Debug, Clone)]
pub struct WebhookSecrets {
    default: [WebhookSecret; 1],
    hosts: Vec<(HostName, Vec<WebhookSecret>)>,
}

impl WebhookSecrets {
    /// `hosts` have secrets of their own, all others share the default.
    pub fn new(default: WebhookSecret, mut hosts: Vec<(HostName, Vec<WebhookSecret>)>) -> Self {
        // A host on one port is meant more exactly than the same on any.
        hosts.sort_by_key(|(host, _)| !host.names_a_port());
        Self { default: [default], hosts }
    }

    /// The secrets of whoever a URL leads to.
    fn of(&self, url: &Url) -> &[WebhookSecret] {
        self.hosts.iter().find(|(host, _)| host.is_of(url)).map_or(&self.default, |(_, secrets)| secrets)
    }

    /// A signature by each secret of whoever a URL leads to, apart by spaces as Standard Webhooks has them. Its receiver
    /// accepts the message by any of them.
    pub(super) fn sign(&self, url: &Url, id: &str, seconds: i64, body: &str) -> String {
        let signatures: Vec<_> = self.of(url).iter().map(|secret| secret.sign(id, seconds, body)).collect();
        signatures.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> WebhookSecret {
        WebhookSecret::from_bytes([byte; 32])
    }

    #[test]
    fn a_secret_reads_back_and_never_shows_in_debug() {
        assert_eq!(secret(7).reveal().parse(), Ok(secret(7)));
        assert_eq!(format!("{:?}", secret(7)), "WebhookSecret(…)");
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
            assert_eq!(text.parse::<WebhookSecret>(), Err(InvalidSecret), "{text}");
        }
    }

    #[test]
    fn a_host_has_its_own_secret_and_a_port_of_it_another() {
        let hosts = [("a.example", vec![secret(1)]), ("a.example:8443", vec![secret(2), secret(3)])];
        let hosts = hosts.map(|(host, secrets)| (host.parse().expect("a host"), secrets));
        let secrets = WebhookSecrets::new(secret(0), hosts.to_vec());
        let url = |url: &str| Url::parse(url).expect("a URL");
        assert_eq!(secrets.of(&url("https://a.example/x")), [secret(1)]);
        assert_eq!(secrets.of(&url("https://a.example:8443/x")), [secret(2), secret(3)]);
        assert_eq!(secrets.of(&url("https://b.example/x")), [secret(0)]);
        let signed = secrets.sign(&url("https://a.example:8443/x"), "msg_1", 7, "{}");
        let each = [2, 3].map(|byte| secret(byte).sign("msg_1", 7, "{}"));
        assert_eq!(signed, each.join(" "));
    }
}
