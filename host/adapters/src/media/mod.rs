//! The bytes of images, `media/{digest}`, each under the sha-256 of what is in it. Which of them there are is in the log:
//! an object `Image/{digest}` stands for each.

mod picture;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rosehip_core::{
    event::Event,
    ids::{Digest, ObjectKey},
    log::StoredEntry,
};

pub use picture::{Format, InvalidPicture, Picture};

use crate::durable;

/// The type of the objects that stand for images.
pub const IMAGE: &str = "Image";

/// Why an image's bytes are not there.
#[derive(Debug, thiserror::Error)]
pub enum MediaFileError {
    /// The file does not hold what its name says.
    #[error("image {digest}: its file holds bytes whose digest is {found}")]
    Altered {
        /// The image.
        digest: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// There is no file.
    #[error("image {0}: its file is missing")]
    Missing(Digest),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// The images of a data directory.
#[derive(Debug)]
pub struct MediaFiles {
    dir: PathBuf,
    /// Held while a file is written: two uploads of the same bytes share its temporary name.
    writing: Mutex<()>,
}

impl MediaFiles {
    /// The images under `data_dir`.
    pub fn open(data_dir: &Path) -> Result<Self, MediaFileError> {
        let dir = media_path(data_dir);
        fs::create_dir_all(&dir).map_err(|source| MediaFileError::Io { path: dir.clone(), source })?;
        Ok(Self { dir, writing: Mutex::new(()) })
    }

    /// Keeps an image's bytes under their digest. After `Ok` they survive power loss.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, MediaFileError> {
        let digest = Digest::of(bytes);
        let path = self.path_of(digest);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        durable::replace(&path, bytes, 0o600).map_err(|source| MediaFileError::Io { path, source })?;
        Ok(digest)
    }

    /// An image's bytes, hashed again; none if it is not kept.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>, MediaFileError> {
        let path = self.path_of(digest);
        let Some(bytes) = durable::read_if_there(&path).map_err(|source| MediaFileError::Io { path, source })? else {
            return Ok(None);
        };
        match Digest::of(&bytes) {
            found if found == digest => Ok(Some(bytes)),
            found => Err(MediaFileError::Altered { digest, found }),
        }
    }

    /// Every image that is kept, in no order.
    pub fn list(&self) -> Result<Vec<Digest>, MediaFileError> {
        let io = |source| MediaFileError::Io { path: self.dir.clone(), source };
        let mut digests = Vec::new();
        for file in fs::read_dir(&self.dir).map_err(io)? {
            digests.extend(file.map_err(io)?.file_name().to_str().and_then(|name| name.parse::<Digest>().ok()));
        }
        Ok(digests)
    }

    /// Forgets an image's bytes. Forgetting what is not there is fine.
    pub fn remove(&self, digest: Digest) -> Result<(), MediaFileError> {
        let path = self.path_of(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => durable::sync_dir(&self.dir),
        }
        .map_err(|source| MediaFileError::Io { path, source })
    }

    fn path_of(&self, digest: Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }
}

/// The folder of images in a data directory.
pub fn media_path(data_dir: &Path) -> PathBuf {
    data_dir.join("media")
}

/// The object that stands for an image.
pub fn image_key(digest: Digest) -> ObjectKey {
    format!("{IMAGE}/{digest}").parse().expect("a type name and hex digits are an object's key")
}

/// The image that an object stands for; none where it stands for something else.
pub fn digest_of(key: &ObjectKey) -> Option<Digest> {
    if key.kind.as_str() == IMAGE { key.id.as_str().parse().ok() } else { None }
}

/// The images that a log names, found entry by entry.
#[derive(Debug, Default)]
pub struct NamedImages(BTreeSet<Digest>);

impl NamedImages {
    /// Takes in the next entry of the log.
    pub fn take(&mut self, entry: &StoredEntry) {
        let stream = &entry.header.stream.0;
        let Some(digest) = stream.strip_prefix("object:Image/").and_then(|id| id.parse::<Digest>().ok()) else {
            return;
        };
        let Some((_, body)) = &entry.body else { return };
        match Event::decode(&entry.header.kind, body) {
            Ok(Event::ObjectRevised(revised)) if revised.object.exists() => self.0.insert(digest),
            Ok(_) | Err(_) => self.0.remove(&digest),
        };
    }

    /// Holds the files of a data directory against them: each has to be there as it was kept.
    pub fn check(&self, data_dir: &Path) -> Result<u64, MediaFileError> {
        let files = MediaFiles { dir: media_path(data_dir), writing: Mutex::default() };
        for digest in &self.0 {
            files.get(*digest)?.ok_or(MediaFileError::Missing(*digest))?;
        }
        Ok(self.0.len() as u64)
    }

    /// Removes the files that the log does not name.
    pub fn sweep(&self, data_dir: &Path) -> Result<(), MediaFileError> {
        let files = MediaFiles::open(data_dir)?;
        for digest in files.list()?.into_iter().filter(|digest| !self.0.contains(digest)) {
            files.remove(digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_under_their_digest_and_altered_ones_are_never_given_out() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = MediaFiles::open(dir.path()).expect("opened");
        let digest = files.put(b"a rose").expect("kept");
        assert_eq!(files.get(digest).expect("read").as_deref(), Some(&b"a rose"[..]));
        assert_eq!(files.list().expect("listed"), [digest]);
        fs::write(media_path(dir.path()).join(digest.to_string()), b"a nose").expect("altered");
        assert!(matches!(files.get(digest), Err(MediaFileError::Altered { .. })));
        let named = NamedImages([digest].into());
        assert!(matches!(named.check(dir.path()), Err(MediaFileError::Altered { .. })));
        NamedImages::default().sweep(dir.path()).expect("swept");
        assert_eq!(files.list().expect("listed"), []);
        assert!(matches!(named.check(dir.path()), Err(MediaFileError::Missing(_))));
    }

    #[test]
    fn only_images_with_a_digest_are_files() {
        let digest = Digest::of(b"x");
        assert_eq!(digest_of(&image_key(digest)), Some(digest));
        assert_eq!(digest_of(&"Image/rose".parse().expect("a key")), None);
        assert_eq!(digest_of(&format!("Note/{digest}").parse().expect("a key")), None);
    }
}
