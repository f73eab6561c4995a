//! A connection's bytes, plain or encrypted, and its place among the connections.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use super::paced::Paced;
use super::retold::retold;

/// A connection's bytes, plain or encrypted. Holds its place among the connections until it is dropped.
#[derive(Debug)]
pub struct Stream {
    bytes: Bytes,
    /// Whether hyper's own answers are told as ours; not any more on a WebSocket.
    retelling: bool,
    /// What is still to be written of such an answer.
    instead: Option<Box<io::Cursor<Vec<u8>>>>,
    /// `None`: one that is kept in reserve.
    _place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Bytes {
    Plain(Paced<TcpStream>),
    Tls(Box<TlsStream<Paced<TcpStream>>>),
}

impl Stream {
    pub(super) fn plain(socket: Paced<TcpStream>, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { bytes: Bytes::Plain(socket), retelling: true, instead: None, _place: place }
    }

    pub(super) fn tls(stream: TlsStream<Paced<TcpStream>>, place: Option<OwnedSemaphorePermit>) -> Self {
        Self { bytes: Bytes::Tls(Box::new(stream)), retelling: true, instead: None, _place: place }
    }

    /// Leaves HTTP behind: the stream is a WebSocket's, which has deadlines of its own.
    #[must_use]
    pub fn upgraded(mut self) -> Self {
        self.retelling = false;
        match &mut self.bytes {
            Bytes::Plain(socket) => socket.release(),
            Bytes::Tls(stream) => stream.get_mut().0.release(),
        }
        self
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
        match &mut self.get_mut().bytes {
            Bytes::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Bytes::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.retelling
            && this.instead.is_none()
            && let Some((start, ours)) = retold(bytes, this.bytes.is_tls())
        {
            if start > 0 {
                return this.bytes.poll_write(cx, &bytes[..start]);
            }
            this.instead = Some(Box::new(io::Cursor::new(ours)));
        }
        let Some(instead) = &mut this.instead else { return this.bytes.poll_write(cx, bytes) };
        while instead.has_remaining() {
            match ready!(this.bytes.poll_write(cx, instead.chunk()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => instead.advance(written),
            }
        }
        this.instead = None;
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
        if this.retelling {
            let mut filled = slices.iter().filter(|slice| !slice.is_empty());
            let (first, last) = (filled.clone().next(), filled.next_back());
            if let (Some(first), Some(last)) = (first, last)
                && (this.instead.is_some() || retold(last, false).is_some())
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
