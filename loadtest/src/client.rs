//! A client of the hub: one WebSocket, raw text frames in and out.

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

/// How a connection says who it is.
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

/// Where and how to come in.
#[derive(Debug, Clone)]
pub struct Door {
    /// The hub's address.
    pub address: SocketAddr,
    /// The socket's path, the base path included: `/chat`.
    pub path: String,
    /// Who is calling.
    pub credentials: Credentials,
    /// How far this client has been served.
    pub cursor: Option<String>,
    /// Whether `/chat` is to carry the notification stream.
    pub notifications: bool,
    /// The page that a browser would name.
    pub origin: Option<String>,
    /// The address to come from; ports run out at about 28,000 for each.
    pub source: Option<Ipv4Addr>,
    /// Bytes of the read buffer, which is allocated with the connection.
    pub buffer: usize,
    /// Bytes that the system keeps of what was not read yet; it decides by itself if left out.
    pub receive: Option<u32>,
}

/// Why a connection could not be made, or ended.
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
    /// The peer does not speak WebSocket as it should.
    #[error("not a WebSocket as it should be: {0}")]
    Protocol(Box<tungstenite::Error>),
}

/// What a connection hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A text frame.
    Text(Utf8Bytes),
    /// The hub has closed the connection, with this code and reason; 1005 stands for a close without a code.
    Closed(u16, String),
    /// The connection is gone without a close frame.
    Gone,
}

impl fmt::Display for Heard {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => to.write_str(&cut_short(text)),
            Self::Closed(code, reason) if reason.is_empty() => write!(to, "a close with {code}"),
            Self::Closed(code, reason) => write!(to, "a close with {code} ({})", cut_short(reason)),
            Self::Gone => to.write_str("the end of the connection, without a close"),
        }
    }
}

/// Returns the beginning of a frame, for people.
#[must_use]
pub fn cut_short(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

/// A connection. Pings are answered while it is read.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    socket: WebSocketStream<S>,
}

impl Door {
    /// Makes a door to `/chat` with a token in the header.
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
            buffer: 4 * 1024,
            receive: None,
        }
    }

    /// Makes the upgrade request.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a part of it cannot stand in a request.
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
    pub async fn connect(door: &Door) -> Result<Self, Error> {
        let socket = match door.address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(source) = door.source {
            socket.bind(SocketAddr::from((source, 0)))?;
        }
        if let Some(bytes) = door.receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(door.address).await?;
        stream.set_nodelay(true)?;
        Self::over(stream, door, "ws").await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Upgrades a stream that is connected already, TLS or not.
    ///
    /// # Errors
    /// [`Error`], see its variants.
    pub async fn over(stream: S, door: &Door, scheme: &str) -> Result<Self, Error> {
        let config = WebSocketConfig::default().read_buffer_size(door.buffer);
        let request = door.request(scheme)?;
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

    /// Puts a text frame in line; [`Client::flush`] sends what is in line.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn feed(&mut self, frame: impl Into<Utf8Bytes>) -> Result<(), Error> {
        Ok(self.socket.feed(Message::Text(frame.into())).await?)
    }

    /// Sends what is in line.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        Ok(self.socket.flush().await?)
    }

    /// Sends any WebSocket message: binary, ping, close.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_message(&mut self, message: Message) -> Result<(), Error> {
        Ok(self.socket.send(message).await?)
    }

    /// Closes the connection politely, without waiting for the answer.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn close(&mut self) -> Result<(), Error> {
        Ok(self.socket.close(None).await?)
    }

    /// Waits for the next text frame, or the end. Cancel-safe.
    pub async fn next(&mut self) -> Heard {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Returns the next text frame if it has arrived.
    pub fn try_next(&mut self) -> Option<Heard> {
        self.next().now_or_never()
    }

    /// Polls for the next text frame, or the end.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        loop {
            return Poll::Ready(match std::task::ready!(self.socket.poll_next_unpin(context)) {
                Some(Ok(Message::Text(text))) => Heard::Text(text),
                Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                    Heard::Closed(code.into(), reason.as_str().to_owned())
                }
                Some(Ok(Message::Close(None))) => Heard::Closed(1005, String::new()),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Heard::Gone,
            });
        }
    }

    /// Returns the stream underneath.
    pub fn stream(&self) -> &S {
        self.socket.get_ref()
    }

    /// Returns the stream underneath, to write what no WebSocket would.
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
    fn what_is_heard_is_told_in_words() {
        let long = Heard::Text("é".repeat(300).into()).to_string();
        assert_eq!((long.chars().count(), long.ends_with("é …")), (202, true));
        let heard = [
            (Heard::Text(r#"{"type":"error"}"#.into()), r#"{"type":"error"}"#),
            (Heard::Closed(4_002, "too slow".to_owned()), "a close with 4002 (too slow)"),
            (Heard::Closed(1_000, String::new()), "a close with 1000"),
            (Heard::Gone, "the end of the connection, without a close"),
        ];
        for (heard, words) in heard {
            assert_eq!(heard.to_string(), words);
        }
    }

    #[test]
    fn the_request_says_who_comes_in_and_how_far_they_have_read() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let mut door = Door::new(address, "a.b.c".to_owned());
        let request = door.request("ws").expect("a request");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer a.b.c");
        door.credentials = Credentials::Ticket("t+/=".to_owned());
        door.cursor = Some("v1.a.1.2".to_owned());
        door.notifications = true;
        let request = door.request("ws").expect("a request");
        let wanted = "ws://127.0.0.1:8080/chat?ticket=t%2B%2F%3D&cursor=v1.a.1.2&channels=notifications";
        assert_eq!(request.uri().to_string(), wanted);
        assert!(request.headers().get(header::AUTHORIZATION).is_none());
    }
}
