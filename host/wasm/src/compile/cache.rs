//! Artifacts on disk, for the next start: `{module digest}.{key}`, each a tag and the artifact that it is of.
//!
//! A key is the sha-256 of the format, the version of the rules of admission, the module's digest and the compiler's [`Fingerprint`]; a tag is the HMAC-SHA-256
//! of key and artifact under the host's secret. Its tag is checked over the bytes that are then loaded, which are
//! a copy that cannot change, so that whoever can write here, but has not the secret, can only make the host compile again. Nothing
//! here is needed: a file that is missing, altered or of another compiler is a miss, and one that cannot be written is
//! a warning.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rosehip_core::{ids::Digest, limits};
use sha2::{Digest as _, Sha256};

use super::{
    artifact::{Artifact, PIECE_BYTES},
    fingerprint::Fingerprint,
    image::Image,
};
use crate::admission;

/// What a key is made of begins with this; another format of files has another.
const FORMAT: &[u8] = b"rosehip.artifact.2";
/// Bytes of a tag.
const TAG_BYTES: usize = 32;
/// Largest file, in bytes.
const FILE_BYTES: usize = TAG_BYTES + limits::COMPILE_ARTIFACT_BYTES;

/// What the tags of a cache are made with. Whoever knows it can have the host run any machine code.
#[derive(Clone)]
pub struct CacheSecret(pub [u8; 32]);

impl fmt::Debug for CacheSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSecret").finish_non_exhaustive()
    }
}

/// A cache of artifacts on disk.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    /// The directory, which holds nothing else. It is made where it is missing.
    pub dir: PathBuf,
    /// What its tags are made with. With another secret it is as good as empty.
    pub secret: CacheSecret,
    /// Bytes of all files together; the least recently used leaves first. The one written last stays.
    pub bytes: u64,
}

/// The cache of one engine.
pub(super) struct Cache {
    dir: PathBuf,
    mac: Hmac<Sha256>,
    fingerprint: Fingerprint,
    most_bytes: u64,
    /// Held while old files are removed.
    sweeping: Mutex<()>,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Why a file gave no artifact.
#[derive(Debug, thiserror::Error)]
enum Miss {
    #[error("there is none")]
    Absent,
    #[error("its tag does not fit its bytes")]
    Altered,
    #[error("it is larger than an artifact may be")]
    TooLarge,
    #[error(transparent)]
    Io(io::Error),
    #[error("there is no room for it in memory: {0}")]
    NoRoom(io::Error),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Absent } else { Self::Io(error) }
    }
}

impl Cache {
    /// The artifacts that a compiler with this fingerprint made.
    pub(super) fn new(options: CacheOptions, fingerprint: Fingerprint) -> Self {
        let CacheOptions { dir, secret, bytes } = options;
        let mac = Hmac::new_from_slice(&secret.0).expect("HMAC takes a key of any length");
        Self { dir, mac, fingerprint, most_bytes: bytes, sweeping: Mutex::new(()) }
    }

    /// What was kept of a module. A file that does not hold it is removed.
    pub(super) fn get(&self, digest: Digest) -> Option<Artifact> {
        let path = self.path_of(digest);
        match self.read(&path, digest) {
            Ok(artifact) => Some(artifact),
            Err(Miss::Absent) => None,
            Err(miss @ (Miss::Altered | Miss::TooLarge | Miss::Io(_))) => {
                tracing::warn!(path = %path.display(), reason = %miss, "a compiled module is not used and is removed");
                remove(&path);
                None
            }
            Err(miss @ Miss::NoRoom(_)) => {
                tracing::warn!(path = %path.display(), reason = %miss, "a compiled module is not used");
                None
            }
        }
    }

    fn read(&self, path: &Path, digest: Digest) -> Result<Artifact, Miss> {
        let mut file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if length > FILE_BYTES {
            return Err(Miss::TooLarge);
        }
        let Some(rest) = length.checked_sub(TAG_BYTES) else { return Err(Miss::Altered) };
        let mut tag = [0; TAG_BYTES];
        file.read_exact(&mut tag)?;
        let mut mac = self.mac_of(digest);
        let mut left = rest;
        let mut piece = vec![0; PIECE_BYTES];
        let image = Image::of(|image| {
            // No more than there was: a file that grows while it is read is not what was written.
            while left > 0 {
                let most = left.min(PIECE_BYTES);
                let length = file.read(&mut piece[..most])?;
                if length == 0 {
                    return Err(Miss::Altered);
                }
                mac.update(&piece[..length]);
                image.write_all(&piece[..length]).map_err(Miss::NoRoom)?;
                left -= length;
            }
            Ok(())
        })?;
        // It compares in constant time.
        mac.verify_slice(&tag).map_err(|_| Miss::Altered)?;
        // What was used last is removed last. Where the time cannot be set it may leave early.
        let _ = file.set_modified(SystemTime::now());
        Ok(Artifact::vouched_for(image))
    }

    /// Keeps what a module was compiled to, in place of what was there, and removes what has not been used for longest
    /// where there is no more room. One thread at a time keeps a module.
    pub(super) fn put(&self, digest: Digest, artifact: &Artifact) {
        let path = self.path_of(digest);
        if let Err(error) = self.write(&path, digest, artifact) {
            tracing::warn!(path = %path.display(), %error, "a compiled module is not kept for the next start");
            remove(&temporary(&path));
            return;
        }
        if let Err(error) = self.sweep(&path) {
            tracing::warn!(path = %self.dir.display(), %error, "old compiled modules cannot be removed");
        }
    }

    /// The file is moved into its place, so that it is there whole or not at all while the host lives. After a power cut
    /// its tag tells, so nothing waits for the disk.
    fn write(&self, path: &Path, digest: Digest, artifact: &Artifact) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let temporary = temporary(path);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let mut mac = self.mac_of(digest);
        artifact.read(|piece| {
            mac.update(piece);
            Ok(())
        })?;
        file.write_all(&mac.finalize().into_bytes())?;
        artifact.read(|piece| file.write_all(piece))?;
        fs::rename(&temporary, path)
    }

    /// Removes the files that have not been used for longest, until the rest takes no more than it may.
    fn sweep(&self, written: &Path) -> io::Result<()> {
        let _sweeping = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = Vec::new();
        let mut total: u64 = 0;
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Another thread may have moved or removed it.
            let Ok(metadata) = entry.metadata() else { continue };
            total = total.saturating_add(metadata.len());
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        files.sort_unstable();
        for (_, bytes, path) in files {
            if total <= self.most_bytes {
                break;
            }
            if path != written {
                remove(&path);
                total -= bytes;
            }
        }
        Ok(())
    }

    /// Removes all that is kept of a module, also by other compilers.
    pub(super) fn forget(&self, digest: Digest) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let prefix = format!("{digest}.");
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                remove(&entry.path());
            }
        }
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        use fmt::Write as _;
        let mut name = format!("{digest}.");
        // The tag covers all of the key; the name need only tell compilers apart.
        for byte in &self.key_of(digest)[..8] {
            write!(name, "{byte:02x}").expect("a string takes all text");
        }
        self.dir.join(name)
    }

    fn key_of(&self, digest: Digest) -> [u8; 32] {
        let key = Sha256::new_with_prefix(FORMAT).chain_update([admission::VERSION]);
        key.chain_update(digest.as_bytes()).chain_update(self.fingerprint.as_bytes()).finalize().into()
    }

    /// The beginning of an artifact's tag.
    fn mac_of(&self, digest: Digest) -> Hmac<Sha256> {
        self.mac.clone().chain_update(self.key_of(digest))
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    temporary.into()
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a compiled module cannot be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmtime::Engine;

    use super::*;
    use crate::{config, guest::Kind};

    const NO_LIMIT: u64 = u64::MAX;
    const SECRET: CacheSecret = CacheSecret([7; 32]);

    struct Kept {
        dir: tempfile::TempDir,
        engine: Engine,
    }

    impl Kept {
        fn new() -> Self {
            let engine = Engine::new(&config::of_compiler()).expect("the engine starts");
            Self { dir: tempfile::tempdir().expect("a directory"), engine }
        }

        fn cache(&self, secret: CacheSecret, bytes: u64) -> Cache {
            let dir = self.dir.path().join("cache");
            Cache::new(CacheOptions { dir, secret, bytes }, Fingerprint::of(&self.engine))
        }

        /// Keeps a core module whose one function returns `value`.
        fn keep(&self, cache: &Cache, value: u8) -> (Digest, Artifact) {
            let wasm = wat::parse_str(format!("(module (func (result i32) i32.const {value}))")).expect("WAT");
            let artifact = Artifact::compile(&self.engine, Kind::Core, &wasm).expect("it compiles");
            cache.put(Digest::of(&wasm), &artifact);
            (Digest::of(&wasm), artifact)
        }

        fn files(&self) -> usize {
            fs::read_dir(self.dir.path().join("cache")).expect("listed").count()
        }
    }

    fn bytes(artifact: &Artifact) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = artifact.read(|piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        read.expect("read");
        bytes
    }

    #[test]
    fn what_is_kept_is_found_and_loads() {
        let kept = Kept::new();
        let (digest, artifact) = kept.keep(&kept.cache(SECRET, NO_LIMIT), 1);
        let found = kept.cache(SECRET, NO_LIMIT).get(digest).expect("a hit");
        assert_eq!(bytes(&found), bytes(&artifact));
        found.load(&kept.engine, Kind::Core).expect("it loads");
        assert!(found.load(&kept.engine, Kind::Component).is_err(), "a module is no component");
        assert!(kept.cache(SECRET, NO_LIMIT).get(Digest::of(b"other")).is_none());
    }

    #[test]
    fn a_file_with_any_byte_changed_is_a_miss_and_is_removed() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (digest, _) = kept.keep(&cache, 1);
        let path = cache.path_of(digest);
        let whole = fs::read(&path).expect("read");
        let stride = whole.len() / 200;
        for at in (0..TAG_BYTES + 8).chain((TAG_BYTES..whole.len()).step_by(stride)).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("written");
            assert!(cache.get(digest).is_none(), "byte {at}");
            assert!(!path.exists(), "byte {at}");
        }
        for length in [0, 1, TAG_BYTES - 1, TAG_BYTES, whole.len() - 1] {
            fs::write(&path, &whole[..length]).expect("written");
            assert!(cache.get(digest).is_none(), "cut to {length}");
        }
        fs::write(&path, [&whole[..], b"0"].concat()).expect("written");
        assert!(cache.get(digest).is_none(), "longer");
        fs::write(&path, &whole).expect("written");
        assert!(cache.get(digest).is_some(), "whole again");
    }

    #[test]
    fn a_file_of_another_module_secret_or_compiler_is_a_miss() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (one, _) = kept.keep(&cache, 1);
        let (two, _) = kept.keep(&cache, 2);
        fs::copy(cache.path_of(one), cache.path_of(two)).expect("copied");
        assert!(cache.get(two).is_none(), "an artifact of another module");
        assert!(kept.cache(CacheSecret([8; 32]), NO_LIMIT).get(one).is_none(), "a tag by another secret");

        let (one, _) = kept.keep(&cache, 1);
        let mut other = config::of_compiler();
        other.consume_fuel(false);
        let other = Fingerprint::of(&Engine::new(&other).expect("the engine starts"));
        let upgraded = Cache { fingerprint: other, ..kept.cache(SECRET, NO_LIMIT) };
        assert!(upgraded.get(one).is_none());
        fs::copy(cache.path_of(one), upgraded.path_of(one)).expect("copied");
        assert!(upgraded.get(one).is_none(), "an artifact of another compiler");
        assert!(cache.get(one).is_some());
    }

    #[test]
    fn a_file_too_large_is_not_read() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (digest, _) = kept.keep(&cache, 1);
        let length = u64::try_from(FILE_BYTES).expect("fits") + 1;
        File::options().write(true).open(cache.path_of(digest)).expect("there").set_len(length).expect("grown");
        assert!(cache.get(digest).is_none());
        assert!(!cache.path_of(digest).exists());
    }

    #[test]
    fn the_least_recently_used_leaves() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let used = |digest, seconds| {
            let file = File::open(cache.path_of(digest)).expect("there");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
        };
        let (one, _) = kept.keep(&cache, 1);
        let (two, _) = kept.keep(&cache, 2);
        used(one, 1);
        used(two, 2);
        assert!(cache.get(one).is_some(), "which is a use of it");
        let size = fs::metadata(cache.path_of(one)).expect("there").len();
        let (three, _) = kept.keep(&kept.cache(SECRET, 2 * size + size / 2), 3);
        assert!(cache.get(two).is_none());
        assert!(cache.get(one).is_some() && cache.get(three).is_some());
        let (four, _) = kept.keep(&kept.cache(SECRET, 1), 4);
        assert_eq!(kept.files(), 1);
        assert!(cache.get(four).is_some(), "the last one stays");
    }

    #[test]
    fn a_module_is_forgotten_whichever_compiler_made_it() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (one, _) = kept.keep(&cache, 1);
        let (two, _) = kept.keep(&cache, 2);
        fs::write(kept.dir.path().join(format!("cache/{one}.0011223344556677")), "of another compiler")
            .expect("written");
        cache.forget(one);
        assert_eq!(kept.files(), 1);
        assert!(cache.get(two).is_some());
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_done_without() {
        let kept = Kept::new();
        fs::write(kept.dir.path().join("cache"), "not a directory").expect("written");
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (digest, _) = kept.keep(&cache, 1);
        assert!(cache.get(digest).is_none());
        cache.forget(digest);
    }

    #[test]
    fn what_a_crash_left_half_written_is_written_over() {
        let kept = Kept::new();
        let cache = kept.cache(SECRET, NO_LIMIT);
        let (digest, _) = kept.keep(&cache, 1);
        fs::write(temporary(&cache.path_of(digest)), "half").expect("written");
        kept.keep(&cache, 1);
        assert_eq!(kept.files(), 1);
        assert!(cache.get(digest).is_some());
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{SECRET:?}"), "CacheSecret { .. }");
    }
}
