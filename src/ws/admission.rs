//! Decides whether a caller may connect. All checks run before the 101, so that a refusal is an HTTP response.

use std::sync::Arc;

use chat_actors::protocol::{ErrorCode, Socket};
use hyper::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;
use url::form_urlencoded;

use super::handshake;
use super::shared::{Shared, Source};
use crate::auth::request::offers_subprotocol;
use crate::auth::{Credentials, Identity};

/// The parts of an upgrade request that the checks read.
pub(super) struct Request<'a> {
    pub(super) socket: Socket,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a str,
    pub(super) source: Source,
}

/// A caller who may connect.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) socket: Socket,
    /// The caller's identity; `None`: the first frame must authenticate.
    pub(super) identity: Option<Identity>,
    /// The cursor from which the client resumes.
    pub(super) cursor: Option<String>,
    /// Whether the client subscribes to notifications from the start.
    pub(super) notifications: bool,
    /// The value of `Sec-WebSocket-Accept`.
    pub(super) accept: String,
    /// Whether the response must name a sub-protocol.
    pub(super) subprotocol: bool,
    /// The connection's permit among the node's `CHAT_MAX_CONNECTIONS`.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Why a caller may not connect.
pub(super) enum Error {
    /// The client speaks another version of the WebSocket protocol.
    Version,
    /// Every other reason.
    Refused(chat_actors::Error),
}

impl From<chat_actors::Error> for Error {
    fn from(refused: chat_actors::Error) -> Self {
        Self::Refused(refused)
    }
}

impl From<handshake::Error> for Error {
    fn from(error: handshake::Error) -> Self {
        match error {
            handshake::Error::Version => Self::Version,
            handshake::Error::Malformed(message) => Self::Refused(chat_actors::Error::bad_request(message)),
        }
    }
}

/// Runs every check, the cheapest first; the ticket, which cannot be given back, is used up last.
pub(super) async fn admit(shared: &Shared, request: &Request<'_>) -> Result<Admitted, Error> {
    let accept = handshake::check(request.headers)?;
    shared.origins.check_upgrade(request.headers)?;
    let query = Query::parse(request.query);
    let credentials = Credentials::from_upgrade(request.headers, query.token.as_deref(), query.ticket.as_deref());
    let verified = credentials.as_ref().map(|shown| shared.verify(shown, request.source.client)).transpose()?;
    if verified.is_none() {
        shared.hub.check_address_rate(request.source.client)?;
    }
    if shared.shutdown.draining.is_cancelled() {
        return Err(chat_actors::Error::shutting_down().into());
    }
    let permit = Arc::clone(&shared.connection_permits).try_acquire_owned().map_err(|_| full())?;
    if let Some((identity, ticket)) = verified.clone() {
        shared.hub.may_connect(identity.user)?;
        if let Some(ticket) = ticket {
            shared.use_up(ticket, request.source.client).await?;
        }
    }
    Ok(Admitted {
        socket: request.socket,
        identity: verified.map(|(identity, _)| identity),
        cursor: query.cursor,
        notifications: query.notifications,
        accept,
        subprotocol: offers_subprotocol(request.headers),
        permit,
    })
}

fn full() -> chat_actors::Error {
    chat_actors::Error::new(ErrorCode::Overloaded, "this node has no room for another connection; try again shortly")
}

/// The query parameters of an upgrade request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    token: Option<String>,
    ticket: Option<String>,
    cursor: Option<String>,
    notifications: bool,
}

impl Query {
    /// Parses a query string. An empty value counts as absent: clients send it while they have none.
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.trim().is_empty()) {
            let field = match name.as_ref() {
                "token" => &mut query.token,
                "ticket" => &mut query.ticket,
                "cursor" => &mut query.cursor,
                "channels" => {
                    query.notifications |= value.split(',').any(|channel| channel.trim() == "notifications");
                    continue;
                }
                _ => continue,
            };
            field.get_or_insert_with(|| value.into_owned());
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read() {
        let query = Query::parse("token=a.b.c&cursor=v1.x.1.2&channels=presence%2Cnotifications&x&y=");
        assert_eq!(query.token.as_deref(), Some("a.b.c"));
        assert_eq!(query.cursor.as_deref(), Some("v1.x.1.2"));
        assert!(query.notifications);
        assert_eq!(Query::parse(""), Query::default());
        assert_eq!(Query::parse("cursor=&token"), Query::default());
        assert_eq!(Query::parse("token=1&token=2").token.as_deref(), Some("1"));
        let query = Query::parse("ticket=&token=&cursor=+&token=a%2Eb&%74icket=c&channels=");
        assert_eq!((query.token.as_deref(), query.ticket.as_deref()), (Some("a.b"), Some("c")));
        assert_eq!((query.cursor, query.notifications), (None, false));
    }
}
