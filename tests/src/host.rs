//! A running host on a data directory.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Client,
    binary::{Output, rosehip, run},
};

/// The binary, serving. It is killed when dropped.
#[derive(Debug)]
pub struct Host {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
    token: Option<String>,
    environment: Vec<(String, String)>,
    arguments: Vec<&'static str>,
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

impl Host {
    /// Starts on a new data directory, with an operator.
    pub async fn start() -> Self {
        Self::start_configured("", &[]).await
    }

    /// The same with a configuration file and variables of its own.
    pub async fn start_configured(config: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_with(config, environment, &[]).await
    }

    /// Starts a host that federates with others on this machine, whose deliveries are tried again within seconds.
    pub async fn start_federating() -> Self {
        Self::start_federating_configured("").await
    }

    /// Starts a host that federates, with a behavior that answers what arrives: `tests/guests/answer`.
    pub async fn start_answering() -> Self {
        let host = Self::start_federating().await;
        let client = host.client();
        client.install("answer", crate::ANSWER).await.expect(201);
        let kinds = ["log", "activity"].map(|kind| serde_json::json!({ "kind": kind }));
        client.put("/behaviors/answer/policy", &serde_json::json!({ "effects": kinds })).await.expect(200);
        client.post("/behaviors/answer/enable", &serde_json::json!({})).await.expect(200);
        host
    }

    /// Starts a host that federates, with more of a configuration file.
    pub async fn start_federating_configured(config: &str) -> Self {
        let config = format!("[federation]\nbackoff_seconds = [1, 1, 1, 1, 1]\n{config}");
        Self::start_with(&config, &[], &["--dev-federation"]).await
    }

    async fn start_with(config: &str, environment: &[(&str, &str)], arguments: &[&'static str]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let arguments = arguments.to_vec();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut host = Self { dir, port: free_port(), child: None, token: None, environment, arguments };
        host.token = Some(host.add_user("olga", "operator"));
        std::fs::write(host.path("rosehip.toml"), config).expect("the configuration is written");
        host.serve().await;
        host
    }

    /// Adds a user and gives a token of theirs.
    pub fn add_user(&self, name: &str, role: &str) -> String {
        self.cli(&["user", "add", name, "--role", role, "--password-stdin"], "correct horse\n").ok();
        self.cli(&["token", "create", name], "").ok().trim().to_owned()
    }

    /// Starts on the data directory that is there.
    pub async fn serve(&mut self) {
        assert!(self.child.is_none(), "it serves already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let child = Command::new(rosehip())
            .arg("--data")
            .arg(self.data())
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
        self.until_ready().await;
    }

    async fn until_ready(&mut self) {
        let begun = Instant::now();
        let client = self.client().stranger();
        loop {
            let request = client.request(reqwest::Method::GET, "/readyz");
            if client.try_send(request).await.is_ok_and(|answer| answer.status.is_success()) {
                return;
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("a child"));
            assert!(ended.is_none(), "the host ended with {ended:?}: {}", self.log());
            assert!(begun.elapsed() < Duration::from_mins(1), "the host is not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where its data lie.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What the host has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("stderr.log")
    }

    /// Its origin.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its operator.
    pub fn client(&self) -> Client {
        Client::new(&self.url(), self.token.as_deref())
    }

    /// That operator's token.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("it was made when the host started")
    }

    /// Another of its users.
    pub fn client_of(&self, token: &str) -> Client {
        Client::new(&self.url(), Some(token))
    }

    /// Runs a command of the binary on the data directory.
    pub fn cli(&self, args: &[&str], input: &str) -> Output {
        run(&self.data(), args, input)
    }

    /// The process id of the host that serves.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it serves").id()
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Has the process abort, as a defect below it would.
    pub fn abort(&mut self) {
        let mut child = self.child.take().expect("it serves");
        let sent = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        assert_eq!(child.wait().expect("it ends").code(), None, "a signal ended it");
    }

    /// Waits until the process has ended by itself. Its exit code; none where a signal ended it, such as its own abort.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.take().expect("it serves").wait().expect("it ends").code()
    }

    /// Asks the process to end and waits until it has.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("it serves");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        child.wait().expect("it ends").code()
    }

    /// Ends the process at once and starts it again.
    pub async fn kill_and_serve(&mut self) {
        self.kill();
        self.serve().await;
    }

    /// Verifies the log with the binary; the host may run meanwhile.
    pub fn verify(&self) -> Output {
        self.cli(&["verify", "--json"], "")
    }

    /// A path within the data directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.data().join(name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}
