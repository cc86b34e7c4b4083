//! RSA keys as they lie in the data directory: of each actor that was asked for one, and of the host itself.

use std::{io, path::Path, sync::PoisonError};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use rosehip_core::{
    ids::ActorName,
    signing::rsa::{RsaSigner, secret_to_pem},
};

use super::{KeyError, Keys};
use crate::durable;

/// The end of the names of files that hold RSA keys.
const SUFFIX: &str = ".rsa.key";
/// The file of the host's own.
const HOST: &str = "host.rsa.key";

impl Keys {
    /// The key that requests of an actor are signed with, told under `key_id`. Made when it is first asked for, which takes a
    /// tenth of a second; it then survives power loss.
    pub fn actor_rsa(&self, name: &ActorName, key_id: &str) -> Result<RsaSigner, KeyError> {
        self.rsa(&actor_file(name), key_id)
    }

    /// The key that the host's own requests for documents are signed with. Made like an actor's.
    pub fn host_rsa(&self, key_id: &str) -> Result<RsaSigner, KeyError> {
        self.rsa(HOST, key_id)
    }

    fn rsa(&self, file: &str, key_id: &str) -> Result<RsaSigner, KeyError> {
        let _making = self.making_rsa.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.dir.join(file);
        if let Some(signer) = read(&path, key_id)? {
            return Ok(signer);
        }
        let io = |source| KeyError::Io { path: path.clone(), source };
        let made = KeyPair::generate(KeySize::Rsa2048).and_then(|key| key.as_der());
        let der: Pkcs8V1Der<'_> = made.map_err(|_| io(io::Error::other("no RSA key could be made")))?;
        durable::create_new(&path, secret_to_pem(der.as_ref()).as_bytes(), 0o600).map_err(io)?;
        read(&path, key_id)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))
    }

    /// Removes the key that requests of an actor are signed with; the next one that is asked for is another.
    pub fn forget_actor_rsa(&self, name: &ActorName) -> Result<(), KeyError> {
        let _making = self.making_rsa.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget(&actor_file(name))
    }
}

/// Whether a file of this name holds an RSA key.
pub(super) fn is_file(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

fn actor_file(name: &ActorName) -> String {
    format!("actor-{name}{SUFFIX}")
}

pub(super) fn read(path: &Path, key_id: &str) -> Result<Option<RsaSigner>, KeyError> {
    let bytes = durable::read_if_there(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let signer = str::from_utf8(&bytes).ok().and_then(|pem| RsaSigner::from_pem(key_id, pem));
    signer.map(Some).ok_or_else(|| KeyError::NoRsa { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::keys::{check, examine};

    fn site() -> ActorName {
        "site".parse().expect("a name")
    }

    /// A directory of an earlier release has none of these; they come when they are asked for.
    #[test]
    fn rsa_keys_are_made_once_kept_to_their_owner_and_replaced_when_forgotten() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::open(dir.path()).expect("opened");
        let path = dir.path().join("keys/actor-site.rsa.key");
        assert!(!path.exists(), "opening makes none");
        let (first, host) = (keys.actor_rsa(&site(), "k#k").expect("made"), keys.host_rsa("h#k").expect("made"));
        assert_ne!(first.public_key(), host.public_key());
        let again = Keys::open(dir.path()).expect("opened again").actor_rsa(&site(), "k#k").expect("read");
        assert_eq!(again.public_key(), first.public_key());
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(examine(dir.path()).readable, 3);

        keys.forget_actor_rsa(&site()).expect("removed");
        assert_ne!(keys.actor_rsa(&site(), "k#k").expect("made anew").public_key(), first.public_key());
        std::fs::write(&path, "not a key").expect("written");
        assert!(matches!(keys.actor_rsa(&site(), "k#k"), Err(KeyError::NoRsa { .. })));
        assert_eq!(std::fs::read(&path).expect("read"), b"not a key");
        assert!(check(dir.path()).is_err());
    }
}
