//! The one task of a connection: it hands incoming frames to the session and writes the outbox to the socket.

use std::net::IpAddr;
use std::time::Duration;

use chat_actors::Error;
use chat_actors::hub::{Permit, SessionHandle};
use chat_actors::metrics;
use chat_actors::outbox::{Close, Drained};
use chat_actors::protocol::client::{Auth, parse};
use chat_actors::protocol::server::About;
use chat_actors::protocol::{ClientFrame, CloseCode, ErrorCode, Socket};
use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::heartbeat::{Due, Heartbeat};
use super::shared::Sockets;
use super::socket::{Event, WebSocket};
use crate::auth::{Credentials, Identity};

/// The time a slow client has to read the frame that was being written, and the close frame.
const SLOW_CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The time every other client has to read the outbox and the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a closing connection waits for the replies to the frames that it has handed over.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection with a session.
pub(super) struct Connection {
    pub(super) sockets: Sockets,
    pub(super) user: UserId,
    /// The client's address, as far as it can be trusted.
    pub(super) client: Option<IpAddr>,
    pub(super) socket: Socket,
    pub(super) session: SessionHandle,
    pub(super) websocket: WebSocket,
    pub(super) heartbeat: Heartbeat,
}

/// How a connection ends.
enum End {
    /// We close it.
    Ours(Close),
    /// The client has closed it.
    Theirs,
    /// It is gone.
    Gone,
}

/// The outcome of reading a WebSocket message.
enum Read {
    /// The message was handled; the permit is returned if it was not needed.
    Done(Option<Permit>),
    /// The client shows a fresh token.
    Renew(Auth, Option<Permit>),
    /// The connection ends.
    End(End),
}

impl Connection {
    pub(super) fn new(
        sockets: Sockets,
        identity: &Identity,
        client: Option<IpAddr>,
        socket: Socket,
        session: SessionHandle,
        websocket: WebSocket,
    ) -> Self {
        let heartbeat = Heartbeat::new(sockets.0.hub.options().heartbeat, identity);
        Self { sockets, user: identity.user, client, socket, session, websocket, heartbeat }
    }

    /// Serves the connection to its end.
    pub(super) async fn run(mut self: Box<Self>) {
        let end = self.serve().await;
        self.session.ended(Timestamp::now().before(self.silence_before(&end)));
        let code = match &end {
            End::Ours(close) => Some(close.code),
            End::Theirs | End::Gone => None,
        };
        code.map_or(&metrics::get().left, |code| metrics::get().close(code)).increment(1);
        let code = code.map(CloseCode::code);
        tracing::debug!(user.id = %self.user, connection.id = %self.session.connection_id(), close.code = code, "connection ends");
        Box::pin(self.end(end)).await;
    }

    /// Returns how long before its end the connection was last known to be alive. Every frame of the client is a sign of life,
    /// and so is its closing the connection.
    fn silence_before(&self, end: &End) -> Duration {
        match end {
            End::Theirs | End::Gone => Duration::ZERO,
            // Frames that the client has not read may not have arrived.
            End::Ours(close) if matches!(close.code, CloseCode::NoPong | CloseCode::TooSlow) => {
                self.heartbeat.silence()
            }
            End::Ours(_) if self.heartbeat.is_doubtful() => self.heartbeat.silence(),
            End::Ours(_) => Duration::ZERO,
        }
    }

    async fn serve(&mut self) -> End {
        let timer = sleep_until(self.heartbeat.next());
        tokio::pin!(timer);
        // Without an in-flight permit nothing is read, and TCP pushes back on the client.
        let mut permit = self.session.permit().now_or_never();
        loop {
            let writing = self.websocket.is_writing();
            tokio::select! {
                biased;
                event = self.websocket.turn(permit.is_some()) => match event {
                    Event::Written => {}
                    Event::Message(message) => {
                        self.heartbeat.heard();
                        match self.read(message, permit.take()) {
                            Read::Done(unused) => permit = unused.or_else(|| self.session.permit().now_or_never()),
                            Read::Renew(auth, unused) => {
                                Box::pin(self.renew(auth)).await;
                                permit = unused;
                            }
                            Read::End(end) => return end,
                        }
                    }
                    Event::Ended(None) => return End::Gone,
                    Event::Ended(Some(code)) => return End::Ours(Close::new(code)),
                },
                drained = self.session.outbox().next(writing) => match drained {
                    Drained::Frames(frames) => self.websocket.put(frames),
                    Drained::Closed(close) => return End::Ours(close),
                },
                // Boxed: few connections ever wait for a permit, and every task would reserve memory for the future.
                free = async { Box::pin(self.session.permit()).await }, if permit.is_none() => permit = Some(free),
                () = &mut timer => {
                    match self.heartbeat.due(Instant::now(), permit.is_none()) {
                        Due::Nothing => {}
                        Due::Ping => self.websocket.ping(),
                        Due::Dead => self.session.outbox().close(CloseCode::NoPong),
                        Due::Expired => self.session.outbox().close(CloseCode::TokenExpired),
                    }
                    timer.as_mut().reset(self.heartbeat.next().max(Instant::now() + Duration::from_millis(1)));
                }
            }
        }
    }

    /// Hands a message to the session. Nothing here waits, so the task's memory holds no message.
    fn read(&mut self, message: Message, permit: Option<Permit>) -> Read {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Read::End(End::Theirs),
            Message::Binary(_) => return Read::End(End::Ours(Close::new(CloseCode::NotTheProtocol))),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Read::Done(permit),
        };
        match (parse(&text, self.socket, Some(self.user)), permit) {
            (Ok(ClientFrame::Auth(auth)), permit) => Read::Renew(auth, permit),
            (frame, Some(permit)) => {
                self.session.handle(frame, permit);
                Read::Done(None)
            }
            // Nothing is read without a permit.
            (_, None) => Read::Done(None),
        }
    }

    /// Verifies a fresh token, or ends the connection.
    async fn renew(&mut self, auth: Auth) {
        // Counted as a query: verifying a signature costs more than handling a message.
        let counted = self.sockets.0.hub.may_ask(self.user);
        let identified = match counted {
            Ok(()) => identify(&self.sockets, auth, Some(self.user), self.client).await,
            Err(refused) => Err(refused),
        };
        match identified {
            Ok(identity) => {
                self.heartbeat.renew(&identity);
                self.session.renewed();
            }
            Err(refused) => {
                let lasting = !refused.code.temporary();
                let outbox = self.session.outbox();
                if outbox.push_frame(&refused.frame(About::default())).is_ok() && lasting {
                    outbox.close(CloseCode::Unauthorized);
                }
            }
        }
    }

    /// Writes the rest of the outbox and the close frame, and closes the connection.
    async fn end(self: Box<Self>, end: End) {
        let Self { session, mut websocket, .. } = *self;
        match end {
            End::Gone => return,
            End::Theirs => {
                drop(session);
                websocket.closed_by_client().await;
            }
            End::Ours(close) => {
                close_gracefully(&mut websocket, session, &close).await;
            }
        }
        websocket.hang_up().await;
    }
}

/// Authenticates an `auth` frame by its token or ticket, and uses the ticket up.
pub(super) async fn identify(
    sockets: &Sockets,
    auth: Auth,
    expected: Option<UserId>,
    client: Option<IpAddr>,
) -> Result<Identity, Error> {
    let shared = &sockets.0;
    let shown = match (auth.token, auth.ticket) {
        (Some(token), _) => Credentials::Token(token),
        (None, Some(ticket)) => Credentials::Ticket(ticket),
        (None, None) => return Err(Error::new(ErrorCode::Unauthorized, "auth needs a `token` or a `ticket`")),
    };
    let (identity, ticket) = shared.verify(&shown, client)?;
    match expected {
        Some(user) if user != identity.user => {
            return Err(Error::new(ErrorCode::Unauthorized, "this connection belongs to another user"));
        }
        Some(_) => {}
        // A new connection: its user must have room for it before the ticket is used up.
        None => shared.hub.may_connect(identity.user)?,
    }
    if let Some(ticket) = ticket {
        shared.use_up(ticket, client).await?;
    }
    Ok(identity)
}

/// Writes the rest of the outbox and the close frame, in bounded time.
async fn close_gracefully(websocket: &mut WebSocket, session: SessionHandle, close: &Close) {
    let outbox = session.outbox().clone();
    if close.code == CloseCode::ShuttingDown {
        // Frames that were handed over get their replies.
        drop(timeout(SETTLE_TIMEOUT, session.settled()).await);
    }
    // For the rest of the hub, this connection is gone.
    outbox.close_with(close.clone());
    drop(session);
    let time = if close.code == CloseCode::TooSlow { SLOW_CLOSE_TIMEOUT } else { CLOSE_TIMEOUT };
    let saying = async {
        if close.code == CloseCode::TooSlow {
            websocket.abandon();
        }
        websocket.written().await?;
        while let Drained::Frames(frames) = outbox.drain().await {
            websocket.put(frames);
            websocket.written().await?;
        }
        websocket.close(close).await;
        Ok::<(), ()>(())
    };
    drop(timeout_at(Instant::now() + time, saying).await);
}
