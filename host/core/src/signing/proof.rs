//! Proofs that travel inside a document: FEP-8b32, with the cryptosuite `eddsa-jcs-2022` of W3C vc-di-eddsa
//! 1.0 §3.3. What is signed is `sha256(JCS(options)) ‖ sha256(JCS(document))`: the options are the proof
//! without its `proofValue`, the document is without its proof.

use multibase::Base;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{PublicKey, Signer};
use crate::{
    canonical::{self, Members},
    destination::quoted,
    time::Timestamp,
};

const TYPE: &str = "DataIntegrityProof";
const CRYPTOSUITE: &str = "eddsa-jcs-2022";
const PURPOSE: &str = "assertionMethod";
/// No text of 64 bytes in base58btc is longer.
const LONGEST_VALUE: usize = 90;

/// Why a document's proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is nothing to verify.
    #[error("the document has no proof")]
    Absent,
    /// A list of proofs, of which Data Integrity says how they may rest on each other.
    #[error("the document has a list of proofs; one proof is supported")]
    Several,
    /// A kind of proof that nobody here can verify.
    #[error("proof {member} {found:?} is not supported; {wanted} is")]
    Unsupported {
        /// The member that says so.
        member: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        wanted: &'static str,
    },
    /// A member that is missing or has another form.
    #[error("proof {0} is not {1}")]
    Malformed(&'static str, &'static str),
    /// The proof was made over another context than the document has (§3.3.2, step 4).
    #[error("the document's @context does not begin with the proof's")]
    OtherContext,
    /// The proof says that it no longer holds.
    #[error("the proof expired at {0}")]
    Expired(Timestamp),
    /// The document, the proof or the key is another than what was signed with.
    #[error("the proof does not verify with key {0}")]
    Wrong(PublicKey),
}

/// What a document's proof says of itself. Reading it verifies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// URL under which the key is found. Whoever verifies must make sure that it is the author's.
    pub verification_method: String,
    /// When it was made, if it says so.
    pub created: Option<Timestamp>,
    /// When it stops to hold, if ever.
    pub expires: Option<Timestamp>,
    /// The proof without its value.
    options: Map<String, Value>,
    signature: [u8; 64],
}

impl Proof {
    /// The one proof of a document.
    pub fn of(document: &Map<String, Value>) -> Result<Self, ProofError> {
        let mut options = match document.get("proof") {
            None | Some(Value::Null) => return Err(ProofError::Absent),
            Some(Value::Array(_)) => return Err(ProofError::Several),
            Some(Value::Object(proof)) => proof.clone(),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                return Err(ProofError::Malformed("itself", "an object"));
            }
        };
        only(&options, "type", TYPE)?;
        only(&options, "cryptosuite", CRYPTOSUITE)?;
        only(&options, "proofPurpose", PURPOSE)?;
        if let Some(previous) = options.get("previousProof") {
            let found = quoted(&previous.to_string());
            return Err(ProofError::Unsupported {
                member: "previousProof",
                found,
                wanted: "a proof that stands alone",
            });
        }
        let value = options.remove("proofValue");
        let signature = value
            .as_ref()
            .and_then(Value::as_str)
            .and_then(signature_of)
            .ok_or(ProofError::Malformed("proofValue", "64 bytes in base58btc (z…)"))?;
        let verification_method = text(&options, "verificationMethod")?.to_owned();
        let (created, expires) = (time(&options, "created")?, time(&options, "expires")?);
        Ok(Self { verification_method, created, expires, options, signature })
    }

    /// Whether this key made the proof over this document, and whether it still holds.
    ///
    /// Contexts that the document has beyond those of the proof are not covered (§3.3.2, step 4.2), and a linked data
    /// signature that was put beside the proof is not either (FEP-8b32, "Backward compatibility").
    pub fn verify(&self, document: &Map<String, Value>, key: &PublicKey, now: Timestamp) -> Result<(), ProofError> {
        let mut content = unsecured(document);
        if let Some(context) = self.options.get("@context") {
            if !contexts(document.get("@context")).starts_with(contexts(Some(context))) {
                return Err(ProofError::OtherContext);
            }
            content.insert("@context", context);
        }
        if let Some(expires) = self.expires.filter(|expires| *expires < now) {
            return Err(ProofError::Expired(expires));
        }
        match key.verify(&hash_data(&members(&self.options), &content), &self.signature) {
            true => Ok(()),
            false => Err(ProofError::Wrong(*key)),
        }
    }
}

/// Whether this key made the document's one proof, and whether it still holds. What it says comes back.
pub fn verify(document: &Map<String, Value>, key: &PublicKey, now: Timestamp) -> Result<Proof, ProofError> {
    let proof = Proof::of(document)?;
    proof.verify(document, key, now)?;
    Ok(proof)
}

/// Puts a proof into a document, in place of the one it may have (§3.3.1). `created` is cut to the second.
///
/// The context of Data Integrity, without which readers of JSON-LD do not know `proof`, is the caller's to put.
pub fn attach(document: &mut Map<String, Value>, signer: &Signer, created: Timestamp) {
    let mut proof = Map::new();
    if let Some(context) = document.get("@context") {
        proof.insert("@context".to_owned(), context.clone());
    }
    for (name, value) in [
        ("type", TYPE.to_owned()),
        ("cryptosuite", CRYPTOSUITE.to_owned()),
        ("verificationMethod", signer.key_id.clone()),
        ("proofPurpose", PURPOSE.to_owned()),
        ("created", to_the_second(created)),
    ] {
        proof.insert(name.to_owned(), value.into());
    }
    let signature = signer.sign(&hash_data(&members(&proof), &unsecured(document)));
    proof.insert("proofValue".to_owned(), multibase::encode(Base::Base58Btc, signature).into());
    document.insert("proof".to_owned(), proof.into());
}

/// The document that is signed: without its proof and without a linked data signature, which is made after the proof.
fn unsecured(document: &Map<String, Value>) -> Members<'_> {
    let is_linked_data_signature = |value: &Value| value.get("type").is_some_and(|kind| kind == "RsaSignature2017");
    let mut content = members(document);
    content.retain(|name, value| *name != "proof" && !(*name == "signature" && is_linked_data_signature(value)));
    content
}

fn members(document: &Map<String, Value>) -> Members<'_> {
    document.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// §3.3.4: what the signature is over.
fn hash_data(options: &Members<'_>, content: &Members<'_>) -> Vec<u8> {
    [options, content].map(|part| Sha256::digest(canonical::of_members(part))).concat()
}

fn signature_of(text: &str) -> Option<[u8; 64]> {
    if text.len() > LONGEST_VALUE {
        return None;
    }
    let (base, bytes) = multibase::decode(text).ok()?;
    if base == Base::Base58Btc { bytes.try_into().ok() } else { None }
}

fn text<'a>(options: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, ProofError> {
    options.get(member).and_then(Value::as_str).ok_or(ProofError::Malformed(member, "a text"))
}

fn only(options: &Map<String, Value>, member: &'static str, wanted: &'static str) -> Result<(), ProofError> {
    match text(options, member)? {
        found if found == wanted => Ok(()),
        found => Err(ProofError::Unsupported { member, found: quoted(found), wanted }),
    }
}

fn time(options: &Map<String, Value>, member: &'static str) -> Result<Option<Timestamp>, ProofError> {
    let malformed = ProofError::Malformed(member, "a time (RFC 3339)");
    options.get(member).map(|value| value.as_str().and_then(|text| text.parse().ok()).ok_or(malformed)).transpose()
}

/// A context as the list that it is short for.
fn contexts(context: Option<&Value>) -> &[Value] {
    match context {
        None => &[],
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
    }
}

fn to_the_second(moment: Timestamp) -> String {
    let whole = Timestamp::from_millis(moment.as_millis().div_euclid(1_000) * 1_000);
    whole.to_string().replace(".000Z", "Z")
}

#[cfg(test)]
mod tests;
