//! A GET over a new connection: for the readiness and the metrics of a server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Fetches a text over a new connection.
///
/// # Errors
/// If the answer is not a 200 within five seconds.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let answer = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("not HTTP"))?;
        if head.split_ascii_whitespace().nth(1) == Some("200") {
            Ok(body.to_owned())
        } else {
            Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned()))
        }
    };
    tokio::time::timeout(Duration::from_secs(5), answer).await?
}
