//! A WebSocket client of the hub that sends and receives raw text frames.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, header};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

/// How a connection authenticates.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// `Authorization: Bearer <token>`.
    Header(String),
    /// `Cookie: token=<token>`.
    Cookie(String),
    /// `?token=<token>`.
    Query(String),
    /// `Sec-WebSocket-Protocol: bearer, <token>`.
    Subprotocol(String),
    /// `?ticket=<ticket>`.
    Ticket(String),
    /// A first frame of type `auth`, which the caller sends.
    FirstFrame,
}

/// The options of a connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The hub's address.
    pub address: SocketAddr,
    /// The socket's path, the base path included: `/chat`.
    pub path: String,
    /// The credentials.
    pub credentials: Credentials,
    /// The cursor from which the connection resumes.
    pub cursor: Option<String>,
    /// Whether `/chat` also carries notifications.
    pub notifications: bool,
    /// The `Origin` header of a browser.
    pub origin: Option<String>,
    /// The source address; each has about 28,000 ports.
    pub source: Option<Ipv4Addr>,
    /// Bytes of the read buffer, which is allocated with the connection.
    pub read_buffer: usize,
    /// Bytes of the socket's receive buffer in the kernel, which chooses if this is `None`.
    pub receive_buffer: Option<u32>,
}

/// Why a connection failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub answered the upgrade with an HTTP status.
    #[error("the hub refused the connection with {status}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// As much of the body as came with the head.
        body: String,
    },
    /// The transport failed.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// The server violated the WebSocket protocol.
    #[error("a violation of the WebSocket protocol: {0}")]
    Protocol(Box<tungstenite::Error>),
}

/// What a connection received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A text frame.
    Text(Utf8Bytes),
    /// A close frame with its code and reason. The code 1005 stands for a close frame without one.
    Closed(u16, String),
    /// The connection ended without a close frame.
    Disconnected,
}

impl fmt::Display for Received {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => to.write_str(&truncate(text)),
            Self::Closed(code, reason) if reason.is_empty() => write!(to, "a close frame with code {code}"),
            Self::Closed(code, reason) => write!(to, "a close frame with code {code} ({})", truncate(reason)),
            Self::Disconnected => to.write_str("the end of the connection without a close frame"),
        }
    }
}

/// Truncates a frame for an error message.
#[must_use]
pub fn truncate(text: &str) -> String {
    const CHARS: usize = 200;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// A connection. It answers pings while the caller reads from it.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    socket: WebSocketStream<S>,
}

impl ConnectOptions {
    /// Returns the options of a connection to `/chat` with a token in the header.
    #[must_use]
    pub fn new(address: SocketAddr, token: String) -> Self {
        Self {
            address,
            path: "/chat".to_owned(),
            credentials: Credentials::Header(token),
            cursor: None,
            notifications: false,
            origin: None,
            source: None,
            read_buffer: 4 * 1024,
            receive_buffer: None,
        }
    }

    /// Makes the upgrade request.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a part of it is not valid in a request.
    pub fn request(&self, scheme: &str) -> Result<Request<()>, Error> {
        let mut query = Query(String::new());
        match &self.credentials {
            Credentials::Query(token) => query.push("token", token),
            Credentials::Ticket(ticket) => query.push("ticket", ticket),
            Credentials::Header(_) | Credentials::Cookie(_) | Credentials::Subprotocol(_) | Credentials::FirstFrame => {
            }
        }
        if let Some(cursor) = &self.cursor {
            query.push("cursor", cursor);
        }
        if self.notifications {
            query.push("channels", "notifications");
        }
        let uri = format!("{scheme}://{}{}{}", self.address, self.path, query.0);
        let mut request = uri.into_client_request().map_err(Error::from)?;
        let headers = request.headers_mut();
        match &self.credentials {
            Credentials::Header(token) => headers.insert(header::AUTHORIZATION, value(&format!("Bearer {token}"))?),
            Credentials::Cookie(token) => headers.insert(header::COOKIE, value(&format!("token={token}"))?),
            Credentials::Subprotocol(token) => {
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value(&format!("bearer, {token}"))?)
            }
            Credentials::Query(_) | Credentials::Ticket(_) | Credentials::FirstFrame => None,
        };
        if let Some(origin) = &self.origin {
            headers.insert(header::ORIGIN, value(origin)?);
        }
        Ok(request)
    }
}

impl Client<TcpStream> {
    /// Connects, without waiting for the hub's first frame.
    ///
    /// # Errors
    /// [`Error`], see its variants.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let socket = match options.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = options.source {
            socket.bind(SocketAddr::from((source, 0)))?;
        }
        if let Some(bytes) = options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(options.address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream, options, "ws").await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Upgrades a connected stream, with or without TLS.
    ///
    /// # Errors
    /// [`Error`], see its variants.
    pub async fn over(stream: S, options: &ConnectOptions, scheme: &str) -> Result<Self, Error> {
        let config = WebSocketConfig::default().read_buffer_size(options.read_buffer);
        let request = options.request(scheme)?;
        // The handshake's state is large and short-lived.
        let upgrade = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (socket, _) = Box::pin(upgrade).await?;
        Ok(Self { socket })
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Protocol`] if the connection is gone.
    pub async fn send(&mut self, frame: impl Into<Utf8Bytes>) -> Result<(), Error> {
        Ok(self.socket.send(Message::Text(frame.into())).await?)
    }

    /// Buffers a text frame; [`Client::flush`] sends the buffer.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn feed(&mut self, frame: impl Into<Utf8Bytes>) -> Result<(), Error> {
        Ok(self.socket.feed(Message::Text(frame.into())).await?)
    }

    /// Sends the buffered frames.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        Ok(self.socket.flush().await?)
    }

    /// Sends a WebSocket message of any type.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_message(&mut self, message: Message) -> Result<(), Error> {
        Ok(self.socket.send(message).await?)
    }

    /// Sends a close frame, without waiting for the answer.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn close(&mut self) -> Result<(), Error> {
        Ok(self.socket.close(None).await?)
    }

    /// Waits for the next text frame or the end of the connection. Cancel-safe.
    pub async fn next(&mut self) -> Received {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Returns the next text frame, or the end of the connection, if it has arrived.
    pub fn try_next(&mut self) -> Option<Received> {
        self.next().now_or_never()
    }

    /// Polls for the next text frame or the end of the connection.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        loop {
            return Poll::Ready(match std::task::ready!(self.socket.poll_next_unpin(context)) {
                Some(Ok(Message::Text(text))) => Received::Text(text),
                Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                    Received::Closed(code.into(), reason.as_str().to_owned())
                }
                Some(Ok(Message::Close(None))) => Received::Closed(1005, String::new()),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Received::Disconnected,
            });
        }
    }

    /// Reads until the connection ends, which answers pings.
    pub async fn hold(mut self) {
        while let Received::Text(_) = self.next().await {}
    }

    /// Returns the underlying stream.
    pub fn stream(&self) -> &S {
        self.socket.get_ref()
    }

    /// Returns the underlying stream, to write bytes that are no WebSocket frames.
    pub fn stream_mut(&mut self) -> &mut S {
        self.socket.get_mut()
    }
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Io(error) => Self::Io(error),
            tungstenite::Error::Http(answer) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Self::Refused { status: answer.status().as_u16(), body: String::from_utf8_lossy(body).into_owned() }
            }
            other => Self::Protocol(Box::new(other)),
        }
    }
}

struct Query(String);

impl Query {
    fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.0.push(char::from(byte));
            } else {
                // Writing to a String does not fail.
                let _ = write!(self.0, "%{byte:02X}");
            }
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| tungstenite::Error::from(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_frames_have_a_description() {
        let long = Received::Text("é".repeat(300).into()).to_string();
        assert_eq!((long.chars().count(), long.ends_with("é …")), (202, true));
        let received = [
            (Received::Text(r#"{"type":"error"}"#.into()), r#"{"type":"error"}"#),
            (Received::Closed(4_002, "too slow".to_owned()), "a close frame with code 4002 (too slow)"),
            (Received::Closed(1_000, String::new()), "a close frame with code 1000"),
            (Received::Disconnected, "the end of the connection without a close frame"),
        ];
        for (received, words) in received {
            assert_eq!(received.to_string(), words);
        }
    }

    #[test]
    fn the_request_has_the_credentials_and_the_cursor() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let mut options = ConnectOptions::new(address, "a.b.c".to_owned());
        let request = options.request("ws").expect("a request");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer a.b.c");
        options.credentials = Credentials::Ticket("t+/=".to_owned());
        options.cursor = Some("v1.a.1.2".to_owned());
        options.notifications = true;
        let request = options.request("ws").expect("a request");
        let wanted = "ws://127.0.0.1:8080/chat?ticket=t%2B%2F%3D&cursor=v1.a.1.2&channels=notifications";
        assert_eq!(request.uri().to_string(), wanted);
        assert!(request.headers().get(header::AUTHORIZATION).is_none());
    }
}
