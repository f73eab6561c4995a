//! The one task of a connection: what is read goes to the session, what is in the outbox is written.

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

use super::Sockets;
use super::clock::{Clock, Due};
use super::wire::{Event, Wire};
use crate::auth::Identity;

/// How long a client that reads too slowly has to read what was begun, and that it was too slow.
const LAST_CHANCE: Duration = Duration::from_secs(20);

/// How long anybody else has to read what is left and the close frame.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long the end waits for the answers to what was begun.
const SETTLE: Duration = Duration::from_secs(2);

/// A connection with a session.
pub(super) struct Connection {
    pub(super) sockets: Sockets,
    pub(super) user: UserId,
    pub(super) socket: Socket,
    pub(super) session: SessionHandle,
    pub(super) wire: Wire,
    pub(super) clock: Clock,
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

/// What became of a message.
enum Read {
    /// It was dealt with; here is the permit, if it was not needed.
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
        socket: Socket,
        session: SessionHandle,
        wire: Wire,
    ) -> Self {
        let clock = Clock::new(sockets.0.hub.options().heartbeat, identity);
        Self { sockets, user: identity.user, socket, session, wire, clock }
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
        tracing::debug!(user.id = %self.user, connection.id = self.session.connection_id(), close.code = code, "connection ends");
        Box::pin(self.end(end)).await;
    }

    /// Returns how long before its end the connection was last known to be alive. Whatever the client does is a sign of life,
    /// and so is its hanging up.
    fn silence_before(&self, end: &End) -> Duration {
        match end {
            End::Theirs | End::Gone => Duration::ZERO,
            // What is not read may not have arrived.
            End::Ours(close) if matches!(close.code, CloseCode::NoPong | CloseCode::TooSlow) => self.clock.silence(),
            End::Ours(_) if self.clock.is_doubtful() => self.clock.silence(),
            End::Ours(_) => Duration::ZERO,
        }
    }

    async fn serve(&mut self) -> End {
        let timer = sleep_until(self.clock.next());
        tokio::pin!(timer);
        // A place among what waits for answers; without one, nothing is read, and TCP pushes back on the client.
        let mut permit = self.session.permit().now_or_never();
        loop {
            let writing = self.wire.is_writing();
            tokio::select! {
                biased;
                event = self.wire.turn(permit.is_some()) => match event {
                    Event::Written => {}
                    Event::Message(message) => {
                        self.clock.heard();
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
                    Drained::Frames(frames) => self.wire.put(frames),
                    Drained::Closed(close) => return End::Ours(close),
                },
                // Boxed: few ever wait for a place, and every connection's task would have room for it.
                free = async { Box::pin(self.session.permit()).await }, if permit.is_none() => permit = Some(free),
                () = &mut timer => {
                    match self.clock.due(Instant::now(), permit.is_none()) {
                        Due::Nothing => {}
                        Due::Ping => self.wire.ping(),
                        Due::Dead => self.session.outbox().close(CloseCode::NoPong),
                        Due::Expired => self.session.outbox().close(CloseCode::TokenExpired),
                    }
                    timer.as_mut().reset(self.clock.next().max(Instant::now() + Duration::from_millis(1)));
                }
            }
        }
    }

    /// Hands a message over. Nothing here waits: what is on its way is not kept in the task's memory.
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
            // Nothing is read without one.
            (_, None) => Read::Done(None),
        }
    }

    /// Takes a fresh token, or ends the connection.
    async fn renew(&mut self, auth: Auth) {
        // To verify a signature takes longer than a message does.
        let counted = self.sockets.0.hub.may_ask(self.user);
        let identified = match counted {
            Ok(()) => identify(&self.sockets, auth, Some(self.user)).await,
            Err(refused) => Err(refused),
        };
        match identified {
            Ok(identity) => {
                self.clock.renew(&identity);
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

    /// Writes what is left, says why, and hangs up.
    async fn end(self: Box<Self>, end: End) {
        let Self { session, mut wire, .. } = *self;
        match end {
            End::Gone => return,
            End::Theirs => {
                drop(session);
                wire.closed_by_client().await;
            }
            End::Ours(close) => {
                farewell(&mut wire, session, &close).await;
            }
        }
        wire.hang_up().await;
    }
}

/// Tells who shows a token or a ticket in a frame, and uses the ticket up.
pub(super) async fn identify(sockets: &Sockets, auth: Auth, expected: Option<UserId>) -> Result<Identity, Error> {
    let shared = &sockets.0;
    let (identity, ticket) = match (auth.token, auth.ticket) {
        (Some(token), _) => (shared.authenticator.token(&token)?, None),
        (None, Some(ticket)) => shared.authenticator.ticket(&ticket).map(|(who, ticket)| (who, Some(ticket)))?,
        (None, None) => return Err(Error::new(ErrorCode::Unauthorized, "auth needs a `token` or a `ticket`")),
    };
    match expected {
        Some(user) if user != identity.user => {
            return Err(Error::new(ErrorCode::Unauthorized, "this connection belongs to somebody else"));
        }
        Some(_) => {}
        // A new connection: its user must have room for it before the ticket is used up.
        None => shared.hub.may_connect(identity.user)?,
    }
    if let Some(ticket) = ticket {
        shared.hub.use_ticket(ticket).await?;
    }
    Ok(identity)
}

/// Writes what is left and the close frame, in bounded time.
async fn farewell(wire: &mut Wire, session: SessionHandle, close: &Close) {
    let outbox = session.outbox().clone();
    if close.code == CloseCode::ShuttingDown {
        // What has begun is answered.
        drop(timeout(SETTLE, session.settled()).await);
    }
    // For everybody else, this connection is gone.
    outbox.close_with(close.clone());
    drop(session);
    let time = if close.code == CloseCode::TooSlow { LAST_CHANCE } else { FAREWELL };
    let saying = async {
        if close.code == CloseCode::TooSlow {
            wire.abandon();
        }
        wire.written().await?;
        while let Drained::Frames(frames) = outbox.drain().await {
            wire.put(frames);
            wire.written().await?;
        }
        wire.close(close).await;
        Ok::<(), ()>(())
    };
    drop(timeout_at(Instant::now() + time, saying).await);
}
