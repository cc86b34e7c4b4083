//! Signatures over requests: draft-cavage-http-signatures-12 with RSA, which most of the Fediverse speaks.
//!
//! Like the RFC that came of it, in two stages: [`CavageSignature::parse`] and [`CavageSignature::check`] refuse what can be
//! refused without a key, [`CavageSignature::verify`] is the rest.

use data_encoding::BASE64;

use super::{
    RsaSigner, VerificationKey,
    content_digest::{self, CONTENT_DIGEST},
    digest::{self, DIGEST},
    message::{Component, Message, MessageError},
    verification_key::Algorithm,
};
use crate::{
    destination::quoted,
    limits::{SIGNATURE_COMPONENTS, SIGNATURE_HEADER_BYTES},
    time::Timestamp,
};

/// The name of RSASSA-PKCS1-v1_5 with SHA-256 (appendix E.2, deprecated there and in use everywhere).
const RSA_SHA256: &str = "rsa-sha256";
/// The name that says that the key knows (§2.1.3).
const HS2019: &str = "hs2019";
/// Parameters that a signature may have.
const MOST_PARAMETERS: usize = 16;

/// Signs a request: its method and target, its host and date and, if there is a body, the headers `digest` and
/// `content-type`. The message must have those headers. What comes back is the value of `Signature`.
pub fn sign(message: &Message<'_>, signer: &RsaSigner) -> Result<String, MessageError> {
    let mut covered = vec![Covered::RequestTarget, Covered::Host, Covered::Header("date".to_owned())];
    if !message.body.is_empty() {
        covered.extend([DIGEST, "content-type"].map(|name| Covered::Header(name.to_owned())));
    }
    if signer.key_id.contains(['"', '\\']) || !signer.key_id.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(MessageError::Malformed(format!("{:?} cannot be quoted", quoted(&signer.key_id))));
    }
    let names: Vec<&str> = covered.iter().map(Covered::name).collect();
    let signature = signer.sign(&signing_string(message, &covered, None, None)?);
    Ok(format!(
        "keyId=\"{}\",algorithm=\"{RSA_SHA256}\",headers=\"{}\",signature=\"{}\"",
        signer.key_id,
        names.join(" "),
        BASE64.encode(&signature)
    ))
}

/// What a request's signature says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CavageSignature {
    /// URL under which the key is found. Whoever verifies must make sure that it is the author's.
    pub key_id: String,
    /// When it was made, where it says so itself and not by the date of the request.
    pub created: Option<Timestamp>,
    /// When it stops to hold, if ever.
    pub expires: Option<Timestamp>,
    covered: Vec<Covered>,
    signature: Vec<u8>,
}

/// What a signature covers (§2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Covered {
    RequestTarget,
    Created,
    Expires,
    Host,
    Header(String),
}

impl Covered {
    fn of(name: &str) -> Result<Self, MessageError> {
        let is_header = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        match name {
            "(request-target)" => Ok(Self::RequestTarget),
            "(created)" => Ok(Self::Created),
            "(expires)" => Ok(Self::Expires),
            _ if name.eq_ignore_ascii_case("host") => Ok(Self::Host),
            _ if name.bytes().all(is_header) => Ok(Self::Header(name.to_ascii_lowercase())),
            _ => Err(MessageError::Unsupported(format!("{:?}", quoted(name)))),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::RequestTarget => "(request-target)",
            Self::Created => "(created)",
            Self::Expires => "(expires)",
            Self::Host => "host",
            Self::Header(name) => name,
        }
    }
}

impl CavageSignature {
    /// Reads the value of `Signature` (§4.1). Each parameter may stand once (§2.2).
    pub fn parse(header: &str) -> Result<Self, MessageError> {
        let parameters = parameters(header)?;
        let parameter = |name: &str| parameters.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
        let algorithm = parameter("algorithm");
        if let Some(other) = algorithm.filter(|name| ![RSA_SHA256, HS2019].contains(name)) {
            return Err(MessageError::Unsupported(format!("algorithm {:?}", quoted(other))));
        }
        let required = |name| parameter(name).ok_or_else(|| MessageError::Malformed(format!("{name} is missing")));
        let key_id = required("keyId")?.to_owned();
        let signature = BASE64.decode(required("signature")?.as_bytes());
        let signature = signature.map_err(|error| MessageError::Malformed(format!("signature: {error}")))?;
        // Without a list a signature is over the moment it was made alone (§2.1.6), which check refuses.
        let mut covered = Vec::new();
        for name in parameter("headers").unwrap_or("(created)").split(' ') {
            if covered.len() == SIGNATURE_COMPONENTS {
                return Err(MessageError::TooMany { what: "components", most: SIGNATURE_COMPONENTS });
            }
            let one = Covered::of(name)?;
            if covered.contains(&one) {
                return Err(MessageError::Malformed(format!("{:?} stands twice", quoted(name))));
            }
            // §2.3: of an algorithm that says what it is, these are an error.
            if matches!(one, Covered::Created | Covered::Expires) && algorithm == Some(RSA_SHA256) {
                return Err(MessageError::Malformed(format!("{name} stands beside {RSA_SHA256}")));
            }
            covered.push(one);
        }
        let (created, expires) = (time("created", parameter("created"))?, time("expires", parameter("expires"))?);
        Ok(Self { key_id, created, expires, covered, signature })
    }

    /// Whether the signature covers this request well enough to be worth a look at the key: it covers the method, the whole
    /// target and the host, a date that is within `tolerance_ms` of now and, if there is a body, its digest, which matches.
    pub fn check(&self, message: &Message<'_>, now: Timestamp, tolerance_ms: u64) -> Result<(), MessageError> {
        let covers = |one: Covered| self.covered.contains(&one);
        let covers_header = |name: &str| covers(Covered::Header(name.to_owned()));
        if !covers(Covered::RequestTarget) {
            return Err(MessageError::NotCovered("(request-target)"));
        }
        if !covers(Covered::Host) {
            return Err(MessageError::NotCovered("host"));
        }
        let is_dated = covers_header("date");
        if !is_dated && !covers(Covered::Created) {
            return Err(MessageError::NotCovered("date"));
        }
        let date = match is_dated {
            true => Some(date_of(message)?),
            false => None,
        };
        let created = match covers(Covered::Created) {
            true => Some(self.created.ok_or(MessageError::Undated)?),
            false => None,
        };
        for made in [date, created].into_iter().flatten() {
            if now.as_millis().abs_diff(made.as_millis()) > tolerance_ms {
                return Err(MessageError::Stale { created: made, now });
            }
        }
        if let Some(expires) = self.expires.filter(|expires| *expires < now) {
            return Err(MessageError::Expired(expires));
        }
        let value = |name: &str| message.value(&Component::Header(name.to_owned()));
        let mut is_bound = message.body.is_empty();
        if covers_header(DIGEST) {
            digest::check(&value(DIGEST)?, message.body)?;
            is_bound = true;
        }
        if covers_header(CONTENT_DIGEST) {
            content_digest::check(&value(CONTENT_DIGEST)?, message.body)?;
            is_bound = true;
        }
        if is_bound { Ok(()) } else { Err(MessageError::NotCovered(DIGEST)) }
    }

    /// Whether this key signed this request. It says nothing of what [`Self::check`] asks.
    pub fn verify(&self, message: &Message<'_>, key: &VerificationKey) -> Result<(), MessageError> {
        if key.algorithm() != Algorithm::RsaV15Sha256 {
            return Err(MessageError::OtherAlgorithm { said: RSA_SHA256, key: key.algorithm() });
        }
        let base = signing_string(message, &self.covered, self.created, self.expires)?;
        if key.verify(&base, &self.signature) { Ok(()) } else { Err(MessageError::Wrong(key.clone())) }
    }
}

fn date_of(message: &Message<'_>) -> Result<Timestamp, MessageError> {
    let text = message.value(&Component::Header("date".to_owned()))?;
    Timestamp::parse_http_date(&text).map_err(|_| MessageError::Malformed("date is no date of HTTP".to_owned()))
}

/// The signing string (§2.3): a line for each thing that is covered. The host is the one that the request is for and never
/// the one that it names, so that what was signed for another host does not hold here.
fn signing_string(
    message: &Message<'_>,
    covered: &[Covered],
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
) -> Result<Vec<u8>, MessageError> {
    let mut lines = Vec::with_capacity(covered.len());
    let seconds = |moment: Option<Timestamp>, name: &str| {
        let moment = moment.ok_or_else(|| MessageError::Missing(name.to_owned()))?;
        Ok::<_, MessageError>(moment.as_millis().div_euclid(1_000).to_string())
    };
    for one in covered {
        let value = match one {
            Covered::RequestTarget => {
                let target = message.value(&Component::RequestTarget)?;
                format!("{} {target}", message.value(&Component::Method)?.to_ascii_lowercase())
            }
            Covered::Created => seconds(created, "created")?,
            Covered::Expires => seconds(expires, "expires")?,
            Covered::Host => message.value(&Component::Authority)?,
            Covered::Header(name) => message.value(&Component::Header(name.clone()))?,
        };
        lines.push(format!("{}: {value}", one.name()));
    }
    Ok(lines.join("\n").into_bytes())
}

/// The parameters of a header: `name="value"` or `name=number`, with commas between them (RFC 7235 §2.1). No value that is
/// in use needs an escape, so that none is read.
fn parameters(header: &str) -> Result<Vec<(&str, &str)>, MessageError> {
    if header.len() > SIGNATURE_HEADER_BYTES {
        return Err(MessageError::TooMany { what: "bytes in a header", most: SIGNATURE_HEADER_BYTES });
    }
    let malformed = |what: &str| MessageError::Malformed(what.to_owned());
    let mut parameters: Vec<(&str, &str)> = Vec::new();
    let mut rest = header.trim_matches([' ', '\t']);
    loop {
        let (name, after) = rest.split_once('=').ok_or_else(|| malformed("a parameter is not name=value"))?;
        let name = name.trim_matches([' ', '\t']);
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(malformed("a parameter has no name"));
        }
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            Some(inner) => inner.split_once('"').ok_or_else(|| malformed("a quote is not closed"))?,
            None => after.split_at(after.find([',', ' ', '\t']).unwrap_or(after.len())),
        };
        if value.contains('\\') {
            return Err(malformed("a value has an escape"));
        }
        if parameters.iter().any(|(known, _)| *known == name) {
            return Err(MessageError::Malformed(format!("{:?} stands twice", quoted(name))));
        }
        if parameters.len() == MOST_PARAMETERS {
            return Err(MessageError::TooMany { what: "parameters", most: MOST_PARAMETERS });
        }
        parameters.push((name, value));
        rest = after.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Ok(parameters);
        }
        rest = rest.strip_prefix(',').ok_or_else(|| malformed("there is no comma between parameters"))?;
    }
}

/// Seconds since the epoch. Those of `expires` may have a fraction (§2.1.5), which is cut.
fn time(name: &str, value: Option<&str>) -> Result<Option<Timestamp>, MessageError> {
    let Some(text) = value else { return Ok(None) };
    let whole = if name == "expires" { text.split('.').next().unwrap_or(text) } else { text };
    let seconds: i64 = whole.parse().map_err(|_| MessageError::Malformed(format!("{name} is not an integer")))?;
    Ok(Some(Timestamp::from_millis(seconds.saturating_mul(1_000))))
}

#[cfg(test)]
mod tests;
