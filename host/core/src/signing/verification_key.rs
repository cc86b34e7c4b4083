//! A public key of another host's actor, of whichever kind, and what it verifies. The kind of a key decides the algorithm;
//! what a signature says of its own algorithm can only contradict that, and is refused where it does.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{PublicKey, RsaPublicKey};
use crate::ids::InvalidId;

/// What requests are signed with (RFC 9421 §6.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `EdDSA` over curve 25519 (§3.3.6).
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (§3.3.2).
    RsaV15Sha256,
}

impl Algorithm {
    /// The name under which it is registered.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }

    /// The algorithm of a registered name, if it is one of these.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Ed25519, Self::RsaV15Sha256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key. Its text is the Multikey of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerificationKey {
    /// A key that proofs and requests are signed with.
    Ed25519(PublicKey),
    /// A key that requests are signed with.
    Rsa(RsaPublicKey),
}

impl VerificationKey {
    /// The one algorithm that this key is for.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::Rsa(_) => Algorithm::RsaV15Sha256,
        }
    }

    /// Whether this key signed this message, by its own algorithm.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => signature.try_into().is_ok_and(|signature| key.verify(message, signature)),
            Self::Rsa(key) => key.verify(message, signature),
        }
    }
}

impl From<PublicKey> for VerificationKey {
    fn from(key: PublicKey) -> Self {
        Self::Ed25519(key)
    }
}

impl From<RsaPublicKey> for VerificationKey {
    fn from(key: RsaPublicKey) -> Self {
        Self::Rsa(key)
    }
}

impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(key) => key.fmt(f),
            Self::Rsa(key) => key.fmt(f),
        }
    }
}

impl FromStr for VerificationKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.starts_with('u') {
            true => text.parse().map(Self::Rsa),
            false => text.parse().map(Self::Ed25519),
        }
    }
}

impl Serialize for VerificationKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerificationKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::signing::{Signer, rsa};

    #[test]
    fn a_key_verifies_by_its_own_algorithm_and_by_no_other() {
        let signer = Signer { key_id: String::new(), key: SigningKey::from_bytes(&[7; 32]) };
        let (ed25519, rsa) =
            (VerificationKey::from(signer.public_key()), VerificationKey::from(rsa::tests::published()));
        let signature = signer.sign(b"hello");
        assert!(ed25519.verify(b"hello", &signature));
        assert!(!ed25519.verify(b"hello", &signature[..63]) && !rsa.verify(b"hello", &signature));
        let signed = rsa::tests::signer().sign(b"hello");
        assert!(VerificationKey::from(rsa::tests::signer().public_key()).verify(b"hello", &signed));
        assert!(!ed25519.verify(b"hello", &signed));
        for key in [ed25519, rsa] {
            assert_eq!(key.to_string().parse::<VerificationKey>().expect("its text"), key);
        }
    }

    #[test]
    fn the_names_of_the_registry() {
        for algorithm in [Algorithm::Ed25519, Algorithm::RsaV15Sha256] {
            assert_eq!(Algorithm::of_name(algorithm.name()), Some(algorithm));
        }
        for other in ["hmac-sha256", "rsa-pss-sha512", "none", "ED25519", ""] {
            assert_eq!(Algorithm::of_name(other), None, "{other}");
        }
    }
}
