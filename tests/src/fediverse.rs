//! Servers of others, in processes of their own: programs on Fedify and bovine, which `scripts/fediverse-peers` puts into the
//! target directory. What they are is in `tests/fediverse`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::free_port;

/// What a server is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// Fedify 2.3, which signs by RFC 9421 with RSA and proves what it says.
    Fedify,
    /// bovine 0.5, which signs and verifies by draft-cavage.
    Bovine,
}

/// A server with one actor. It is killed when dropped.
#[derive(Debug)]
pub struct FediversePeer {
    software: Software,
    port: u16,
    dir: TempDir,
    child: Option<Child>,
}

impl FediversePeer {
    /// Starts a server that knows nobody.
    pub async fn start(software: Software) -> Self {
        let mut peer = Self { software, port: free_port(), dir: TempDir::new().expect("a directory"), child: None };
        if software == Software::Fedify {
            // Node looks for packages beside the program.
            fs::copy(source("fedify/peer.mjs"), peer.dir.path().join("peer.mjs")).expect("copied");
            let packages = peer.dir.path().join("node_modules");
            std::os::unix::fs::symlink(tools().join("fedify/node_modules"), packages).expect("linked");
        }
        peer.serve().await;
        peer
    }

    async fn serve(&mut self) {
        let mut command = match self.software {
            Software::Fedify => {
                let mut command = Command::new(tools().join("fedify/node"));
                command.arg(self.dir.path().join("peer.mjs"));
                command
            }
            Software::Bovine => {
                let mut command = Command::new(tools().join("bovine/bin/python"));
                command.arg(source("bovine/peer.py"));
                command
            }
        };
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let child = command
            .args([&self.port.to_string()])
            .arg(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a handle"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
        let begun = Instant::now();
        while self.ask("state").await.is_none() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child"));
            assert!(ended.is_none(), "the server ended with {ended:?}: {}", self.log());
            assert!(begun.elapsed() < Duration::from_mins(2), "the server does not answer: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the process at once and starts it again.
    pub async fn kill_and_serve(&mut self) {
        self.kill();
        self.serve().await;
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its actor.
    pub fn actor(&self) -> String {
        let path = match self.software {
            Software::Fedify => "/users/bot",
            Software::Bovine => "/actor",
        };
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What its actor knows: `followers`, `following`, and what its `inbox` took, each with the form of its `signature`.
    pub async fn state(&self) -> Value {
        self.ask("state").await.unwrap_or_else(|| panic!("the server does not answer: {}", self.log()))
    }

    /// Has its actor do something.
    pub async fn control(&self, what: &str, with: Value) -> Value {
        let http = client();
        let answer = http.post(self.url(what)).json(&with).send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{what}: {} {}", answer.status(), self.log());
        answer.json().await.expect("JSON")
    }

    /// Has its actor follow another.
    pub async fn follow(&self, actor: &str) -> Value {
        self.control("follow", json!({ "actor": actor })).await
    }

    async fn ask(&self, what: &str) -> Option<Value> {
        let answer = client().get(self.url(what)).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    fn url(&self, what: &str) -> String {
        format!("http://127.0.0.1:{}/control/{what}", self.port)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

impl Drop for FediversePeer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("a client")
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fediverse").join(path)
}

/// The folder that has the servers.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/fediverse-peers");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("scripts/fediverse-peers runs");
        assert!(output.status.success(), "scripts/fediverse-peers says above what is missing");
        String::from_utf8(output.stdout).expect("a path").trim().into()
    })
}
