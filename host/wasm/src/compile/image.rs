//! Bytes in an anonymous file of memory that can no longer change.
//!
//! wasmtime maps a file as it is, and copies what it is given as bytes. Machine code takes tens of MiB, so a copy beside
//! what is mapped is worth avoiding, and so is holding pages that no call touches.

use std::{
    fs::File,
    io::{self, Read},
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
    path::PathBuf,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// A sealed file of memory (`memfd_create(2)`), which nobody can write, cut or extend, this process included.
pub(super) struct Image(File);

impl Image {
    /// What `write` writes, sealed.
    pub(super) fn of<E: From<io::Error>>(write: impl FnOnce(&mut File) -> Result<(), E>) -> Result<Self, E> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let mut file = File::from(memfd_create("rosehip-artifact", flags).map_err(io::Error::from)?);
        write(&mut file)?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        fcntl_add_seals(&file, seals).map_err(io::Error::from)?;
        Ok(Self(file))
    }

    /// The bytes from the first on, however many readers there are.
    pub(super) fn reader(&self) -> impl Read + '_ {
        Reader { file: &self.0, at: 0 }
    }

    /// Leads to the bytes for as long as this value lives.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

struct Reader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[test]
    fn what_was_written_is_read_and_stays() {
        let image = Image::of(|file| file.write_all(b"code")).expect("written");
        for _ in 0..2 {
            let mut bytes = Vec::new();
            image.reader().read_to_end(&mut bytes).expect("read");
            assert_eq!(bytes, b"code");
        }
        assert_eq!(fs::read(image.path()).expect("read"), b"code");
        assert!(image.0.write_at(b"x", 0).is_err() && image.0.set_len(1).is_err() && image.0.set_len(9).is_err());
        assert!(File::options().write(true).open(image.path()).is_ok_and(|other| other.write_at(b"x", 0).is_err()));
    }

    #[test]
    fn what_cannot_be_written_is_no_image() {
        assert!(Image::of(|_| Err(io::Error::other("no"))).is_err());
    }
}
