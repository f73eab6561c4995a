//! A server that can be told how to behave, a proxy that misbehaves, a browser, and the program that is tested.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod browser;
pub mod proxy;
pub mod server;

use std::net::SocketAddr;
use std::process::Output;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What the program said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
    pub errors: String,
}

impl Said {
    /// Reads the JSON that it printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `chat-loadtest` with a line of arguments and more of them.
pub async fn loadtest(line: &str, more: &[&str]) -> Said {
    run(Command::new(env!("CARGO_BIN_EXE_chat-loadtest")), line, more).await
}

/// Runs `chat-loadtest` where it may have this many files open.
pub async fn loadtest_with_files(files: u32, line: &str, more: &[&str]) -> Said {
    let mut command = Command::new("sh");
    let script = format!(r#"ulimit -n {files} && exec "$0" "$@""#);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_chat-loadtest")]);
    run(command, line, more).await
}

async fn run(mut command: Command, line: &str, more: &[&str]) -> Said {
    command.args(line.split_whitespace()).args(more).env_remove("JWT_SECRET").kill_on_drop(true);
    let Output { status, stdout, stderr } = command.output().await.expect("the program runs");
    Said {
        code: status.code(),
        text: String::from_utf8_lossy(&stdout).into_owned(),
        errors: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// The head of a request.
pub struct Head {
    pub bytes: Vec<u8>,
    pub text: String,
}

impl Head {
    /// Reads a request's head.
    pub async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.ok()?);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(Self { bytes, text })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.text.lines().find(|text| line(text)).and_then(|line| Some(line.split_once(':')?.1.trim()))
    }

    pub fn path(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    /// Answers an upgrade.
    pub async fn upgrade(&self, mut stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
        let key = derive_accept_key(self.header("sec-websocket-key")?.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(WebSocketStream::from_raw_socket(stream, Role::Server, None).await)
    }
}

/// An address as `--target` takes it.
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
