//! `Digest` (RFC 3230 §4.3.2), as the Fediverse sends it beside draft-cavage: `SHA-256=` and base64. What is signed today
//! carries `Content-Digest` instead.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256, Sha512};

use super::ContentDigestError;

/// The name of the header, in lower case.
pub const DIGEST: &str = "digest";

/// The header's value for a body.
pub fn of(body: &[u8]) -> String {
    format!("SHA-256={}", BASE64.encode(&Sha256::digest(body)))
}

/// Whether a header vouches for a body: at least one algorithm is known, and each that is known matches. Names of algorithms
/// compare without case (RFC 3230 §4.1.1).
pub fn check(header: &str, body: &[u8]) -> Result<(), ContentDigestError> {
    let mut is_known = false;
    for instance in header.split(',') {
        let malformed = || ContentDigestError::Malformed("an instance is not algorithm=value".to_owned());
        let (name, value) = instance.trim().split_once('=').ok_or_else(malformed)?;
        let (name, found) = match name.to_ascii_lowercase().as_str() {
            "sha-256" => ("sha-256", BASE64.encode(&Sha256::digest(body))),
            "sha-512" => ("sha-512", BASE64.encode(&Sha512::digest(body))),
            _ => continue,
        };
        if value != found {
            return Err(ContentDigestError::Mismatch(name));
        }
        is_known = true;
    }
    if is_known { Ok(()) } else { Err(ContentDigestError::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-cavage-http-signatures-12 appendix C.
    #[test]
    fn the_digest_of_the_draft() {
        let body = b"{\"hello\": \"world\"}";
        assert_eq!(of(body), "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=");
        assert_eq!(check("sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", body), Ok(()));
        assert_eq!(check("md5=x, SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", body), Ok(()));
    }

    #[test]
    fn what_vouches_for_another_body_or_for_nothing_is_refused() {
        let good = of(b"a");
        assert_eq!(check(&good, b"b"), Err(ContentDigestError::Mismatch("sha-256")));
        assert_eq!(check(&format!("{good},SHA-512=x"), b"a"), Err(ContentDigestError::Mismatch("sha-512")));
        assert_eq!(check("SHA-256=", b"a"), Err(ContentDigestError::Mismatch("sha-256")));
        assert_eq!(check("md5=x,SHA=y", b"a"), Err(ContentDigestError::Unknown));
        assert!(matches!(check("", b"a"), Err(ContentDigestError::Malformed(_))));
        assert!(matches!(check("SHA-256", b"a"), Err(ContentDigestError::Malformed(_))));
    }
}
