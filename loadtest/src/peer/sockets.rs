//! The ceiling: the hub's sockets and nothing behind them.
//!
//! It takes a frame apart, acknowledges it and hands it on. Nothing is checked, kept or counted: what a hub on this
//! machine cannot exceed, whatever it does with a message. The WebSocket library, its buffers and its one thread are the
//! hub's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context as _, ensure};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

/// As many bytes as the hub reads and gathers at a time.
const READ_BUFFER: usize = 512;
const WRITE_BUFFER: usize = 4 << 10;

/// Who is connected, and how frames get to them.
type Online = Rc<RefCell<HashMap<u64, UnboundedSender<Utf8Bytes>>>>;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Auth {
        user_id: u64,
    },
    MessageSend {
        temp_id: String,
        receiver_id: u64,
        content: String,
    },
    #[serde(other)]
    Else,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    AuthOk { user_id: u64 },
    MessageAck { temp_id: &'a str, message_id: u64, duplicate: bool },
    NewMessage { id: u64, sender_id: u64, temp_id: &'a str, content: &'a str },
}

/// Serves until the process is ended; only on this machine, since it believes whoever calls.
///
/// # Errors
/// If it cannot listen.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    ensure!(address.ip().is_loopback(), "{address}: this server believes everybody, so only this machine may call it");
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let (online, numbers) = (Online::default(), Rc::new(RefCell::new(0)));
    loop {
        let (stream, _) = listener.accept().await?;
        let (online, numbers) = (Rc::clone(&online), Rc::clone(&numbers));
        // Whoever breaks off has left.
        tokio::task::spawn_local(async move { connection(stream, &online, &numbers).await.unwrap_or_default() });
    }
}

async fn connection(stream: TcpStream, online: &Online, numbers: &RefCell<u64>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let (outbox, mut outgoing) = unbounded_channel();
    let mut user = 0;
    loop {
        tokio::select! {
            biased;
            said = socket.next() => {
                let Some(Message::Text(text)) = said.transpose()? else { break };
                match serde_json::from_str(&text)? {
                    Said::Auth { user_id } => {
                        user = user_id;
                        online.borrow_mut().insert(user, outbox.clone());
                        outbox.send(frame(&Told::AuthOk { user_id })?)?;
                    }
                    Said::MessageSend { temp_id, receiver_id, content } => {
                        let id = numbers.replace_with(|last| *last + 1);
                        let message = Told::NewMessage { id, sender_id: user, temp_id: &temp_id, content: &content };
                        if let Some(receiver) = online.borrow().get(&receiver_id) {
                            receiver.send(frame(&message)?)?;
                        }
                        outbox.send(frame(&Told::MessageAck { temp_id: &temp_id, message_id: id, duplicate: false })?)?;
                    }
                    Said::Else => {}
                }
            }
            first = outgoing.recv() => {
                let Some(first) = first else { break };
                write(&mut socket, first, &mut outgoing).await?;
            }
        }
    }
    online.borrow_mut().remove(&user);
    Ok(())
}

/// Writes everything that waits, and flushes once.
async fn write(
    socket: &mut WebSocketStream<TcpStream>,
    first: Utf8Bytes,
    outgoing: &mut UnboundedReceiver<Utf8Bytes>,
) -> anyhow::Result<()> {
    socket.feed(Message::Text(first)).await?;
    while let Some(Some(next)) = outgoing.recv().now_or_never() {
        socket.feed(Message::Text(next)).await?;
    }
    Ok(socket.flush().await?)
}

fn frame(told: &Told<'_>) -> serde_json::Result<Utf8Bytes> {
    serde_json::to_string(told).map(Utf8Bytes::from)
}
