//! Signatures over requests, whichever of the forms that are in use they have: RFC 9421 with ed25519 or RSA, and
//! draft-cavage with RSA.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    Algorithm, CavageSignature, Message, MessageError, RsaSigner, SignatureInput, Signer, VerificationKey, cavage,
    content_digest::{self, CONTENT_DIGEST},
    digest::{self, DIGEST},
    signature,
};
use crate::{ids::InvalidId, time::Timestamp};

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// RFC 9421 with ed25519. Hosts of which it is not known that they take it are not sent it: some keep a key that they
    /// cannot read as the actor's only one.
    Ed25519,
    /// RFC 9421 with RSA (`rsa-v1_5-sha256`).
    Rsa,
    /// draft-cavage-http-signatures-12 with RSA (`rsa-sha256`).
    Cavage,
}

impl Scheme {
    /// What is tried where a host refuses a signature of this scheme.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Ed25519 | Self::Cavage => Self::Rsa,
            Self::Rsa => Self::Cavage,
        }
    }

    /// Its name, as it is kept.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa",
            Self::Cavage => "cavage",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheme {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = [Self::Ed25519, Self::Rsa, Self::Cavage].into_iter().find(|scheme| scheme.name() == text);
        known.ok_or_else(|| InvalidId::new(text, "a way to sign requests"))
    }
}

/// Whether a status may mean that a host does not take the form of a signature, so that another form is worth one more
/// request: 401 says so, 403 is what some answer to a signature that they cannot verify, and 400 what those answer who
/// cannot parse its header. Nothing else is said by a signature: what is gone (410), not there (404), too much (429) or
/// broken (5xx) is so under any.
pub fn may_refuse_signature(status: u16) -> bool {
    matches!(status, 400 | 401 | 403)
}

/// A request that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The absolute URL, as it is asked for.
    pub url: &'a str,
    /// The content and its type; a GET has none.
    pub content: Option<(&'a [u8], &'a str)>,
}

/// Who signs, and how.
#[derive(Debug, Clone, Copy)]
pub enum SignedBy<'a> {
    /// RFC 9421 with ed25519.
    Ed25519(&'a Signer),
    /// RFC 9421 with RSA.
    Rsa(&'a RsaSigner),
    /// draft-cavage with RSA.
    Cavage(&'a RsaSigner),
}

/// The header fields that a request goes with, its signature among them. Those that the client writes itself, `host` and
/// `content-length`, are not.
pub fn sign_request(
    request: &Unsigned<'_>,
    by: SignedBy<'_>,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, MessageError> {
    let mut fields = vec![("date", now.to_http_date())];
    if let Some((body, content_type)) = request.content {
        fields.push(("content-type", content_type.to_owned()));
        fields.push(match by {
            SignedBy::Ed25519(_) | SignedBy::Rsa(_) => (CONTENT_DIGEST, content_digest::of(body)),
            SignedBy::Cavage(_) => (DIGEST, digest::of(body)),
        });
    }
    let headers: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = request.content.map_or(&[][..], |(body, _)| body);
    let message = Message { method: request.method, target_uri: request.url, headers: &headers, body };
    let signed = match by {
        SignedBy::Ed25519(signer) => signature::sign(&message, signer, now)?,
        SignedBy::Rsa(signer) => signature::sign(&message, signer, now)?,
        SignedBy::Cavage(signer) => {
            let value = cavage::sign(&message, signer)?;
            fields.push(("signature", value));
            return Ok(fields);
        }
    };
    fields.push(("signature-input", signed.signature_input));
    fields.push(("signature", signed.signature));
    Ok(fields)
}

/// The signature of a request. Reading it verifies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestSignature {
    /// That of RFC 9421.
    Rfc9421(SignatureInput),
    /// That of draft-cavage.
    Cavage(CavageSignature),
}

impl RequestSignature {
    /// The signature of a request; none where it has none. Where there is a `Signature-Input`, it is that of RFC 9421 and
    /// nothing else: a signature is never read in two ways.
    pub fn of(message: &Message<'_>) -> Result<Option<Self>, MessageError> {
        match (message.header("signature-input"), message.header("signature")) {
            (None, None) => Ok(None),
            (Some(input), Some(signature)) => SignatureInput::parse(&input, &signature).map(Self::Rfc9421).map(Some),
            (None, Some(signature)) => CavageSignature::parse(&signature).map(Self::Cavage).map(Some),
            (Some(_), None) => Err(MessageError::Missing("header field signature".to_owned())),
        }
    }

    /// URL under which the key is found. Whoever verifies must make sure that it is the author's.
    pub fn key_id(&self) -> &str {
        match self {
            Self::Rfc9421(input) => &input.key_id,
            Self::Cavage(signature) => &signature.key_id,
        }
    }

    /// Whether the signature covers this request well enough to be worth a look at the key.
    pub fn check(&self, message: &Message<'_>, now: Timestamp, tolerance_ms: u64) -> Result<(), MessageError> {
        match self {
            Self::Rfc9421(input) => input.check(message, now, tolerance_ms),
            Self::Cavage(signature) => signature.check(message, now, tolerance_ms),
        }
    }

    /// Whether this key signed this request. It says nothing of what [`Self::check`] asks.
    pub fn verify(&self, message: &Message<'_>, key: &VerificationKey) -> Result<(), MessageError> {
        match self {
            Self::Rfc9421(input) => input.verify(message, key),
            Self::Cavage(signature) => signature.verify(message, key),
        }
    }

    /// How the request is signed, which is told by the key.
    pub fn scheme(&self, key: &VerificationKey) -> Scheme {
        match (self, key.algorithm()) {
            (Self::Rfc9421(_), Algorithm::Ed25519) => Scheme::Ed25519,
            (Self::Rfc9421(_), Algorithm::RsaV15Sha256) => Scheme::Rsa,
            (Self::Cavage(_), _) => Scheme::Cavage,
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;
    use crate::{limits::SIGNATURE_TOLERANCE_MS, signing::rsa};

    const INBOX: &str = "https://there.example/users/ann/inbox";

    fn now() -> Timestamp {
        "2026-03-01T12:00:00.500Z".parse().expect("a time")
    }

    fn ed25519() -> Signer {
        Signer { key_id: "https://h.example/actors/site#ed25519-key".to_owned(), key: SigningKey::from_bytes(&[7; 32]) }
    }

    fn received(
        fields: &[(&'static str, String)],
        url: &str,
        body: &[u8],
        key: &VerificationKey,
    ) -> Result<Scheme, MessageError> {
        let headers: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let message = Message { method, target_uri: url, headers: &headers, body };
        let signature = RequestSignature::of(&message)?.expect("it is signed");
        signature.check(&message, now(), SIGNATURE_TOLERANCE_MS)?;
        signature.verify(&message, key)?;
        Ok(signature.scheme(key))
    }

    #[test]
    fn what_is_signed_in_any_form_is_verified_in_that_form_alone() {
        let (ed25519, rsa) = (ed25519(), rsa::tests::signer());
        let (ed25519_key, rsa_key) = (ed25519.public_key().into(), VerificationKey::from(rsa.public_key()));
        for (url, content) in
            [(INBOX, Some((&b"{}"[..], "application/activity+json"))), ("https://there.example/o?page=1", None)]
        {
            let method = if content.is_some() { "POST" } else { "GET" };
            let request = Unsigned { method, url, content };
            let body = content.map_or(&[][..], |(body, _)| body);
            for (by, scheme, key, other) in [
                (SignedBy::Ed25519(&ed25519), Scheme::Ed25519, &ed25519_key, &rsa_key),
                (SignedBy::Rsa(&rsa), Scheme::Rsa, &rsa_key, &ed25519_key),
                (SignedBy::Cavage(&rsa), Scheme::Cavage, &rsa_key, &ed25519_key),
            ] {
                let fields = sign_request(&request, by, now()).expect("signed");
                assert_eq!(received(&fields, url, body, key), Ok(scheme));
                assert!(matches!(received(&fields, url, body, other), Err(MessageError::OtherAlgorithm { .. })));
                let elsewhere = url.replace("there", "elsewhere");
                assert!(matches!(received(&fields, &elsewhere, body, key), Err(MessageError::Wrong(_))), "{scheme}");
            }
        }
    }

    /// A signature of draft-cavage is not taken beside a `Signature-Input`, nor one of the RFC without it.
    #[test]
    fn no_signature_is_read_in_two_ways() {
        let rsa = rsa::tests::signer();
        let request = Unsigned { method: "POST", url: INBOX, content: Some((b"{}", "application/activity+json")) };
        let cavage = sign_request(&request, SignedBy::Cavage(&rsa), now()).expect("signed");
        let rfc = sign_request(&request, SignedBy::Rsa(&rsa), now()).expect("signed");
        let of = |fields: &[(&'static str, String)]| {
            let headers: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            RequestSignature::of(&Message { method: "POST", target_uri: INBOX, headers: &headers, body: b"{}" })
        };
        let field = |fields: &[(&'static str, String)], name: &str| {
            fields.iter().find(|(other, _)| *other == name).cloned().expect("it is there")
        };
        let (input, signature, old) =
            (field(&rfc, "signature-input"), field(&rfc, "signature"), field(&cavage, "signature"));
        assert!(of(&[input.clone(), old]).is_err());
        assert!(of(std::slice::from_ref(&signature)).is_err());
        assert!(of(&[input]).is_err());
        assert_eq!(of(&[]), Ok(None));
    }

    #[test]
    fn what_no_signature_can_mend_is_not_tried_with_another_one() {
        for status in [400, 401, 403] {
            assert!(may_refuse_signature(status));
        }
        for status in [200, 202, 301, 404, 406, 409, 410, 413, 422, 429, 500, 502, 503] {
            assert!(!may_refuse_signature(status), "{status}");
        }
    }

    proptest! {
        #[test]
        fn any_headers_are_a_signature_or_none(
            input in proptest::option::of(".{0,200}"),
            signature in proptest::option::of("(keyId=\"|signature=|headers=|,|\"|[a-z0-9() :;=]){0,40}"),
        ) {
            let mut headers = Vec::new();
            headers.extend(input.as_deref().map(|value| ("signature-input", value)));
            headers.extend(signature.as_deref().map(|value| ("signature", value)));
            let message = Message { method: "POST", target_uri: INBOX, headers: &headers, body: b"{}" };
            if let Ok(Some(signature)) = RequestSignature::of(&message) {
                let _ = signature.check(&message, now(), SIGNATURE_TOLERANCE_MS);
                let _ = signature.verify(&message, &ed25519().public_key().into());
            }
        }
    }
}
