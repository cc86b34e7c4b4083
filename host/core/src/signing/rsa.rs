//! RSA keys of the HTTP layer: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2), which is what the Fediverse signs requests
//! with. Nothing else is signed by them; what lasts has an ed25519 proof.
//!
//! The work is done by aws-lc, in constant time (RUSTSEC-2023-0071 is about an implementation that does not).

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::{
    digest::{self, digest},
    encoding::{AsDer as _, PublicKeyX509Der},
    rsa::{KeyPair, PublicKey as Checked},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use multibase::Base;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::pem;
use crate::{
    ids::InvalidId,
    limits::{RSA_PEM_BYTES, RSA_PUBLIC_KEY_BYTES},
};

/// `SubjectPublicKeyInfo` (RFC 5280 §4.1).
const SPKI: &str = "PUBLIC KEY";
/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
const PKCS_1: &str = "RSA PUBLIC KEY";
/// PKCS #8 (RFC 5208).
const PKCS_8: &str = "PRIVATE KEY";
/// Multicodec rsa-pub, 0x1205, as a varint.
const RSA_PUB: [u8; 2] = [0x85, 0x24];
const FORM: &str = "an RSA public key of 2,048 to 4,096 bits";

/// An RSA public key that a signature may be held against: 2,048 to 4,096 bits. Written as a Multikey (multicodec rsa-pub,
/// multibase base64url), and for others as PEM.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RsaPublicKey(Arc<[u8]>);

impl RsaPublicKey {
    /// The key of these bytes, `SubjectPublicKeyInfo` or `RSAPublicKey`, if it is one that signatures may be held against.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        if der.len() > RSA_PEM_BYTES {
            return None;
        }
        let checked = Checked::from_der(der).ok()?;
        // The length of this form is that of the modulus, and a few bytes.
        RSA_PUBLIC_KEY_BYTES.contains(&checked.as_ref().len()).then(|| Self(checked.as_ref().into()))
    }

    /// The key of a text as `publicKeyPem` holds it: `PUBLIC KEY` or `RSA PUBLIC KEY`.
    pub fn from_pem(text: &str) -> Option<Self> {
        if text.len() > RSA_PEM_BYTES {
            return None;
        }
        let der = pem::decode(SPKI, text).or_else(|| pem::decode(PKCS_1, text))?;
        Self::from_der(&der)
    }

    /// The key as `publicKeyPem` holds it: `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> String {
        let checked = Checked::from_der(&self.0).expect("from_der has read this key before");
        let der: PublicKeyX509Der<'_> = checked.as_der().expect("a key that was read can be written");
        pem::encode(SPKI, der.as_ref())
    }

    /// Whether this key signed this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&multibase::encode(Base::Base64Url, [RSA_PUB.as_slice(), &self.0].concat()))
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({self})")
    }
}

impl FromStr for RsaPublicKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let decoded = (text.len() <= RSA_PEM_BYTES).then(|| multibase::decode(text).ok()).flatten();
        decoded
            .filter(|(base, _)| *base == Base::Base64Url)
            .and_then(|(_, bytes)| Self::from_der(bytes.strip_prefix(&RSA_PUB)?))
            .ok_or_else(|| InvalidId::new(text, FORM))
    }
}

impl Serialize for RsaPublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RsaPublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Who signs a request with RSA: a key, and the URL under which others find its public half.
#[derive(Clone)]
pub struct RsaSigner {
    /// URL of the key, such as `https://example.org/actors/site#main-key`.
    pub key_id: String,
    key: Arc<KeyPair>,
}

impl RsaSigner {
    /// The signer with the secret of a text, PKCS #8 in PEM; none where it holds no RSA key of at least 2,048 bits whose
    /// members fit together.
    pub fn from_pem(key_id: impl Into<String>, text: &str) -> Option<Self> {
        let key = KeyPair::from_pkcs8(&pem::decode(PKCS_8, text)?).ok()?;
        Some(Self { key_id: key_id.into(), key: Arc::new(key) })
    }

    /// The key's public half.
    pub fn public_key(&self) -> RsaPublicKey {
        RsaPublicKey(self.key.public_key().as_ref().into())
    }

    /// The signature over a message. One key makes one signature of one message (RFC 8017 §8.2.1).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let hash = digest(&digest::SHA256, message);
        self.key.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut signature).expect("a key that was read signs any hash");
        signature
    }
}

impl fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaSigner").field("key_id", &self.key_id).field("key", &self.public_key()).finish()
    }
}

/// The text that a secret is kept as: PKCS #8 in PEM.
pub fn secret_to_pem(pkcs8: &[u8]) -> String {
    pem::encode(PKCS_8, pkcs8)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// RFC 9421 appendix B.1.1, `test-key-rsa`, the public half.
    const PUBLISHED: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAhAKYdtoeoy8zcAcR874L8cnZxKzAGwd7v36APp7Pv6Q2jdsPBRrw
WEBnez6d0UDKDwGbc6nxfEXAy5mbhgajzrw3MOEt8uA5txSKobBpKDeBLOsdJKFq
MGmXCQvEG7YemcxDTRPxAleIAgYYRjTSd/QBwVW9OwNFhekro3RtlinV0a75jfZg
kne/YiktSvLG34lw2zqXBDTC5NHROUqGTlML4PlNZS5Ri2U4aCNx2rUPRcKIlE0P
uKxI4T+HIaFpv8+rdV6eUgOrB2xeI1dSFFn/nnv5OoZJEIB+VmuKn3DCUcCZSFlQ
PSXSfBDiUGhwOw76WuSSsf1D4b/vLoJ10wIDAQAB
-----END RSA PUBLIC KEY-----
";
    /// draft-cavage-http-signatures-12 appendix C: 1,024 bits.
    pub(crate) const TOO_SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----
";

    pub(crate) fn published() -> RsaPublicKey {
        RsaPublicKey::from_pem(PUBLISHED).expect("published")
    }

    /// A secret of 2,048 bits, for tests alone.
    pub(crate) fn signer() -> RsaSigner {
        let text = include_str!("../../tests/keys/rsa.pem");
        RsaSigner::from_pem("https://example.org/actors/site#main-key", text).expect("a key")
    }

    #[test]
    fn a_key_is_the_same_in_every_form() {
        let key = published();
        let spki = key.to_pem();
        assert!(spki.starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAhAKYdtoe"));
        assert_eq!(RsaPublicKey::from_pem(&spki), Some(key.clone()));
        let text = key.to_string();
        assert!(text.starts_with("uhSQ"), "{text}");
        assert_eq!(text.parse::<RsaPublicKey>().expect("its text"), key);
        let json = serde_json::to_string(&key).expect("a string");
        assert_eq!(serde_json::from_str::<RsaPublicKey>(&json).expect("a key"), key);
    }

    #[test]
    fn a_key_that_is_too_short_too_long_or_of_another_kind_is_none() {
        assert_eq!(RsaPublicKey::from_pem(TOO_SHORT), None);
        // Ed25519, of RFC 9421 appendix B.1.4.
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n";
        assert_eq!(RsaPublicKey::from_pem(ed25519), None);
        let key = published();
        let mut long = b"\x30\x82\x04\x0a\x02\x82\x04\x01\x00".to_vec();
        long.extend([0xff; 1024]);
        long.extend([0x02, 0x03, 1, 0, 1]);
        for der in [&key.0[..key.0.len() - 1], &[&key.0, &[0][..]].concat(), &long, b""] {
            assert_eq!(RsaPublicKey::from_der(der), None);
        }
        for text in ["", "u", "uhSQ", "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"] {
            assert!(text.parse::<RsaPublicKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_signer_signs_for_its_public_key_and_does_not_show_the_secret() {
        let signer = signer();
        let mut signature = signer.sign(b"hello");
        assert!(signer.public_key().verify(b"hello", &signature));
        assert!(!signer.public_key().verify(b"hallo", &signature));
        assert!(!published().verify(b"hello", &signature));
        signature[0] ^= 1;
        assert!(!signer.public_key().verify(b"hello", &signature));
        assert!(!signer.public_key().verify(b"hello", &[]));
        let shown = format!("{signer:?}");
        assert!(shown.len() < 600, "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
            let _ = RsaPublicKey::from_der(&bytes);
        }
    }
}
