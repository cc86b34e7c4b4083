//! A thousand hosts, each hostile in one of five ways, as a process of their own.

use std::{
    io::BufRead as _,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::arrivals::{HOSTS, bytes, forged, request};

/// How many they are, beyond the [`HOSTS`] that are good.
pub(crate) const HOSTILE: usize = 1_000;
/// What this program is started with to be those.
pub(crate) const HOSTILE_HOSTS: &str = "hostile-hosts";
/// How long after its last request a hostile host begins the next: its budget is 300 a minute, and it wants more.
const PAUSE: Duration = Duration::from_millis(150);

/// What a hostile host does, by its number.
fn hostile_request(inbox: &str, address: &str, host: usize, port: u16, round: usize) -> Vec<u8> {
    let name = format!("{host}-{round}");
    match host % 5 {
        // A key that is not its own.
        0 => forged(inbox, address, host, port, &name),
        // A host that answers nothing when it is asked for its key.
        1 => forged(inbox, address, host, port + 1, &name),
        // A document that is cut short.
        2 => {
            let mut bytes = request(inbox, address, host, port, &name);
            let end = bytes.len() - 20;
            bytes[end] ^= 1;
            bytes
        }
        // No signature, and a body of a megabyte.
        3 => {
            bytes(address, &[("content-type".to_owned(), "application/activity+json".to_owned())], &vec![b'['; 1 << 20])
        }
        // What is good, more often than it may be.
        _ => request(inbox, address, host, port, "again"),
    }
}

/// A thousand hostile hosts, whose requests go on until the process is ended. Prints how many were answered, now and then.
pub(crate) async fn hostile_hosts(inbox: &str, address: &str, port: u16) {
    let answered = Arc::new(AtomicU64::new(0));
    for host in 0..HOSTILE {
        let (inbox, address, answered) = (inbox.to_owned(), address.to_owned(), Arc::clone(&answered));
        tokio::spawn(async move {
            for round in 0.. {
                let Ok(stream) = tokio::net::TcpStream::connect(&address).await else { continue };
                let mut stream = BufReader::new(stream);
                let bytes = hostile_request(&inbox, &address, HOSTS + host, port, round % 4);
                let is_dripping = host % 25 == 24;
                let piece = if is_dripping { 1 } else { bytes.len() };
                for piece in bytes.chunks(piece) {
                    if stream.get_mut().write_all(piece).await.is_err() {
                        break;
                    }
                    if is_dripping {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                let mut line = String::new();
                // Whoever is refused may find the connection closed.
                let read = tokio::time::timeout(Duration::from_secs(20), stream.read_line(&mut line)).await;
                if read.is_ok_and(|read| read.is_ok()) {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        println!("{}", answered.load(Ordering::Relaxed));
    }
}

/// Those hosts in a process of their own, which has what the host and its good peers leave of the processors: hostile hosts
/// bring their own. It is ended when it is dropped.
pub(crate) struct HostileHosts {
    process: Child,
    answered: Arc<AtomicU64>,
}

impl HostileHosts {
    pub(crate) fn begin(inbox: &str, address: &str, port: u16) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut process = Command::new("nice")
            .args(["-n", "19"])
            .arg(this)
            .args([HOSTILE_HOSTS, inbox, address, &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("nice, of coreutils");
        let lines = std::io::BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let answered = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&answered);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.store(line.parse().expect("a number"), Ordering::Relaxed);
            }
        });
        Self { process, answered }
    }

    /// Requests that were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for HostileHosts {
    fn drop(&mut self) {
        self.process.kill().expect("it can be ended");
        self.process.wait().expect("it ends");
    }
}
