//! Receivers on loopback that behave as badly as real ones: what leaves the machine is sent to a real socket.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// What a receiver does once it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// Writes this and closes the connection.
    Answer(String),
    /// Says nothing and keeps the connection.
    Hang,
    /// Writes this and then a byte a second, for ever.
    Drip(&'static str),
    /// Writes this and then as much as is taken, for ever.
    Flood(&'static str),
}

/// A receiver of HTTP. Each request that it reads is kept as text.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    requests: UnboundedReceiver<String>,
    plays: Arc<Mutex<Vec<Play>>>,
}

/// An answer without a body.
pub(crate) fn status(status: &str) -> Play {
    Play::Answer(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))
}

/// An answer with a header and a body.
pub(crate) fn answer(status: &str, header: &str, body: &str) -> Play {
    let length = body.len();
    Play::Answer(format!(
        "HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

impl Receiver {
    /// Answers the first requests by `plays`, one after the other, and all others by the last.
    pub(crate) async fn start(plays: impl Into<Vec<Play>>) -> Self {
        let plays = Arc::new(Mutex::new(plays.into()));
        let played = Arc::clone(&plays);
        let choose = move |n: usize, _: &str, _: u16| {
            let plays: MutexGuard<'_, Vec<Play>> = played.lock().expect("no panic");
            plays[plays.len().min(n + 1) - 1].clone()
        };
        Self { plays, ..Self::serving(choose).await }
    }

    /// Answers all further requests like this, where it was started with a list.
    pub(crate) fn play(&self, play: Play) {
        *self.plays.lock().expect("no panic") = vec![play];
    }

    /// How many requests it has read that nobody has asked for yet.
    pub(crate) fn has_seen(&self) -> usize {
        self.requests.len()
    }

    /// Answers each request by what `choose` says of it: which connection it came by, its text, and the own port.
    pub(crate) async fn serving(choose: impl Fn(usize, &str, u16) -> Play + Send + Sync + 'static) -> Self {
        let (listener, port) = listen().await;
        let (seen, requests) = unbounded_channel();
        let choose = Arc::new(choose);
        tokio::spawn(async move {
            for n in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let choose = Arc::clone(&choose);
                // A client that hangs up early has seen enough.
                tokio::spawn(played(stream, move |request: &str| choose(n, request, port), seen.clone()));
            }
        });
        Self { port, requests, plays: Arc::default() }
    }

    /// A URL of it, by the name `localhost`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// The requests that it has read so far and nobody has asked for yet.
    pub(crate) fn requests(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

async fn played(stream: TcpStream, choose: impl FnOnce(&str) -> Play, seen: UnboundedSender<String>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let request = head + &String::from_utf8_lossy(&body);
    let play = choose(&request);
    // The test may have ended.
    let _ = seen.send(request);
    let stream = stream.get_mut();
    match play {
        Play::Answer(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Play::Hang => std::future::pending().await,
        Play::Drip(head) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Play::Flood(head) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[b'x'; 4_096]).await?;
            }
        }
    }
}

/// What a relay replies to a command; `None` says nothing and keeps the connection.
pub(crate) type Replies = Arc<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// A relay of SMTP (RFC 5321) that replies as it is told. Each message that it takes is kept.
pub(crate) struct ScriptedRelay {
    pub(crate) port: u16,
    messages: UnboundedReceiver<String>,
}

/// What a relay that takes everything replies.
pub(crate) fn takes_all(command: &str) -> &'static str {
    match command.split(' ').next().unwrap_or_default() {
        "CONNECT" => "220 relay.example",
        "EHLO" => "250-relay.example\r\n250 8BITMIME",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        _ => "250 ok",
    }
}

/// A relay's replies where it takes everything.
pub(crate) fn taking_all() -> Replies {
    Arc::new(|command| Some(takes_all(command)))
}

impl ScriptedRelay {
    /// Replies to each command, to `CONNECT` at the beginning and to `.` at the end of a message.
    pub(crate) async fn start(replies: Replies) -> Self {
        let (listener, port) = listen().await;
        let (seen, messages) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relayed(stream, Arc::clone(&replies), seen.clone()));
            }
        });
        Self { port, messages }
    }

    /// The messages that it has taken so far and nobody has asked for yet.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}

async fn relayed(stream: TcpStream, replies: Replies, seen: UnboundedSender<String>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut command = "CONNECT".to_owned();
    let mut envelope = String::new();
    loop {
        let Some(reply) = replies(&command) else { return std::future::pending().await };
        stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
        let takes_message = command == "DATA" && reply.starts_with('3');
        if takes_message {
            let mut message = std::mem::take(&mut envelope);
            while !message.ends_with("\r\n.\r\n") {
                if stream.read_line(&mut message).await? == 0 {
                    return Ok(());
                }
            }
            let _ = seen.send(message);
            ".".clone_into(&mut command);
            continue;
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        envelope.push_str(&line);
        command = line.trim_end().to_owned();
    }
}
