//! A receiver of webhooks: a program on loopback that answers as it is told and keeps what it was sent.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// What it does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Respond {
    /// Answers with a status and a header.
    Status(&'static str, &'static str),
    /// Says nothing and keeps the connection.
    Hang,
    /// Answers 204, so many milliseconds later.
    Late(u64),
    /// Answers 200 and then a byte a second of a body that never ends.
    Drip,
}

/// A request that it was sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The request's line.
    pub line: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Delivery {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The receiver.
#[derive(Debug)]
pub struct Receiver {
    /// Its port on 127.0.0.1.
    pub port: u16,
    deliveries: UnboundedReceiver<Delivery>,
}

impl Receiver {
    /// Answers the first requests as told, one after the other, and all others with 204.
    pub async fn start(responses: &'static [Respond]) -> Self {
        Self::start_with(responses, Respond::Status("204 No Content", "x: y")).await
    }

    /// Answers the first requests as told, one after the other, and all others in one way.
    pub async fn start_with(responses: &'static [Respond], others: Respond) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (seen, deliveries) = unbounded_channel();
        tokio::spawn(async move {
            for n in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let respond = responses.get(n).copied().unwrap_or(others);
                let seen = seen.clone();
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(delivery) = read(&mut stream).await else { return };
                    // The test may have ended.
                    let _ = seen.send(delivery);
                    match respond {
                        Respond::Status(status, header) => {
                            let answer = format!(
                                "HTTP/1.1 {status}\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                            );
                            let _ = stream.get_mut().write_all(answer.as_bytes()).await;
                        }
                        Respond::Hang => std::future::pending().await,
                        Respond::Late(ms) => {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                            let _ = stream.get_mut().write_all(answer).await;
                        }
                        Respond::Drip => drip(stream.get_mut()).await,
                    }
                });
            }
        });
        Self { port, deliveries }
    }

    /// A URL of it, by the name `localhost`.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Delivery {
        let wait = tokio::time::timeout(Duration::from_mins(1), self.deliveries.recv());
        wait.await.expect("something is sent within a minute").expect("the receiver runs")
    }

    /// How many requests nobody has asked for yet.
    pub fn waiting(&self) -> usize {
        self.deliveries.len()
    }
}

async fn drip(stream: &mut TcpStream) {
    let mut answer: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    while stream.write_all(answer).await.is_ok() {
        answer = b".";
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

pub(crate) async fn read(stream: &mut BufReader<TcpStream>) -> Option<Delivery> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let headers: HeaderMap = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a header's name");
            (name, HeaderValue::from_str(value).expect("a header's value"))
        })
        .collect();
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Delivery { line: lines.first()?.clone(), headers, body })
}
