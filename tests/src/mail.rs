//! A server of SMTP in a process of its own: aiosmtpd, which `scripts/mail-server` puts into the target directory.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Certificate, free_port};

/// A running server. What it takes lies in a maildir. It is killed when dropped.
#[derive(Debug)]
pub struct MailServer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    child: Child,
    dir: TempDir,
}

/// A message that it took.
#[derive(Debug, Clone)]
pub struct Message {
    /// All of it.
    pub text: String,
}

impl Message {
    /// The header of this name, unfolded; empty where there is none.
    pub fn header(&self, name: &str) -> String {
        let head = self.text.split("\n\n").next().unwrap_or_default().replace("\n ", " ").replace("\n\t", " ");
        let prefix = format!("{}: ", name.to_lowercase());
        let found = head.lines().find(|line| line.to_lowercase().starts_with(&prefix));
        found.map_or_else(String::new, |line| line[prefix.len()..].to_owned())
    }
}

impl MailServer {
    /// Starts one that speaks plain SMTP.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one that insists on STARTTLS with this certificate.
    pub fn start_with_tls(certificate: &Certificate) -> Self {
        let option = |name: &str, path: &Path| [name.to_owned(), path.display().to_string()];
        Self::start_with(&[option("--tlscert", &certificate.path), option("--tlskey", &certificate.key)].concat())
    }

    fn start_with(options: &[String]) -> Self {
        let (dir, port) = (TempDir::new().expect("a directory"), free_port());
        let child = Command::new(python())
            .args(["-m", "aiosmtpd", "--nosetuid", "--listen", &format!("127.0.0.1:{port}")])
            .args(options)
            .args(["--class", "aiosmtpd.handlers.Mailbox"])
            .arg(dir.path().join("mail"))
            .stdin(Stdio::null())
            .spawn()
            .expect("the mail server starts");
        let server = Self { port, child, dir };
        server.until_ready();
        server
    }

    fn until_ready(&self) {
        let begun = Instant::now();
        loop {
            let greeting = TcpStream::connect(("127.0.0.1", self.port)).and_then(|stream| {
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line).map(|_| line)
            });
            if greeting.is_ok_and(|line| line.starts_with("220")) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the mail server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has taken so far.
    pub fn messages(&self) -> Vec<Message> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("mail/new")) else { return Vec::new() };
        let text = |path: PathBuf| fs::read_to_string(path).expect("a message is text").replace("\r\n", "\n");
        entries.map(|entry| Message { text: text(entry.expect("an entry").path()) }).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter that has aiosmtpd.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/mail-server");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("scripts/mail-server runs");
        assert!(output.status.success(), "scripts/mail-server says above what is missing");
        String::from_utf8(output.stdout).expect("a path").trim().into()
    })
}
