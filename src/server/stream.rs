//! A connection's byte stream, plain or TLS, and its connection permit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use super::bad_gateway::CloseWatch;
use super::hyper_errors::replacement;
use super::write_deadline::WriteDeadline;

/// A connection's byte stream, plain or TLS. Holds the connection's permit until it is dropped.
#[derive(Debug)]
pub struct Stream {
    bytes: Bytes,
    /// Whether hyper's own error responses are replaced; not any more on a WebSocket.
    replacing: bool,
    /// Whether a WebSocket's client has sent a close frame with code 1014.
    close_watch: CloseWatch,
    /// The rest of a replacement that is being written.
    replacement: Option<Box<io::Cursor<Vec<u8>>>>,
    /// `None`: a connection of the reserve.
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Bytes {
    Plain(WriteDeadline<TcpStream>),
    Tls(Box<TlsStream<WriteDeadline<TcpStream>>>),
}

impl Stream {
    pub(super) fn plain(socket: WriteDeadline<TcpStream>, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self::new(Bytes::Plain(socket), permit)
    }

    pub(super) fn tls(stream: TlsStream<WriteDeadline<TcpStream>>, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self::new(Bytes::Tls(Box::new(stream)), permit)
    }

    fn new(bytes: Bytes, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { bytes, replacing: true, close_watch: CloseWatch::default(), replacement: None, _permit: permit }
    }

    /// Turns the stream into a WebSocket's, which has deadlines of its own. `read` holds the bytes that were read behind the request.
    #[must_use]
    pub fn upgraded(mut self, read: &[u8]) -> Self {
        self.replacing = false;
        self.close_watch.look_at(read);
        match &mut self.bytes {
            Bytes::Plain(socket) => socket.remove(),
            Bytes::Tls(stream) => stream.get_mut().0.remove(),
        }
        self
    }

    /// Tells whether what was read last from a WebSocket ends with a close frame of code 1014.
    #[must_use]
    pub fn read_bad_gateway(&self) -> bool {
        self.close_watch.found()
    }
}

impl Bytes {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut this.bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Bytes::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if !this.replacing && read.is_ready() {
            this.close_watch.look_at(&buffer.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacing
            && this.replacement.is_none()
            && let Some((start, ours)) = replacement(bytes, this.bytes.is_tls())
        {
            if start > 0 {
                return this.bytes.poll_write(cx, &bytes[..start]);
            }
            this.replacement = Some(Box::new(io::Cursor::new(ours)));
        }
        let Some(replacement) = &mut this.replacement else { return this.bytes.poll_write(cx, bytes) };
        while replacement.has_remaining() {
            match ready!(this.bytes.poll_write(cx, replacement.chunk()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => replacement.advance(written),
            }
        }
        this.replacement = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Bytes::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Bytes::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacing {
            let mut filled = slices.iter().filter(|slice| !slice.is_empty());
            let (first, last) = (filled.clone().next(), filled.next_back());
            if let (Some(first), Some(last)) = (first, last)
                && (this.replacement.is_some() || replacement(last, false).is_some())
            {
                return Pin::new(this).poll_write(cx, first);
            }
        }
        match &mut this.bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Bytes::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(socket) => socket.is_write_vectored(),
            Bytes::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
