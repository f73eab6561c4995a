//! The WebSocket of a connection: frames in, frames out, close handshake.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chat_actors::outbox::Close;
use chat_actors::protocol::CloseCode;
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use crate::server::{BAD_GATEWAY_CLOSE, Stream};

/// How many bytes are read at a time: a few usual frames. Every connection keeps that much for as long as it lives; a
/// larger frame grows its buffer.
const READ_BUFFER: usize = 512;

/// How many bytes are gathered before they are written. A connection that has written that much keeps it.
const WRITE_BUFFER: usize = 4 << 10;

/// How long the client has to end its side after a close frame.
const LINGER: Duration = Duration::from_secs(1);

/// What happened on the socket.
#[derive(Debug)]
pub(super) enum Event {
    /// Every queued frame is written.
    Written,
    /// A message was read.
    Message(Message),
    /// The stream has ended; with a close code where the client broke the protocol and is still connected.
    Ended(Option<CloseCode>),
}

/// A connection's socket.
pub(super) struct WebSocket {
    socket: WebSocketStream<Stream>,
    /// The frames that are still to be written.
    pending: std::vec::IntoIter<Bytes>,
    ping: bool,
    writing: bool,
}

impl WebSocket {
    /// Takes over a connection after its 101; `part` holds the bytes that hyper has already read.
    pub(super) async fn new(stream: Stream, part: Bytes, frame_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            // A buffer that is over `WRITE_BUFFER` is written before the next frame is put in, so one frame at most is over
            // it. A frame of the hub may be larger than a client's: a message with all its images.
            .max_write_buffer_size(WRITE_BUFFER + (frame_bytes << 3) + (1 << 20))
            .max_message_size(Some(frame_bytes))
            .max_frame_size(Some(frame_bytes))
            .accept_unmasked_frames(false);
        // A copy: the part is a slice of hyper's buffer, and would keep all of it.
        let socket = WebSocketStream::from_partially_read(stream, part.to_vec(), Role::Server, Some(config)).await;
        Self { socket, pending: Vec::new().into_iter(), ping: false, writing: false }
    }

    /// Tells whether frames are still being written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing
    }

    /// Queues frames. Must not be called while frames are being written.
    pub(super) fn put(&mut self, frames: Vec<Bytes>) {
        debug_assert!(!self.writing, "one batch after the other");
        self.pending = frames.into_iter();
        self.writing = true;
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self) {
        self.ping = true;
        self.writing = true;
    }

    /// Writes the queued frames and, if `read` is set, reads the next message. Cancel-safe.
    pub(super) async fn turn(&mut self, read: bool) -> Event {
        poll_fn(|cx| self.poll_turn(cx, read)).await
    }

    /// Writes the queued frames, and reads nothing.
    pub(super) async fn written(&mut self) -> Result<(), ()> {
        while self.writing {
            if let Event::Ended(_) = self.turn(false).await {
                return Err(());
            }
        }
        Ok(())
    }

    /// Drops the queued frames; the frame that is being written is finished.
    pub(super) fn abandon(&mut self) {
        self.pending = Vec::new().into_iter();
        self.ping = false;
    }

    /// Writes the close frame.
    pub(super) async fn close(&mut self, close: &Close) {
        let frame = CloseFrame { code: close.code.code().into(), reason: close.reason.as_str().into() };
        if let Err(error) = self.socket.close(Some(frame)).await {
            tracing::trace!(%error, "the close frame could not be written");
        }
    }

    /// Answers the client's close frame with its code.
    pub(super) async fn closed_by_client(&mut self) {
        // Between two frames only: the rest of a half-written one would come with tungstenite's own answer.
        if !self.writing && self.socket.get_ref().read_bad_gateway() {
            drop(timeout(LINGER, self.socket.get_mut().write_all(&BAD_GATEWAY_CLOSE)).await);
            return;
        }
        let answered = poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx));
        drop(timeout(LINGER, answered).await);
    }

    /// Shuts down our side, and reads until the client shuts down its own: the kernel answers unread data with a reset, and the
    /// client could lose the last frames.
    pub(super) async fn hang_up(mut self) {
        let stream = self.socket.get_mut();
        let ending = async {
            stream.shutdown().await?;
            let mut rest = [0; 512];
            while stream.read(&mut rest).await? > 0 {}
            std::io::Result::Ok(())
        };
        drop(timeout(LINGER, ending).await);
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Event> {
        if self.writing
            && let Poll::Ready(written) = self.poll_write(cx)
        {
            self.writing = false;
            // An iterator keeps its memory until it is dropped.
            self.pending = Vec::new().into_iter();
            return Poll::Ready(written.map_or_else(|error| Event::Ended(close_code(&error)), |()| Event::Written));
        }
        if !read {
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_next(cx).map(|next| match next {
            Some(Ok(message)) => Event::Message(message),
            Some(Err(error)) => Event::Ended(close_code(&error)),
            None => Event::Ended(None),
        })
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut socket = Pin::new(&mut self.socket);
        loop {
            ready!(socket.as_mut().poll_ready(cx))?;
            if std::mem::take(&mut self.ping) {
                socket.as_mut().start_send(Message::Ping(Bytes::new()))?;
                continue;
            }
            let Some(frame) = self.pending.next() else { break };
            // The frames are JSON that serde wrote, so they are UTF-8; a raw frame skips the second check.
            let frame = Frame::message(frame, OpCode::Data(Data::Text), true);
            socket.as_mut().start_send(Message::Frame(frame))?;
        }
        socket.poll_flush(cx)
    }
}

/// Returns the close code for an error of the client; `None` if the connection is simply gone.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Capacity(_) => Some(CloseCode::FrameTooLarge),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => None,
        Error::Protocol(_) | Error::Utf8(_) => Some(CloseCode::NotTheProtocol),
        _ => None,
    }
}
