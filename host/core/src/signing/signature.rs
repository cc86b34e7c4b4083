//! Signatures over requests: RFC 9421 with ed25519 (§3.3.6) or RSASSA-PKCS1-v1_5 (§3.3.2).
//!
//! Verifying has two stages, because the key must be looked up in between: [`SignatureInput::parse`] and
//! [`SignatureInput::check`] refuse what can be refused without a key, [`SignatureInput::verify`] is the rest.

use sfv::{Dictionary, FieldType as _, InnerList, Item, Key, ListEntry, Parameters, Parser};

use super::{
    Algorithm, RsaSigner, Signer, VerificationKey,
    content_digest::{self, CONTENT_DIGEST},
    message::{Component, Message, MessageError},
};
use crate::{
    destination::quoted,
    limits::{SIGNATURE_COMPONENTS, SIGNATURE_HEADER_BYTES, SIGNATURE_LABELS},
    time::Timestamp,
};

const LABEL: &str = "sig1";

/// Signs requests: a key, and the URL under which others find its public half.
pub trait RequestSigner {
    /// URL of the key.
    fn key_id(&self) -> &str;
    /// What it signs with.
    fn algorithm(&self) -> Algorithm;
    /// The signature over a message.
    fn signature(&self, message: &[u8]) -> Vec<u8>;
}

impl RequestSigner for Signer {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.sign(message).to_vec()
    }
}

impl RequestSigner for RsaSigner {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaV15Sha256
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        self.sign(message)
    }
}

/// The two headers that sign a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
}

/// Signs a request: its method and target, and the headers `content-digest` and `content-type`, which it must have, if
/// there is a body. `created` is cut to the second.
pub fn sign(
    message: &Message<'_>,
    signer: &impl RequestSigner,
    created: Timestamp,
) -> Result<SignatureHeaders, MessageError> {
    let mut components = vec![Component::Method, Component::TargetUri];
    if !message.body.is_empty() {
        components.extend([CONTENT_DIGEST, "content-type"].map(|name| Component::Header(name.to_owned())));
    }
    let string = |text: &str| {
        sfv::String::from_string(text.to_owned())
            .map_err(|_| MessageError::Malformed(format!("{:?} is no ASCII", quoted(text))))
    };
    let names = components.iter().map(|component| string(component.name()).map(Item::new));
    let seconds =
        sfv::Integer::try_from(created.as_millis().div_euclid(1_000)).expect("a year has at most four digits");
    let mut params = Parameters::new();
    params.insert(key("created"), seconds.into());
    params.insert(key("keyid"), string(signer.key_id())?.into());
    params.insert(key("alg"), string(signer.algorithm().name())?.into());
    let covered = InnerList::with_params(names.collect::<Result<_, _>>()?, params);

    let signature = signer.signature(&base(message, &components, &text_of(&covered))?);
    let header = |entry: ListEntry| Dictionary::from_iter([(key(LABEL), entry)]).serialize().expect("it has a member");
    Ok(SignatureHeaders {
        signature_input: header(covered.into()),
        signature: header(Item::new(signature.as_slice()).into()),
    })
}

/// What a request's signature says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureInput {
    /// The name that its sender gave it.
    pub label: String,
    /// What it covers, in order.
    pub components: Vec<Component>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it stops to hold, if ever.
    pub expires: Option<Timestamp>,
    /// URL under which the key is found. Whoever verifies must make sure that it is the author's.
    pub key_id: String,
    /// What it says to be signed with. The key decides; where it says otherwise, the signature does not hold.
    pub algorithm: Option<Algorithm>,
    /// The parameters as they are signed (§2.3).
    params: String,
    signature: Vec<u8>,
}

impl SignatureInput {
    /// Reads the values of `Signature-Input` and `Signature`, each with its lines joined ([`Message::header`]). Of
    /// several signatures it takes the first that can be one of ed25519 or RSA.
    pub fn parse(signature_input: &str, signature: &str) -> Result<Self, MessageError> {
        let inputs = dictionary(signature_input)?;
        let signatures = dictionary(signature)?;
        let mut other = MessageError::Malformed("there is none".to_owned());
        for (label, input) in &inputs {
            let ListEntry::InnerList(covered) = input else {
                return Err(MessageError::Malformed(format!("{label} covers no list")));
            };
            let alg = parameter(covered, "alg", "a string", sfv::GenericBareItem::as_string)?;
            let algorithm = alg.and_then(|alg| Algorithm::of_name(alg.as_str()));
            if let (Some(alg), None) = (alg, algorithm) {
                other = MessageError::Unsupported(format!("alg {:?}", quoted(alg.as_str())));
                continue;
            }
            let bytes = match signatures.get(label.as_str()) {
                Some(ListEntry::Item(item)) => item.bare_item.as_byte_sequence(),
                Some(ListEntry::InnerList(_)) | None => None,
            };
            let bytes = bytes.ok_or_else(|| MessageError::Malformed(format!("{label} has no bytes in signature")))?;
            if can_be(algorithm, bytes.len()) {
                return Self::read(label, covered, algorithm, bytes.to_vec());
            }
            other = MessageError::Unsupported(format!("an algorithm of {} bytes", bytes.len()));
        }
        Err(other)
    }

    fn read(
        label: &Key,
        covered: &InnerList,
        algorithm: Option<Algorithm>,
        signature: Vec<u8>,
    ) -> Result<Self, MessageError> {
        if covered.items.len() > SIGNATURE_COMPONENTS {
            return Err(MessageError::TooMany { what: "components", most: SIGNATURE_COMPONENTS });
        }
        let mut components = Vec::with_capacity(covered.items.len());
        for item in &covered.items {
            let component = Component::of(item)?;
            if components.contains(&component) {
                return Err(MessageError::Malformed(format!("{:?} stands twice", component.name())));
            }
            components.push(component);
        }
        let time = |name| {
            parameter(covered, name, "an integer", |value| {
                let seconds = i64::from(value.as_integer()?);
                Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
            })
        };
        let key_id = parameter(covered, "keyid", "a string", sfv::GenericBareItem::as_string)?
            .ok_or_else(|| MessageError::Malformed("keyid is missing".to_owned()))?;
        Ok(Self {
            label: label.as_str().to_owned(),
            components,
            created: time("created")?,
            expires: time("expires")?,
            key_id: key_id.as_str().to_owned(),
            algorithm,
            params: text_of(covered),
            signature,
        })
    }

    /// Whether the signature covers this request well enough to be worth a look at the key: when it was made is within
    /// `tolerance_ms` of now, it covers the method, the whole target and, if there is a body, its digest, which matches.
    pub fn check(&self, message: &Message<'_>, now: Timestamp, tolerance_ms: u64) -> Result<(), MessageError> {
        let created = self.created.ok_or(MessageError::Undated)?;
        if now.as_millis().abs_diff(created.as_millis()) > tolerance_ms {
            return Err(MessageError::Stale { created, now });
        }
        if let Some(expires) = self.expires.filter(|expires| *expires < now) {
            return Err(MessageError::Expired(expires));
        }
        let covers = |component: Component| self.components.contains(&component);
        if !covers(Component::Method) {
            return Err(MessageError::NotCovered("@method"));
        }
        let has_place = covers(Component::RequestTarget)
            || covers(Component::Path) && (covers(Component::Query) || !message.has_query());
        if !(covers(Component::TargetUri) || covers(Component::Authority) && has_place) {
            return Err(MessageError::NotCovered("@target-uri, nor its parts"));
        }
        let digest = Component::Header(CONTENT_DIGEST.to_owned());
        match (self.components.contains(&digest), message.body.is_empty()) {
            (true, _) => Ok(content_digest::check(&message.value(&digest)?, message.body)?),
            (false, true) => Ok(()),
            (false, false) => Err(MessageError::NotCovered(CONTENT_DIGEST)),
        }
    }

    /// Whether this key signed this request. It says nothing of what [`Self::check`] asks.
    pub fn verify(&self, message: &Message<'_>, key: &VerificationKey) -> Result<(), MessageError> {
        // §3.2, step 6: the algorithm is the key's, and what the signature says of it has to agree.
        if let Some(said) = self.algorithm.filter(|said| *said != key.algorithm()) {
            return Err(MessageError::OtherAlgorithm { said: said.name(), key: key.algorithm() });
        }
        match key.verify(&base(message, &self.components, &self.params)?, &self.signature) {
            true => Ok(()),
            false => Err(MessageError::Wrong(key.clone())),
        }
    }
}

/// Whether an answer asks for signatures of ed25519 (`Accept-Signature`, §5.1).
pub fn asks_for_ed25519(accept_signature: &str) -> bool {
    let is_ed25519 = |entry: &ListEntry| match entry {
        ListEntry::InnerList(covered) => {
            covered.params.get("alg").and_then(sfv::GenericBareItem::as_string).map(sfv::StringRef::as_str)
                == Some(Algorithm::Ed25519.name())
        }
        ListEntry::Item(_) => false,
    };
    dictionary(accept_signature).is_ok_and(|asked| asked.values().any(is_ed25519))
}

/// Whether a signature of this algorithm, or of one that is not said, can have so many bytes.
fn can_be(algorithm: Option<Algorithm>, bytes: usize) -> bool {
    let (is_ed25519, is_rsa) = (bytes == 64, (256..=512).contains(&bytes));
    match algorithm {
        Some(Algorithm::Ed25519) => is_ed25519,
        Some(Algorithm::RsaV15Sha256) => is_rsa,
        None => is_ed25519 || is_rsa,
    }
}

/// The signature base (§2.5): a line for each component, the parameters last.
fn base(message: &Message<'_>, components: &[Component], params: &str) -> Result<Vec<u8>, MessageError> {
    let mut lines = Vec::with_capacity(components.len() + 1);
    for component in components {
        lines.push(format!("\"{component}\": {}", message.value(component)?));
    }
    lines.push(format!("\"@signature-params\": {params}"));
    Ok(lines.join("\n").into_bytes())
}

/// How structured fields write a list with its parameters.
fn text_of(covered: &InnerList) -> String {
    vec![ListEntry::InnerList(covered.clone())].serialize().expect("a list with a member has a text")
}

fn dictionary(header: &str) -> Result<Dictionary, MessageError> {
    if header.len() > SIGNATURE_HEADER_BYTES {
        return Err(MessageError::TooMany { what: "bytes in a header", most: SIGNATURE_HEADER_BYTES });
    }
    let members: Dictionary =
        Parser::new(header).parse().map_err(|error| MessageError::Malformed(error.to_string()))?;
    match members.len() {
        0..=SIGNATURE_LABELS => Ok(members),
        _ => Err(MessageError::TooMany { what: "labels", most: SIGNATURE_LABELS }),
    }
}

/// A parameter of a signature, in the form that it must have.
fn parameter<'a, T>(
    covered: &'a InnerList,
    name: &str,
    form: &str,
    read: impl Fn(&'a sfv::BareItem) -> Option<T>,
) -> Result<Option<T>, MessageError> {
    let malformed = || MessageError::Malformed(format!("{name} is not {form}"));
    covered.params.get(name).map(|value| read(value).ok_or_else(malformed)).transpose()
}

fn key(name: &str) -> Key {
    Key::from_string(name.to_owned()).expect("ours are keys of structured fields")
}

#[cfg(test)]
mod tests;
