//! Who said it: keys in their text form, proofs that travel inside a document, and signatures over an HTTP request.
//!
//! Nothing here looks a key up. What is signed names the key, the caller finds it, and time is an argument.

pub mod multikey;

pub use multikey::{PublicKey, Signer};
