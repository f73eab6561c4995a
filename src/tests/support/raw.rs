//! HTTP byte by byte: for requests that no client library would send.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Raw {
    /// Reads an answer: its head, and as much of a body as it says that there is.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut answer = Self::read_head(from).await?;
        let length = answer.header("content-length").parse().unwrap_or_default();
        answer.body.resize(length, 0);
        from.read_exact(&mut answer.body).await.ok()?;
        Some(answer)
    }

    /// Reads the head of an answer, and nothing after it.
    pub async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        // A byte at a time: what follows is for others to read.
        let mut from = BufReader::with_capacity(1, from);
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = from.read_until(b'\n', &mut line).await.ok()?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            match (read, line.is_empty()) {
                (0, _) => return None,
                (_, true) => break,
                (_, false) => lines.push(line),
            }
        }
        let status = lines.first()?.split(' ').nth(1)?.parse().ok()?;
        let header =
            |line: &String| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let headers: Vec<_> = lines[1..].iter().filter_map(header).collect();
        Some(Self { status, headers, body: Vec::new() })
    }

    /// Returns a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns the code of a refusal.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Says something to a hub, on a connection of its own; `None` if it hangs up without an answer.
pub async fn ask(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Raw> {
    let (mut socket, request) = (TcpStream::connect(address).await.expect("the hub listens"), request.as_ref());
    socket.write_all(request).await.expect("written");
    let reading = async {
        if request.starts_with(b"HEAD ") { Raw::read_head(&mut socket).await } else { Raw::read(&mut socket).await }
    };
    super::in_time("an answer", reading).await
}

/// Writes a request for a WebSocket.
pub fn upgrade(path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!(
        "GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + "\r\n"
}
