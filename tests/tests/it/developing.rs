//! `rosehip dev`: a file is saved, and the module and what it does otherwise are there.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rosehip_tests::{Client, Host, rosehip};
use serde_json::{Value, json};

use crate::rehearsal::{Does, Project};

/// A `rosehip dev` that runs. It is killed when dropped.
struct Dev {
    child: Child,
    lines: Receiver<String>,
    unread: Vec<String>,
}

impl Dev {
    fn start(project: &Project, data: &Path) -> Self {
        Self::start_with(project, data, &[])
    }

    fn start_with(project: &Project, data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(rosehip())
            .arg("--data")
            .arg(data)
            .args(["dev", "--listen", "127.0.0.1:0"])
            .args(more)
            .current_dir(project.dir())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (sender, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("stdout is piped")),
            Box::new(child.stderr.take().expect("stderr is piped")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines, unread: Vec::new() }
    }

    /// Waits for a line that holds all of these, which is not waited for again. What it says on stderr may be read before or
    /// after what it says on stdout.
    #[track_caller]
    fn until(&mut self, words: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        let is_it = |line: &String| words.iter().all(|word| line.contains(word));
        loop {
            if let Some(place) = self.unread.iter().position(is_it) {
                return self.unread.remove(place);
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.unread.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {words:?}:\n{}", self.unread.join("\n"))
                }
            }
        }
    }

    /// Waits for a document that is this.
    #[track_caller]
    fn document(&mut self, what: &str) -> Value {
        let line = self.until(&[&format!("\"what\":\"{what}\"")]);
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn digest_of(loaded: &str) -> String {
    loaded.split(['(', ')']).nth(1).expect("a digest").to_owned()
}

async fn module_of(client: &Client) -> Value {
    client.get("/behaviors/tale").await.json()["digest"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_loaded_into_the_host_that_runs_and_its_effects_are_compared() {
    let host = Host::start().await;
    let project = Project::new(&Does::says("one"));
    let mut dev = Dev::start(&project, &host.data());
    dev.until(&["watching "]);
    dev.until(&["✗ published"]);
    let first = digest_of(&dev.until(&["loaded tale 1.0.0"]));
    dev.until(&[" behaviors grant tale email`"]);
    let client = host.client();
    assert!(module_of(&client).await.as_str().is_some_and(|digest| digest.starts_with(&first)));

    project.write(&Does::says("two"));
    let second = digest_of(&dev.until(&["loaded tale 1.0.0"]));
    dev.until(&["first, effect 0 (log): /payload/message: \"one\" → \"two\""]);
    assert_ne!(first, second);
    assert!(module_of(&client).await.as_str().is_some_and(|digest| digest.starts_with(&second)));

    std::fs::write(project.path("behavior.wat"), "(module (func i32.frobnicate))").expect("written");
    dev.until(&["i32.frobnicate"]);
    dev.until(&[&second, "stays loaded"]);
    assert!(module_of(&client).await.as_str().is_some_and(|digest| digest.starts_with(&second)));

    project.write(&Does::says("three"));
    dev.until(&["loaded tale 1.0.0"]);
    dev.until(&["\"two\" → \"three\""]);
    project.event("other", &json!({"object": {"type": "Note"}}));
    dev.until(&["✗ other"]);

    for verb in [&["behaviors", "grant", "tale", "email"][..], &["behaviors", "enable", "tale"]] {
        host.cli(verb, "").ok();
    }
    client.post_and_wait("/new", &Client::article("Real", "published", "urgent")).await.expect(201);
    project.write(&Does::says("four"));
    dev.until(&["changed", "tale"]);
    dev.until(&["~ first, effect 0 (log): /payload/message: \"three\" → \"four\""]);
    assert_eq!(dev.interrupt(), Some(0));
    assert_eq!(client.get("/behaviors").await.status, 200, "the host goes on");
}

#[test]
fn where_no_host_runs_one_is_started_and_ends_with_it() {
    let project = Project::new(&Does::says("one"));
    let data = project.path("data");
    let mut dev = Dev::start(&project, &data);
    dev.until(&["serving http://127.0.0.1:"]);
    let first = digest_of(&dev.until(&["loaded tale 1.0.0"]));
    project.write(&Does::says("two"));
    assert_ne!(digest_of(&dev.until(&["loaded tale 1.0.0"])), first);
    dev.until(&["\"one\" → \"two\""]);
    assert_eq!(dev.interrupt(), Some(0));
    let data = data.to_str().expect("UTF-8");
    let shown = project.run(&["--data", data, "behaviors", "show", "tale", "--json"]).ok();
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["history"].as_array().map(Vec::len), Some(2), "{shown:#}");
    project.run(&["--data", data, "verify"]).ok();
}

#[test]
fn a_program_is_told_each_round_as_documents() {
    let project = Project::new(&Does::says("one"));
    let data = project.path("data");
    let mut dev = Dev::start_with(&project, &data, &["--json"]);
    let url = dev.document("serving")["url"].clone();
    assert!(url.as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{url}");
    assert_eq!(dev.document("watching")["dir"], json!(project.dir().canonicalize().expect("it is there")));
    let built = dev.document("built");
    assert!(built["bytes"].as_u64() > Some(0) && built["seconds"].is_number(), "{built}");
    let tested = dev.document("tested");
    assert_eq!(
        (&tested["event"], &tested["ok"], &tested["matched"]),
        (&json!("published"), &json!(false), &json!(true))
    );
    let loaded = dev.document("loaded");
    assert_eq!((&loaded["name"], &loaded["digest"]), (&json!("tale"), &built["digest"]));
    assert_eq!((&loaded["enabled"], &loaded["to_grant"]), (&json!(false), &json!(["email"])));

    project.write(&Does::says("two"));
    let second = dev.document("loaded");
    assert_ne!(second["digest"], loaded["digest"]);
    let compared = dev.document("compared");
    assert_eq!((&compared["event"], &compared["differences"][0]["after"]), (&json!("published"), &json!("two")));

    std::fs::write(project.path("behavior.wat"), "(module (func i32.frobnicate))").expect("written");
    assert!(dev.document("failed")["message"].is_string());
    let child = dev.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &child]).status().expect("kill runs").success());
    dev.document("stopping");
    assert_eq!(dev.child.wait().expect("it ends").code(), Some(0));
}
