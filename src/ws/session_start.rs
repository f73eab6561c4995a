//! From the 101 response to a session: takes over the connection, authenticates it if the request did not, opens the session.

use std::pin::Pin;
use std::time::Duration;

use chat_actors::hub::Opening;
use chat_actors::outbox::Close;
use chat_actors::protocol::client::{ParseError, parse};
use chat_actors::protocol::server::About;
use chat_actors::protocol::{ClientFrame, CloseCode, ErrorCode, Socket};
use chat_actors::{Error, metrics};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::admission::Admitted;
use super::connection::{Connection, identify};
use super::rejection_log::Caller;
use super::shared::{Sockets, Source};
use super::socket::{Event, WebSocket};
use crate::auth::Identity;
use crate::server::Stream;

/// The deadline for writing the error and the close frame of a rejected connection.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection with a session, and its connection permit; `None`: it was rejected.
type Started = Option<(Box<Connection>, OwnedSemaphorePermit)>;

/// Starts the task of a connection that was admitted.
pub(super) fn spawn(sockets: Sockets, upgrade: OnUpgrade, admitted: Admitted, source: Source) {
    let shutdown = sockets.0.shutdown.clone();
    let starting = Box::pin(start(sockets, upgrade, admitted, source));
    shutdown.tasks.spawn(task(shutdown.cut, starting));
}

/// Starts the session, then serves the connection. The memory of the start is freed before the long part begins.
async fn task<F: Future<Output = Started>>(cut: CancellationToken, starting: Pin<Box<F>>) {
    let Some(Some((connection, _permit))) = cut.run_until_cancelled(starting).await else { return };
    // Log lines name the connection; where debug logs are off the span costs nothing.
    let span = tracing::debug_span!("connection", id = %connection.session.connection_id(), user = %connection.user);
    // `run_until_cancelled` would reserve memory for the future twice, in every connection.
    tokio::select! {
        biased;
        () = cut.cancelled() => {}
        () = connection.run().instrument(span) => {}
    }
}

async fn start(sockets: Sockets, upgrade: OnUpgrade, admitted: Admitted, source: Source) -> Started {
    let Admitted { socket, identity, cursor, notifications, permit, .. } = admitted;
    let upgraded = timeout(sockets.0.auth_within, upgrade).await.ok()?;
    let upgraded = upgraded.inspect_err(|error| tracing::debug!(%error, "an upgrade failed")).ok()?;
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
        tracing::error!("an upgraded connection is not of our own kind");
        return None;
    };
    let frame_bytes = sockets.0.hub.options().limits.frame_bytes;
    let stream = parts.io.into_inner().upgraded(&parts.read_buf);
    let mut websocket = WebSocket::new(stream, parts.read_buf, frame_bytes).await;
    let (identity, cursor) = match identity {
        Some(identity) => (identity, cursor),
        None => match first_frame(&sockets, &mut websocket, socket, source).await {
            Ok((identity, newer)) => (identity, newer.or(cursor)),
            Err(rejection) => {
                rejection.log(&sockets, socket, source);
                reject(websocket, rejection).await;
                return None;
            }
        },
    };
    let Identity { user, issued_at, .. } = identity;
    let opening = Opening { user, issued_at, socket, notifications, cursor };
    match sockets.0.hub.open(opening) {
        Ok(session) => {
            sockets.0.note_connection(&identity, source.client);
            tracing::debug!(user.id = %identity.user, connection.id = %session.connection_id(), "connection opened");
            Some((Box::new(Connection::new(sockets, &identity, source.client, socket, session, websocket)), permit))
        }
        Err(refused) => {
            let rejection = Rejection::from_hub(refused);
            rejection.log(&sockets, socket, source);
            reject(websocket, rejection).await;
            None
        }
    }
}

/// Why a connection gets no session, and how it is closed.
struct Rejection {
    /// The error frame that is sent before the close frame.
    refused: Option<Error>,
    /// The close frame; `None`: the client has already gone.
    close: Option<Close>,
}

impl Rejection {
    fn unauthorized(refused: Error) -> Self {
        Self { refused: Some(refused), close: Some(Close::new(CloseCode::Unauthorized)) }
    }

    /// Makes the rejection of a caller whose credentials were good, from the hub's error.
    fn from_hub(refused: Error) -> Self {
        let close = match refused.code {
            ErrorCode::RateLimited => Close::new(CloseCode::TooManyConnections),
            ErrorCode::ShuttingDown => shutting_down(),
            code if code.temporary() => Close::new(CloseCode::Internal),
            _ => Close::new(CloseCode::Unauthorized),
        };
        Self { refused: Some(refused), close: Some(close) }
    }

    /// Logs the rejection.
    fn log(&self, sockets: &Sockets, socket: Socket, source: Source) {
        if let Some(refused) = &self.refused {
            sockets.0.rejections.log(Caller { peer: source.peer, socket, headers: None }, refused);
        }
    }

    fn silent(code: CloseCode) -> Self {
        Self { refused: None, close: Some(Close::new(code)) }
    }
}

fn shutting_down() -> Close {
    Close { code: CloseCode::ShuttingDown, reason: "1000".to_owned() }
}

/// Waits for the `auth` frame of a connection whose request carried no credentials.
async fn first_frame(
    sockets: &Sockets,
    websocket: &mut WebSocket,
    socket: Socket,
    source: Source,
) -> Result<(Identity, Option<String>), Rejection> {
    let waiting = async {
        loop {
            match websocket.turn(true).await {
                Event::Message(Message::Text(text)) => break Ok(text),
                Event::Message(Message::Binary(_)) => break Err(Rejection::silent(CloseCode::NotTheProtocol)),
                Event::Message(Message::Close(_)) => {
                    websocket.closed_by_client().await;
                    break Err(Rejection { refused: None, close: None });
                }
                Event::Ended(code) => break Err(Rejection { refused: None, close: code.map(Close::new) }),
                Event::Message(_) | Event::Written => {}
            }
        }
    };
    let text = tokio::select! {
        text = timeout(sockets.0.auth_within, waiting) => match text {
            Ok(text) => text?,
            Err(_) => {
                let within = sockets.0.auth_within.as_secs();
                let why = format!("the client did not authenticate within {within} s");
                return Err(Rejection::unauthorized(unauthorized(&why)));
            }
        },
        () = sockets.0.shutdown.draining.cancelled() => {
            return Err(Rejection { refused: None, close: Some(shutting_down()) });
        }
    };
    metrics::get().frames_in.increment(1);
    let Ok(ClientFrame::Auth(auth)) = parse(&text, socket, None) else {
        return Err(Rejection::unauthorized(unauthorized("the first frame must be `auth`, with a token or a ticket")));
    };
    let cursor = auth.cursor.clone();
    let identity = identify(sockets, auth, None, source.client).await.map_err(Rejection::from_hub)?;
    // The frame is refused if it claims another sender, as every later frame is.
    if let Err(ParseError { code, message, .. }) = parse(&text, socket, Some(identity.user)) {
        return Err(Rejection::unauthorized(Error::new(code, message)));
    }
    Ok((identity, cursor))
}

fn unauthorized(why: &str) -> Error {
    Error::new(ErrorCode::Unauthorized, why)
}

/// Sends the error and the close frame, and closes the connection.
async fn reject(mut websocket: WebSocket, rejection: Rejection) {
    let saying = async {
        if let Some(refused) = rejection.refused {
            metrics::get().error(refused.code).increment(1);
            websocket.put(vec![refused.frame(About::default()).encode()]);
            websocket.written().await?;
        }
        if let Some(close) = &rejection.close {
            metrics::get().close(close.code).increment(1);
            websocket.close(close).await;
        }
        Ok::<(), ()>(())
    };
    drop(timeout(REJECTION_TIMEOUT, saying).await);
    websocket.hang_up().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<A, B, F: Future>(_: fn(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand connections cost ten thousand times this; their buffers and the session come on top.
    #[test]
    fn a_connection_is_small() {
        let (task, connection) = (size(task::<std::future::Ready<Started>>), size_of::<Connection>());
        assert!(task + connection <= 1_536, "task {task}, connection {connection}");
    }
}
