//! From the 101 to a session.

use std::net::SocketAddr;
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

use super::Sockets;
use super::admission::Admitted;
use super::connection::{Connection, identify};
use super::refusals::Caller;
use super::wire::{Event, Wire};
use crate::auth::Identity;
use crate::server::Stream;

/// How long the first frames of a refused connection may take to be written.
const FAREWELL: Duration = Duration::from_secs(5);

/// What arrives: a connection with a session, and its place among the node's.
type Arrived = Option<(Box<Connection>, OwnedSemaphorePermit)>;

/// Starts the task of a connection that was admitted.
pub(super) fn spawn(sockets: Sockets, upgrade: OnUpgrade, admitted: Admitted, peer: Option<SocketAddr>) {
    let lifetime = sockets.0.lifetime.clone();
    let arriving = Box::pin(arrive(sockets, upgrade, admitted, peer));
    lifetime.tasks.spawn(task(lifetime.cut, arriving));
}

/// All that belongs to the arrival is freed before the second, long half begins.
async fn task<F: Future<Output = Arrived>>(cut: CancellationToken, arriving: Pin<Box<F>>) {
    let Some(Some((connection, _place))) = cut.run_until_cancelled(arriving).await else { return };
    // What is logged on its behalf names the connection; below the level of debug it costs nothing.
    let span = tracing::debug_span!("connection", id = connection.session.connection_id(), user = %connection.user);
    // `run_until_cancelled` would have room for the future twice, in every connection.
    tokio::select! {
        biased;
        () = cut.cancelled() => {}
        () = connection.run().instrument(span) => {}
    }
}

async fn arrive(sockets: Sockets, upgrade: OnUpgrade, admitted: Admitted, peer: Option<SocketAddr>) -> Arrived {
    let Admitted { socket, identity, cursor, notifications, place, .. } = admitted;
    let upgraded = timeout(sockets.0.auth_within, upgrade).await.ok()?;
    let upgraded = upgraded.inspect_err(|error| tracing::debug!(%error, "an upgrade failed")).ok()?;
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else {
        tracing::error!("an upgraded connection is not of our own kind");
        return None;
    };
    let frame_bytes = sockets.0.hub.options().limits.frame_bytes;
    let mut wire = Wire::new(parts.io.into_inner().upgraded(), parts.read_buf, frame_bytes).await;
    let (identity, cursor) = match identity {
        Some(identity) => (identity, cursor),
        None => match first_frame(&sockets, &mut wire, socket).await {
            Ok((identity, newer)) => (identity, newer.or(cursor)),
            Err(no) => {
                no.tell(&sockets, socket, peer);
                turn_away(wire, no).await;
                return None;
            }
        },
    };
    let opening = Opening { user: identity.user, socket, notifications, cursor };
    match sockets.0.hub.open(opening) {
        Ok(session) => {
            tracing::debug!(user.id = %identity.user, connection.id = session.connection_id(), "connection opened");
            Some((Box::new(Connection::new(sockets, &identity, socket, session, wire)), place))
        }
        Err(refused) => {
            let no = No::from_hub(refused);
            no.tell(&sockets, socket, peer);
            turn_away(wire, no).await;
            None
        }
    }
}

/// Why a connection does not become one.
struct No {
    /// What is said first.
    refused: Option<Error>,
    /// How it is closed; `None`: it is gone.
    close: Option<Close>,
}

impl No {
    fn unauthorized(refused: Error) -> Self {
        Self { refused: Some(refused), close: Some(Close::new(CloseCode::Unauthorized)) }
    }

    /// What the hub says of a user who has shown who they are.
    fn from_hub(refused: Error) -> Self {
        let close = match refused.code {
            ErrorCode::RateLimited => Close::new(CloseCode::TooManyConnections),
            ErrorCode::ShuttingDown => shutting_down(),
            code if code.temporary() => Close::new(CloseCode::Internal),
            _ => Close::new(CloseCode::Unauthorized),
        };
        Self { refused: Some(refused), close: Some(close) }
    }

    /// Says in the log why.
    fn tell(&self, sockets: &Sockets, socket: Socket, peer: Option<SocketAddr>) {
        if let Some(refused) = &self.refused {
            sockets.0.refusals.tell(Caller { peer, socket, headers: None }, refused);
        }
    }

    fn silent(code: CloseCode) -> Self {
        Self { refused: None, close: Some(Close::new(code)) }
    }
}

fn shutting_down() -> Close {
    Close { code: CloseCode::ShuttingDown, reason: "1000".to_owned() }
}

/// Waits for the `auth` of a connection that showed nothing when it was opened.
async fn first_frame(sockets: &Sockets, wire: &mut Wire, socket: Socket) -> Result<(Identity, Option<String>), No> {
    let waiting = async {
        loop {
            match wire.turn(true).await {
                Event::Message(Message::Text(text)) => break Ok(text),
                Event::Message(Message::Binary(_)) => break Err(No::silent(CloseCode::NotTheProtocol)),
                Event::Message(Message::Close(_)) => {
                    wire.closed_by_client().await;
                    break Err(No { refused: None, close: None });
                }
                Event::Ended(code) => break Err(No { refused: None, close: code.map(Close::new) }),
                Event::Message(_) | Event::Written => {}
            }
        }
    };
    let text = tokio::select! {
        text = timeout(sockets.0.auth_within, waiting) => match text {
            Ok(text) => text?,
            Err(_) => return Err(No::unauthorized(unauthorized("nobody has said who they are in time"))),
        },
        () = sockets.0.lifetime.draining.cancelled() => {
            return Err(No { refused: None, close: Some(shutting_down()) });
        }
    };
    metrics::get().frames_in.increment(1);
    let Ok(ClientFrame::Auth(auth)) = parse(&text, socket, None) else {
        return Err(No::unauthorized(unauthorized("the first frame must be `auth`, with a token or a ticket")));
    };
    let cursor = auth.cursor.clone();
    let identity = identify(sockets, auth, None).await.map_err(No::from_hub)?;
    // Whoever else the frame claims to come from is refused, as later on.
    if let Err(ParseError { code, message, .. }) = parse(&text, socket, Some(identity.user)) {
        return Err(No::unauthorized(Error::new(code, message)));
    }
    Ok((identity, cursor))
}

fn unauthorized(why: &str) -> Error {
    Error::new(ErrorCode::Unauthorized, why)
}

/// Says why, and hangs up.
async fn turn_away(mut wire: Wire, no: No) {
    let saying = async {
        if let Some(refused) = no.refused {
            metrics::get().error(refused.code).increment(1);
            wire.put(vec![refused.frame(About::default()).encode()]);
            wire.written().await?;
        }
        if let Some(close) = &no.close {
            metrics::get().close(close.code).increment(1);
            wire.close(close).await;
        }
        Ok::<(), ()>(())
    };
    drop(timeout(FAREWELL, saying).await);
    wire.hang_up().await;
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
        let (task, connection) = (size(task::<std::future::Ready<Arrived>>), size_of::<Connection>());
        assert!(task + connection <= 1_536, "task {task}, connection {connection}");
    }
}
