//! Private keys: the host's own, and one for each local actor. Each is a file of its own under `keys/`, an ed25519
//! key in PKCS#8 PEM (RFC 8410) that only its owner may read, made when it is first asked for. An actor has an RSA key of 2,048
//! bits as well (`*.rsa.key`), which signs requests to those who know no other, and so has the host for those it makes
//! itself. Beside them lies the
//! secret that authenticates the cache of compiled modules, 32 random bytes, and the one that signs webhooks, in the text form
//! that receivers are given and with its sha-256 on a second line; both readable by the same alone.

mod rsa;

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use data_encoding::HEXLOWER;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use rosehip_core::ids::ActorName;
use sha2::{Digest as _, Sha256};

use crate::{durable, sinks::WebhookSecret};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is there and holds no ed25519 key. It was left as it is.
    #[error("{path} is not an ed25519 key in PKCS#8 PEM: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is there and holds no RSA key. It was left as it is; where it is taken away, a new one is made.
    #[error("{path} is not an RSA key of 2,048 bits or more in PKCS#8 PEM")]
    NoRsa {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and holds no secret of webhooks. It was left as it is, because receivers may know it.
    #[error("{path} holds no secret of the form whsec_…")]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// The secret of webhooks is not the one whose sha-256 stands below it. It was left as it is.
    #[error(
        "{path}: its first line is not the secret whose sha-256 stands on the second; without that line it is taken"
    )]
    Altered {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// The keys of a data directory.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
    host: SigningKey,
    /// Held while a key is made, so that two threads that ask for the same one get the same one.
    making: Mutex<()>,
    /// The same for RSA keys, which take a tenth of a second: nobody else waits for that.
    making_rsa: Mutex<()>,
}

impl Keys {
    /// The keys under `data_dir`. The host's is made on the first start; it then survives power loss.
    pub fn open(data_dir: &Path) -> Result<Self, KeyError> {
        let dir = data_dir.join("keys");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|source| KeyError::Io { path: dir.clone(), source })?;
        let host = read_or_make(&dir.join("host.key"))?;
        Ok(Self { dir, host, making: Mutex::new(()), making_rsa: Mutex::new(()) })
    }

    /// The host's key, which signs the log's head.
    pub fn host(&self) -> &SigningKey {
        &self.host
    }

    /// An actor's key of this number, from 1, which signs its activities. Made when it is first asked for; it then survives
    /// power loss.
    pub fn actor(&self, name: &ActorName, number: u32) -> Result<SigningKey, KeyError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        read_or_make(&self.dir.join(actor_file(name, number)))
    }

    /// Removes an actor's key that it does not sign with any more.
    pub fn forget_actor(&self, name: &ActorName, number: u32) -> Result<(), KeyError> {
        self.forget(&actor_file(name, number))
    }

    fn forget(&self, file: &str) -> Result<(), KeyError> {
        let path = self.dir.join(file);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(KeyError::Io { path, source }),
        }
    }

    /// The secret of the cache of compiled modules. One that is missing or malformed is made anew: nothing is signed
    /// with it that anyone would miss.
    pub fn cache(&self) -> Result<[u8; 32], KeyError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.dir.join("cache.key");
        let io = |source| KeyError::Io { path: path.clone(), source };
        let found = durable::read_if_there(&path).map_err(io)?;
        if let Some(secret) = found.as_deref().and_then(|found| found.try_into().ok()) {
            return Ok(secret);
        }
        if found.is_some() {
            tracing::warn!(path = %path.display(), "the secret of the cache does not have 32 bytes; it is made anew");
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| io(io::Error::other(error)))?;
        durable::replace(&path, &secret, 0o600).map_err(io)?;
        Ok(secret)
    }

    /// The secret that signs webhooks to hosts that have none of their own. Made when it is first asked for; it then
    /// survives power loss.
    pub fn webhook(&self) -> Result<WebhookSecret, KeyError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.dir.join(WEBHOOK);
        if let Some(secret) = read_webhook(&path)? {
            return Ok(secret);
        }
        let io = |source| KeyError::Io { path: path.clone(), source };
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| io(io::Error::other(error)))?;
        let secret = WebhookSecret::from_bytes(bytes).reveal();
        let text = format!("{secret}\n{}\n", sum_of(&secret));
        durable::create_new(&path, text.as_bytes(), 0o600).map_err(io)?;
        read_webhook(&path)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))
    }
}

/// No actor's name has a dot.
fn actor_file(name: &ActorName, number: u32) -> String {
    match number {
        1 => format!("actor-{name}.key"),
        number => format!("actor-{name}.{number}.key"),
    }
}

/// The file of the secret that signs webhooks.
const WEBHOOK: &str = "webhook.secret";

/// The secret that signs webhooks, without making one; none before a host first ran on the directory.
pub fn webhook_secret(data_dir: &Path) -> Result<Option<WebhookSecret>, KeyError> {
    read_webhook(&data_dir.join("keys").join(WEBHOOK))
}

fn read_webhook(path: &Path) -> Result<Option<WebhookSecret>, KeyError> {
    let bytes = durable::read_if_there(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let no_secret = || KeyError::NoSecret { path: path.to_owned() };
    let text = str::from_utf8(&bytes).map_err(|_| no_secret())?.trim();
    let (secret, sum) = text.split_once('\n').map_or((text, None), |(secret, sum)| (secret, Some(sum)));
    // Earlier releases wrote no sum, and who has chosen a secret need not know of it.
    if sum.is_some_and(|sum| sum != sum_of(secret)) {
        return Err(KeyError::Altered { path: path.to_owned() });
    }
    secret.parse().map(Some).map_err(|_| no_secret())
}

/// Unlike a key, a secret with a bit turned is as good as any.
fn sum_of(secret: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(secret)))
}

/// What the keys of a data directory are, without making one.
#[derive(Debug, Default)]
pub struct FoundKeys {
    /// How many files hold what they should.
    pub readable: usize,
    /// Those that do not, and why.
    pub unreadable: Vec<KeyError>,
    /// Whether the host's own is among the files.
    pub has_host: bool,
}

/// Looks at the files under `keys/`, for an operator. No key is told.
pub fn examine(data_dir: &Path) -> FoundKeys {
    let (mut found, dir) = (FoundKeys::default(), data_dir.join("keys"));
    let files = match std::fs::read_dir(&dir) {
        Ok(files) => files,
        Err(source) => {
            found.unreadable.push(KeyError::Io { path: dir, source });
            return found;
        }
    };
    for path in files.filter_map(|file| Some(file.ok()?.path())) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        found.has_host |= name == "host.key";
        let read = match name {
            WEBHOOK => read_webhook(&path).map(drop),
            // One that is malformed is made anew.
            "cache.key" => Ok(()),
            _ if rsa::is_file(name) => rsa::read(&path, "").map(drop),
            _ if path.extension().is_some_and(|extension| extension == "key") => read(&path).map(drop),
            _ => continue,
        };
        match read {
            Ok(()) => found.readable += 1,
            Err(error) => found.unreadable.push(error),
        }
    }
    found
}

/// Looks at the files under `keys/`, if a host has made any.
pub(crate) fn check(data_dir: &Path) -> Result<(), KeyError> {
    if !data_dir.join("keys").exists() {
        return Ok(());
    }
    examine(data_dir).unreadable.into_iter().next().map_or(Ok(()), Err)
}

/// The host's key of a data directory, without making one.
pub(crate) fn read_host(data_dir: &Path) -> Result<Option<SigningKey>, KeyError> {
    read(&data_dir.join("keys/host.key"))
}

fn read_or_make(path: &Path) -> Result<SigningKey, KeyError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io(io::Error::other(error)))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key.to_pkcs8_pem(LineEnding::LF).expect("an ed25519 key is always PKCS#8");
    if durable::create_new(path, pem.as_bytes(), 0o600).map_err(io)? {
        return Ok(key);
    }
    read(path)?.ok_or_else(|| io(io::ErrorKind::NotFound.into()))
}

fn read(path: &Path) -> Result<Option<SigningKey>, KeyError> {
    let malformed = |reason: String| KeyError::Malformed { path: path.to_owned(), reason };
    let bytes = durable::read_if_there(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let pem = str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
    SigningKey::from_pkcs8_pem(pem).map(Some).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn site() -> ActorName {
        "site".parse().expect("a name")
    }

    #[test]
    fn keys_are_made_once_and_only_their_owner_reads_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Keys::open(dir.path()).expect("opened");
        let actor = first.actor(&site(), 1).expect("made");
        assert_ne!(first.host().to_bytes(), actor.to_bytes());

        let second = Keys::open(dir.path()).expect("opened again");
        assert_eq!(second.host().to_bytes(), first.host().to_bytes());
        assert_eq!(second.actor(&site(), 1).expect("read").to_bytes(), actor.to_bytes());
        for (name, mode) in [("keys", 0o700), ("keys/host.key", 0o600), ("keys/actor-site.key", 0o600)] {
            let found = std::fs::metadata(dir.path().join(name)).expect("there").permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
    }

    #[test]
    fn threads_that_ask_at_once_get_one_key() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::open(dir.path()).expect("opened");
        let made: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> =
                (0..4).map(|_| scope.spawn(|| keys.actor(&site(), 1).expect("made").to_bytes())).collect();
            asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(made.iter().all(|key| *key == made[0]));
    }

    #[test]
    fn the_secret_of_the_cache_is_kept_and_made_anew_where_it_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::open(dir.path()).expect("opened");
        let first = keys.cache().expect("made");
        assert_eq!(Keys::open(dir.path()).expect("opened again").cache().expect("read"), first);
        let path = dir.path().join("keys/cache.key");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);

        std::fs::write(&path, "short").expect("written");
        let second = keys.cache().expect("made anew");
        assert_ne!(second, first);
        std::fs::remove_file(&path).expect("removed");
        assert_ne!(keys.cache().expect("made anew"), second);
    }

    #[test]
    fn the_secret_of_webhooks_is_made_once_and_never_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::open(dir.path()).expect("opened");
        assert_eq!(webhook_secret(dir.path()).expect("read"), None);
        let secret = keys.webhook().expect("made");
        assert_eq!(keys.webhook().expect("read"), secret);
        assert_eq!(webhook_secret(dir.path()).expect("read").as_ref(), Some(&secret));
        let path = dir.path().join("keys/webhook.secret");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);

        let (mut bytes, shared) = (std::fs::read(&path).expect("read"), secret.reveal());
        bytes[10] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert!(matches!(keys.webhook(), Err(KeyError::Altered { .. })));
        std::fs::write(&path, format!("{shared}\n")).expect("as earlier releases wrote it");
        assert_eq!(keys.webhook().expect("read"), secret);

        std::fs::write(&path, "hunter2").expect("written");
        let refused = keys.webhook().expect_err("no secret").to_string();
        assert!(refused.contains("webhook.secret") && !refused.contains("hunter2"), "{refused}");
        assert_eq!(std::fs::read(&path).expect("read"), b"hunter2");
    }

    #[test]
    fn a_broken_key_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(Keys::open(dir.path()).expect("opened"));
        let path = dir.path().join("keys/host.key");
        std::fs::write(&path, "not a key").expect("written");
        assert!(matches!(Keys::open(dir.path()), Err(KeyError::Malformed { .. })));
        assert_eq!(std::fs::read(&path).expect("read"), b"not a key");
    }
}
