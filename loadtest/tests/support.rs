//! Test support: a synthetic server, a proxy that injects faults, a browser, the hub, and the program that is tested.

pub(crate) mod browser;
pub(crate) mod hub;
pub(crate) mod proxy;
pub(crate) mod server;

use std::net::SocketAddr;
use std::process::Output;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// What the program printed, and its exit code.
#[derive(Debug)]
pub(crate) struct ToolOutput {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    pub(crate) errors: String,
}

impl ToolOutput {
    /// Reads the JSON that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `chat-loadtest` with a line of arguments and more of them.
pub(crate) async fn loadtest(line: &str, more: &[&str]) -> ToolOutput {
    run(Command::new(env!("CARGO_BIN_EXE_chat-loadtest")), line, more).await
}

/// Runs `chat-loadtest` where it may have this many files open.
pub(crate) async fn loadtest_with_files(files: u32, line: &str, more: &[&str]) -> ToolOutput {
    let mut command = Command::new("sh");
    let script = format!(r#"ulimit -n {files} && exec "$0" "$@""#);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_chat-loadtest")]);
    run(command, line, more).await
}

async fn run(mut command: Command, line: &str, more: &[&str]) -> ToolOutput {
    command.args(line.split_whitespace()).args(more).env_remove("JWT_SECRET").kill_on_drop(true);
    let Output { status, stdout, stderr } = command.output().await.expect("the program runs");
    ToolOutput {
        code: status.code(),
        text: String::from_utf8_lossy(&stdout).into_owned(),
        errors: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// The head of a request.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

impl Head {
    /// Reads a request's head.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.ok()?);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(Self { bytes, text })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.text.lines().find(|text| line(text)).and_then(|line| Some(line.split_once(':')?.1.trim()))
    }

    pub(crate) fn path(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    /// Answers an upgrade.
    pub(crate) async fn upgrade(&self, mut stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
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
pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}
