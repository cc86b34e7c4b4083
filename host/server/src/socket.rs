//! The operator's socket in a data directory.
//!
//! The kernel takes some hundred bytes of path for a socket. A longer one is reached, on Linux, through a descriptor
//! of the directory it is in.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

/// The socket's name in the data directory.
const NAME: &str = "rosehip.sock";

/// Bytes of path that every system takes for a socket (`sun_path` less its zero byte).
const LONGEST: usize = 103;

/// Where a data directory's socket is.
#[derive(Debug, Clone)]
pub struct SocketPath(PathBuf);

impl SocketPath {
    /// The socket of a data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self(data_dir.join(NAME))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a host listens on it. One that was killed leaves a socket behind that nobody does.
    pub async fn answers(&self) -> bool {
        let Ok(short) = self.short() else { return false };
        UnixStream::connect(short.path()).await.is_ok()
    }

    /// A path that the kernel takes.
    pub fn short(&self) -> io::Result<ShortPath> {
        if self.0.as_os_str().len() <= LONGEST || !cfg!(target_os = "linux") {
            return Ok(ShortPath { path: self.0.clone(), _directory: None });
        }
        let directory = File::open(self.0.parent().unwrap_or(Path::new(".")))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()));
        Ok(ShortPath { path, _directory: Some(directory) })
    }
}

/// A path to the socket that holds as long as this does.
#[derive(Debug)]
pub struct ShortPath {
    path: PathBuf,
    _directory: Option<File>,
}

impl ShortPath {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_is_reached_however_long_its_path_is() {
        let root = tempfile::tempdir().expect("a directory");
        let deep = root.path().join("d".repeat(100)).join("e".repeat(100));
        std::fs::create_dir_all(&deep).expect("made");
        let socket = SocketPath::of(&deep);
        let _listener = UnixListener::bind(socket.short().expect("short").path()).expect("bound");
        assert!(socket.path().exists());
        UnixStream::connect(socket.short().expect("short").path()).expect("connected");
    }
}
