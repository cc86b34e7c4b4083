//! Who said it: keys in their text form, proofs that travel inside a document, and signatures over an HTTP request.
//!
//! Nothing here looks a key up. What is signed names the key, the caller finds it, and time is an argument.

pub mod content_digest;
pub mod message;
pub mod multikey;
pub mod proof;
pub mod signature;

pub use content_digest::ContentDigestError;
pub use message::{Component, Message, MessageError};
pub use multikey::{PublicKey, Signer};
pub use proof::{Proof, ProofError};
pub use signature::{SignatureHeaders, SignatureInput};
