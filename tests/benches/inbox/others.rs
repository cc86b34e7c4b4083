//! What runs beside the host that is measured, as a process of its own: a thousand hosts, each hostile in one of five ways, or
//! something that has nothing to do with the host and takes what is left of the processors.

use std::{
    io::{self, BufRead as _},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, available_parallelism},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
};

use crate::arrivals::{HOSTS, bytes, forged, ip, request};

/// How many they are, beyond the [`HOSTS`] that are good.
pub(crate) const HOSTILE: usize = 1_000;
/// What this program is started with to be those, and to be busy.
const HOSTILE_HOSTS: &str = "hostile-hosts";
const BUSY: &str = "busy";
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

/// Connects as a host, from the address that is its own.
pub(crate) async fn connect(address: &str, host: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ip(host), 0).into())?;
    socket.connect(address.parse().expect("an address and a port")).await
}

/// A thousand hostile hosts, whose requests go on until the process is ended. Prints how many were answered, now and then.
async fn hostile_hosts(inbox: &str, address: &str, port: u16) {
    let answered = Arc::new(AtomicU64::new(0));
    for host in 0..HOSTILE {
        let (inbox, address, answered) = (inbox.to_owned(), address.to_owned(), Arc::clone(&answered));
        tokio::spawn(async move {
            for round in 0.. {
                let Ok(stream) = connect(&address, HOSTS + host).await else { continue };
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

/// Keeps every processor busy until the process is ended.
fn busy() {
    thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
    });
}

/// Is what runs beside the host, if this program was started as that; gives whether it was.
pub(crate) async fn are_asked(arguments: &[String]) -> bool {
    match arguments {
        [part, inbox, address, port] if part == HOSTILE_HOSTS => {
            hostile_hosts(inbox, address, port.parse().expect("a port")).await;
        }
        [part] if part == BUSY => busy(),
        _ => return false,
    }
    true
}

/// Such a process, which has what the host and its good peers leave of the processors: hostile hosts bring their own. It is
/// ended when it is dropped.
pub(crate) struct Others {
    process: Child,
    answered: Arc<AtomicU64>,
}

impl Others {
    /// The hostile hosts, who send to an inbox at an address; their actors are served at a port.
    pub(crate) fn hostile(inbox: &str, address: &str, port: u16) -> Self {
        Self::begin(&[HOSTILE_HOSTS, inbox, address, &port.to_string()])
    }

    /// What takes the processors alone.
    pub(crate) fn busy() -> Self {
        Self::begin(&[BUSY])
    }

    fn begin(arguments: &[&str]) -> Self {
        let this = std::env::current_exe().expect("this program");
        // With this policy whoever else wakes up goes first at once (sched(7), SCHED_IDLE).
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(this).args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().expect("chrt, of util-linux");
        let lines = io::BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let answered = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&answered);
        thread::spawn(move || {
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

impl Drop for Others {
    fn drop(&mut self) {
        self.process.kill().expect("it can be ended");
        self.process.wait().expect("it ends");
    }
}
