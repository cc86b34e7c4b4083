//! `Content-Digest` (RFC 9530 §2): a dictionary of structured fields that binds a body to the headers.

use sfv::{Dictionary, KeyRef, ListEntry, Parser};
use sha2::{Digest as _, Sha256, Sha512};

/// The name of the header, in lower case.
pub const CONTENT_DIGEST: &str = "content-digest";

const SHA_256: &str = "sha-256";
const SHA_512: &str = "sha-512";

/// Why a header does not vouch for a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentDigestError {
    /// It is no dictionary of byte sequences.
    #[error("content-digest is malformed: {0}")]
    Malformed(String),
    /// None of its algorithms is one of the two that are still sound (RFC 9530 §5).
    #[error("content-digest has neither sha-256 nor sha-512")]
    Unknown,
    /// The body is another than what the sender hashed.
    #[error("content-digest does not match the body: {0}")]
    Mismatch(&'static str),
}

/// The header's value for a body: `sha-256=:…:`.
pub fn of(body: &[u8]) -> String {
    let mut digests = sfv::DictSerializer::new();
    let name = KeyRef::from_str(SHA_256).expect("a key of structured fields");
    digests.bare_item(name, Sha256::digest(body).as_slice());
    digests.finish().expect("a dictionary with a member has a text")
}

/// Whether a header vouches for a body: at least one algorithm is known, and each that is known matches.
pub fn check(header: &str, body: &[u8]) -> Result<(), ContentDigestError> {
    let malformed = |error: sfv::Error| ContentDigestError::Malformed(error.to_string());
    let digests: Dictionary = Parser::new(header).parse().map_err(malformed)?;
    let mut is_known = false;
    for (name, wanted) in &digests {
        let (name, found) = match name.as_str() {
            SHA_256 => (SHA_256, Sha256::digest(body).to_vec()),
            SHA_512 => (SHA_512, Sha512::digest(body).to_vec()),
            _ => continue,
        };
        let wanted = match wanted {
            ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
            ListEntry::InnerList(_) => None,
        };
        let wanted = wanted.ok_or_else(|| ContentDigestError::Malformed(format!("{name} is no byte sequence")))?;
        if wanted != found {
            return Err(ContentDigestError::Mismatch(name));
        }
        is_known = true;
    }
    if is_known { Ok(()) } else { Err(ContentDigestError::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of RFC 9530 appendix B.1, which ends with a line feed.
    const BODY: &[u8] = b"{\"hello\": \"world\"}\n";
    /// RFC 9530 appendix B.1.
    const BODY_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    /// RFC 9530 §2, the first example.
    const BODY_512: &str =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
    /// RFC 9530 appendix B.2: no content.
    const EMPTY_256: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    #[test]
    fn the_examples_of_rfc_9530() {
        assert_eq!(of(BODY), BODY_256);
        assert_eq!(of(b""), EMPTY_256);
        assert_eq!(check(BODY_256, BODY), Ok(()));
        assert_eq!(check(BODY_512, BODY), Ok(()));
        assert_eq!(check(EMPTY_256, b""), Ok(()));
        // Appendix B.3: the second half of the same content.
        assert_eq!(check("sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:", b"\"world\"}\n"), Ok(()));
    }

    /// RFC 9421 appendix B.2, whose body ends without a line feed.
    #[test]
    fn the_request_of_rfc_9421() {
        let header =
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
        assert_eq!(check(header, b"{\"hello\": \"world\"}"), Ok(()));
    }

    #[test]
    fn every_known_algorithm_must_match() {
        assert_eq!(check(&format!("{BODY_256}, {BODY_512}"), BODY), Ok(()));
        assert_eq!(check(&format!("{BODY_512}, {EMPTY_256}"), BODY), Err(ContentDigestError::Mismatch("sha-256")));
        assert_eq!(check(BODY_512, b"other"), Err(ContentDigestError::Mismatch("sha-512")));
        assert_eq!(check("sha-256=:RK8=:", BODY), Err(ContentDigestError::Mismatch("sha-256")));
        assert_eq!(check(&format!("md5=:AAAA:, {BODY_256}"), BODY), Ok(()));
    }

    #[test]
    fn what_vouches_for_nothing_is_refused() {
        assert_eq!(check("", BODY), Err(ContentDigestError::Unknown));
        assert_eq!(check("md5=:AAAA:, sha=:AAAA:", BODY), Err(ContentDigestError::Unknown));
        for header in ["sha-256=\"RK\"", "sha-256=(:RK8=:)", "sha-256", "SHA-256=RK/0qy18=", "sha-256=:RK"] {
            assert!(matches!(check(header, BODY), Err(ContentDigestError::Malformed(_))), "{header}");
        }
    }
}
