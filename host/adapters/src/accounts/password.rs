//! Password hashes: argon2id with the parameters of RFC 9106 §4 as OWASP scales them down (19 MiB, 2 passes), kept
//! in PHC string format.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

use super::AccountError;

/// Bytes a password may have.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=1_024;

/// A hash that no known password has (salt and hash are random), with the same parameters: a name without a user
/// costs the same work.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$/ysxVgU0pFLFDrMUe9dpFA$LHv9mFmcYucjrMTTrlxDedQcnzIHGBqG1/VVMlIL7nY";

/// Hashes a new password. Takes some 20 ms and 19 MiB.
pub(super) fn hash(password: &str) -> Result<String, AccountError> {
    if !LENGTH.contains(&password.len()) {
        return Err(AccountError::Invalid { field: "password", rule: "must have 8 to 1,024 bytes" });
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| AccountError::Hash(error.to_string()))
}

/// Whether a password is the one that was hashed; without a hash it never is, after the same work.
pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
    if !LENGTH.contains(&password.len()) {
        return false;
    }
    let matches = PasswordHash::new(hash.unwrap_or(NOBODY))
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    matches && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything up to the salt: algorithm, version and parameters.
    fn parameters(hash: &str) -> Vec<&str> {
        hash.split('$').take(4).collect()
    }

    #[test]
    fn nobodys_hash_costs_what_a_users_does() {
        let made = hash("a password").expect("hashed");
        assert_eq!(parameters(NOBODY), parameters(&made));
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
    }
}
