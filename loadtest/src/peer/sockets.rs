//! WebSockets alone: the upper bound of a hub's throughput on this machine.
//!
//! The server parses a frame, acknowledges it and forwards it. It does not validate, store or count anything. Its WebSocket
//! library, buffer sizes and single OS thread are those of the hub.

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

/// The buffer sizes of the hub.
const READ_BUFFER: usize = 512;
const WRITE_BUFFER: usize = 4 << 10;

/// The connected users and the senders of their frames.
type Online = Rc<RefCell<HashMap<u64, UnboundedSender<Utf8Bytes>>>>;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientFrame {
    Auth {
        user_id: u64,
    },
    MessageSend {
        temp_id: String,
        receiver_id: u64,
        content: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerFrame<'a> {
    AuthOk { user_id: u64 },
    MessageAck { temp_id: &'a str, message_id: u64, duplicate: bool },
    NewMessage { id: u64, sender_id: u64, temp_id: &'a str, content: &'a str },
}

/// Serves until the process ends. It trusts every client, so it listens on this machine alone.
///
/// # Errors
/// If it cannot listen.
pub async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    ensure!(
        address.ip().is_loopback(),
        "{address}: this server trusts every client, so it listens on loopback addresses alone"
    );
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let (online, numbers) = (Online::default(), Rc::new(RefCell::new(0)));
    loop {
        let (stream, _) = listener.accept().await?;
        let (online, numbers) = (Rc::clone(&online), Rc::clone(&numbers));
        // A failed connection is a closed one.
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
            received = socket.next() => {
                let Some(Message::Text(text)) = received.transpose()? else { break };
                match serde_json::from_str(&text)? {
                    ClientFrame::Auth { user_id } => {
                        user = user_id;
                        online.borrow_mut().insert(user, outbox.clone());
                        outbox.send(encode(&ServerFrame::AuthOk { user_id })?)?;
                    }
                    ClientFrame::MessageSend { temp_id, receiver_id, content } => {
                        let id = numbers.replace_with(|last| *last + 1);
                        let message = ServerFrame::NewMessage { id, sender_id: user, temp_id: &temp_id, content: &content };
                        if let Some(receiver) = online.borrow().get(&receiver_id) {
                            receiver.send(encode(&message)?)?;
                        }
                        outbox.send(encode(&ServerFrame::MessageAck { temp_id: &temp_id, message_id: id, duplicate: false })?)?;
                    }
                    ClientFrame::Other => {}
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

/// Writes all frames that wait, and flushes once.
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

fn encode(frame: &ServerFrame<'_>) -> serde_json::Result<Utf8Bytes> {
    serde_json::to_string(frame).map(Utf8Bytes::from)
}
