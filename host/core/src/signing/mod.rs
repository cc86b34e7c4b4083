//! Who said it: keys in their text form, proofs that travel inside a document, and signatures over an HTTP request.
//!
//! Nothing here looks a key up. What is signed names the key, the caller finds it, and time is an argument.

pub mod cavage;
pub mod content_digest;
pub mod digest;
pub mod message;
pub mod multikey;
mod pem;
pub mod proof;
mod request;
pub mod rsa;
pub mod signature;
mod verification_key;

pub use cavage::CavageSignature;
pub use content_digest::ContentDigestError;
pub use message::{Component, Message, MessageError};
pub use multikey::{PublicKey, Signer};
pub use proof::{Proof, ProofError};
pub use request::{RequestSignature, Scheme, SignedBy, Unsigned, may_refuse_signature, sign_request};
pub use rsa::{RsaPublicKey, RsaSigner};
pub use signature::{RequestSigner, SignatureHeaders, SignatureInput};
pub use verification_key::{Algorithm, VerificationKey};
