//! A connection that costs next to nothing beside what it asks for: what is measured is the host.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection of HTTP/1.1 that sends the next request when the answer to the last is there.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer, all of it.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The head and the body as they came.
    pub bytes: &'a [u8],
}

impl Connection {
    /// Connects to `address`, a host and a port.
    pub async fn open(address: &str) -> Self {
        Self::over(TcpStream::connect(address).await.expect("the host listens"))
    }

    /// Goes on over a stream that is connected.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: Vec::with_capacity(8 << 10) }
    }

    /// Sends a request, which is all its bytes, and reads its answer to the end.
    pub async fn send(&mut self, request: &[u8]) -> Answer<'_> {
        self.stream.write_all(request).await.expect("the host reads");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the host answers");
            assert!(read > 0, "the host closed the connection");
            if let Some(status) = status_of(&self.buffer) {
                return Answer { status, bytes: &self.buffer };
            }
        }
    }
}

/// The status of an answer, once all of it is there.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.map_or(0, |length| length.trim().parse().expect("a number"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (bytes.len() >= end + 4 + length).then_some(status)
}
