//! The original bytes of every module a flow may still need, `modules/{digest}.wasm`. Compiled code is a cache of
//! someone else's; this is what it is made from.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rosehip_core::ids::Digest;

use crate::durable;

/// Why a module's bytes are not there.
#[derive(Debug, thiserror::Error)]
pub enum ModuleFileError {
    /// The file does not hold what its name says. It was left as it is.
    #[error("module {digest}: its file holds bytes whose digest is {found}")]
    Altered {
        /// The module.
        digest: Digest,
        /// The digest of what is there.
        found: Digest,
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

/// The modules of a data directory.
#[derive(Debug)]
pub struct ModuleFiles {
    dir: PathBuf,
    /// Held while a file is written: two uploads of the same bytes share its temporary name.
    writing: Mutex<()>,
}

impl ModuleFiles {
    /// The modules under `data_dir`.
    pub fn open(data_dir: &Path) -> Result<Self, ModuleFileError> {
        let dir = data_dir.join("modules");
        fs::create_dir_all(&dir).map_err(|source| ModuleFileError::Io { path: dir.clone(), source })?;
        Ok(Self { dir, writing: Mutex::new(()) })
    }

    /// Keeps a module's bytes under their digest. After `Ok` they survive power loss. Keeping the same again is fine,
    /// and repairs a file that was altered.
    pub fn put(&self, wasm: &[u8]) -> Result<Digest, ModuleFileError> {
        let digest = Digest::of(wasm);
        let path = self.path_of(digest);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        durable::replace(&path, wasm, 0o600).map_err(|source| ModuleFileError::Io { path, source })?;
        Ok(digest)
    }

    /// A module's bytes, hashed again; none if it was never kept.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, ModuleFileError> {
        let path = self.path_of(digest);
        let Some(wasm) = durable::read_if_there(&path).map_err(|source| ModuleFileError::Io { path, source })? else {
            return Ok(None);
        };
        match Digest::of(&wasm) {
            found if found == digest => Ok(Some(wasm)),
            found => Err(ModuleFileError::Altered { digest, found }),
        }
    }

    /// Every module that is kept, in no order.
    pub fn list(&self) -> Result<Vec<Digest>, ModuleFileError> {
        let io = |source| ModuleFileError::Io { path: self.dir.clone(), source };
        let mut digests = Vec::new();
        for file in fs::read_dir(&self.dir).map_err(io)? {
            let name = file.map_err(io)?.file_name();
            digests.extend(name.to_str().and_then(|name| name.strip_suffix(".wasm")?.parse::<Digest>().ok()));
        }
        Ok(digests)
    }

    /// Forgets a module's bytes. Forgetting what is not there is fine.
    pub fn remove(&self, digest: Digest) -> Result<(), ModuleFileError> {
        let path = self.path_of(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => durable::sync_dir(&self.dir),
        }
        .map_err(|source| ModuleFileError::Io { path, source })
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }
}

/// Holds every module that is kept in a data directory against its name. Returns how many there are.
pub(crate) fn check(data_dir: &Path) -> Result<usize, ModuleFileError> {
    let files = ModuleFiles { dir: data_dir.join("modules"), writing: Mutex::default() };
    if !files.dir.exists() {
        return Ok(0);
    }
    let digests = files.list()?;
    digests.iter().try_for_each(|digest| files.get(*digest).map(drop))?;
    Ok(digests.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_under_their_digest() {
        let dir = tempfile::tempdir().expect("a directory");
        let modules = ModuleFiles::open(dir.path()).expect("opened");
        let digest = modules.put(b"\0asm").expect("kept");
        assert_eq!(modules.get(digest).expect("read").as_deref(), Some(&b"\0asm"[..]));
        assert_eq!(modules.list().expect("listed"), [digest]);
        modules.remove(digest).expect("removed");
        modules.remove(digest).expect("removed again");
        assert_eq!(modules.get(digest).expect("read"), None);
    }

    #[test]
    fn altered_bytes_are_never_given_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let modules = ModuleFiles::open(dir.path()).expect("opened");
        let digest = modules.put(b"\0asm").expect("kept");
        fs::write(dir.path().join(format!("modules/{digest}.wasm")), b"\0asn").expect("altered");
        assert!(matches!(modules.get(digest), Err(ModuleFileError::Altered { .. })));
        modules.put(b"\0asm").expect("repaired");
        assert!(modules.get(digest).expect("read").is_some());
    }
}
