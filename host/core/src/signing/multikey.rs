//! Keys. A public key's text form is the Multikey of W3C Controlled Identifiers 1.0 §2.2.2 (`publicKeyMultibase`):
//! multibase base58btc over the multicodec prefix of ed25519-pub (0xed 0x01) and the 32 bytes of the key.

use std::{fmt, str::FromStr};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use multibase::Base;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ids::InvalidId;

/// Multicodec ed25519-pub, 0xed, as a varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
const FORM: &str = "an ed25519 Multikey (z6Mk…, base58btc)";
/// Longer than any text of [`ED25519_PUB`] and 32 bytes, because base58 takes the square of a length to read.
const LONGEST: usize = 64;

/// An ed25519 public key (RFC 8032) that a signature may be held against: a point in its only encoding, of no small
/// order. Written as a Multikey.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of these bytes, unless they are no point, a point written in a second way, or one of small order, under
    /// which one signature fits many messages.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        let is_only_form = key.to_edwards().compress().to_bytes() == bytes;
        (is_only_form && !key.is_weak()).then_some(Self(bytes))
    }

    /// The key as RFC 8032 writes it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this key signed this message. Strict: a signature that another signature could be made of is none.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.0).expect("from_bytes has read this point before");
        key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&multibase::encode(Base::Base58Btc, [ED25519_PUB.as_slice(), &self.0].concat()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let decoded = (text.len() <= LONGEST).then(|| multibase::decode(text).ok()).flatten();
        decoded
            .filter(|(base, _)| *base == Base::Base58Btc)
            .and_then(|(_, bytes)| <[u8; 32]>::try_from(bytes.strip_prefix(&ED25519_PUB)?).ok())
            .and_then(Self::from_bytes)
            .ok_or_else(|| InvalidId::new(text, FORM))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Who signs: a key, and the URL under which others find its public half.
#[derive(Clone)]
pub struct Signer {
    /// URL of the verification method, such as `https://example.org/actors/site#main-key`.
    pub key_id: String,
    /// The secret.
    pub key: SigningKey,
}

impl Signer {
    /// The key's public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// The signature over a message. One key makes one signature of one message (RFC 8032 §5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).field("key", &self.public_key()).finish()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// The public key of W3C vc-di-eddsa, appendix B.1, and its Multikey there.
    const PUBLISHED: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";

    fn signer() -> Signer {
        Signer { key_id: "https://example.org/actors/site#main-key".to_owned(), key: SigningKey::from_bytes(&[7; 32]) }
    }

    fn multikey(prefix: &[u8], key: &[u8], base: Base) -> String {
        multibase::encode(base, [prefix, key].concat())
    }

    #[test]
    fn the_text_form_round_trips() {
        let key: PublicKey = PUBLISHED.parse().expect("published");
        assert_eq!(key.to_string(), PUBLISHED);
        assert_eq!(PublicKey::from_bytes(*key.as_bytes()), Some(key));
        let json = serde_json::to_string(&key).expect("a string");
        assert_eq!(json, format!("{PUBLISHED:?}"));
        assert_eq!(serde_json::from_str::<PublicKey>(&json).expect("a key"), key);
    }

    /// The first example of did:key (W3C CCG, "Test Vectors", Ed25519), whose bytes the multidid specification gives
    /// ("Examples"), and that of W3C DID 1.1 §1.
    #[test]
    fn the_examples_of_others() {
        let key: PublicKey = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp".parse().expect("published");
        let bytes = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
        assert_eq!(HEXLOWER.encode(key.as_bytes()), bytes);
        let text = "z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu";
        assert_eq!(text.parse::<PublicKey>().expect("published").to_string(), text);
    }

    #[test]
    fn what_is_no_ed25519_multikey_is_refused() {
        let key = signer().public_key();
        let bytes = key.as_bytes();
        for text in [
            String::new(),
            "z".to_owned(),
            PUBLISHED[1..].to_owned(),
            format!("{PUBLISHED}2"),
            format!("{}0", &PUBLISHED[..PUBLISHED.len() - 1]),
            format!("z{}", "1".repeat(100_000)),
            // x25519-pub, p256-pub, and the secret half of this kind.
            multikey(&[0xec, 0x01], bytes, Base::Base58Btc),
            multikey(&[0x80, 0x24], bytes, Base::Base58Btc),
            multikey(&[0x80, 0x26], bytes, Base::Base58Btc),
            multikey(&ED25519_PUB, &bytes[..31], Base::Base58Btc),
            multikey(&ED25519_PUB, &[bytes.as_slice(), &[0]].concat(), Base::Base58Btc),
            multikey(&[], bytes, Base::Base58Btc),
            // The right bytes in another base.
            multikey(&ED25519_PUB, bytes, Base::Base64Url),
            multikey(&ED25519_PUB, bytes, Base::Base32Lower),
        ] {
            let error = text.parse::<PublicKey>().expect_err(&text);
            assert!(error.to_string().ends_with("is not an ed25519 Multikey (z6Mk…, base58btc)"), "{error}");
        }
    }

    #[test]
    fn points_that_prove_nothing_are_refused() {
        for (what, hex) in [
            ("not a point", "0200000000000000000000000000000000000000000000000000000000000000"),
            ("order 1", "0100000000000000000000000000000000000000000000000000000000000000"),
            ("order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            ("order 4", "0000000000000000000000000000000000000000000000000000000000000000"),
            ("order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            ("order 1, written as p + 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            ("y = 3, written as p + 3", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ] {
            let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hex").try_into().expect("32 bytes");
            assert_eq!(PublicKey::from_bytes(bytes), None, "{what}");
            assert!(multikey(&ED25519_PUB, &bytes, Base::Base58Btc).parse::<PublicKey>().is_err(), "{what}");
        }
        let three = HEXLOWER.decode(b"0300000000000000000000000000000000000000000000000000000000000000").expect("hex");
        assert!(PublicKey::from_bytes(three.try_into().expect("32 bytes")).is_some(), "y = 3 is a point");
    }

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn the_published_signature_verifies() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).expect("hex");
        let key = PublicKey::from_bytes(
            hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c").try_into().expect("32 bytes"),
        )
        .expect("a key");
        let mut signature: [u8; 64] = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                                           085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        .try_into()
        .expect("64 bytes");
        assert!(key.verify(&[0x72], &signature));
        assert!(!key.verify(&[0x73], &signature));
        signature[0] ^= 1;
        assert!(!key.verify(&[0x72], &signature));
    }

    #[test]
    fn a_signer_signs_for_its_public_key_and_does_not_show_the_secret() {
        let signer = signer();
        assert!(signer.public_key().verify(b"hello", &signer.sign(b"hello")));
        assert!(PublicKey::from_bytes(*signer.public_key().as_bytes()).is_some());
        let shown = format!("{signer:?}");
        assert!(!shown.contains("[7, 7") && !shown.contains("0707"), "{shown}");
    }
}
