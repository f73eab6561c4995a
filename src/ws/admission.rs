//! May this caller connect? Every check before the 101, so that a refusal is an HTTP answer.

use std::sync::Arc;

use chat_actors::Error;
use chat_actors::protocol::{ErrorCode, Socket};
use hyper::HeaderMap;
use tokio::sync::OwnedSemaphorePermit;
use url::form_urlencoded;

use super::Shared;
use super::handshake::{self, Wrong};
use crate::auth::request::offers_subprotocol;
use crate::auth::{Credentials, Identity};

/// What was asked.
pub(super) struct Request<'a> {
    pub(super) socket: Socket,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a str,
}

/// Who may connect, and how.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) socket: Socket,
    /// Who it is; `None`: the first frame will say.
    pub(super) identity: Option<Identity>,
    /// How far the client has been served.
    pub(super) cursor: Option<String>,
    /// Whether the notification stream is wanted from the start.
    pub(super) notifications: bool,
    /// What `Sec-WebSocket-Accept` answers.
    pub(super) accept: String,
    /// Whether the answer must name a sub-protocol.
    pub(super) subprotocol: bool,
    /// The connection's place among the node's.
    pub(super) place: OwnedSemaphorePermit,
}

/// Why not.
pub(super) enum Refusal {
    /// Another version of the protocol.
    Version,
    /// Anything else.
    Refused(Error),
}

impl From<Error> for Refusal {
    fn from(refused: Error) -> Self {
        Self::Refused(refused)
    }
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Version => Self::Version,
            Wrong::Form(what) => Self::Refused(Error::bad_request(what)),
        }
    }
}

/// Checks everything, from what costs least to what cannot be taken back: a ticket is used up last.
pub(super) async fn admit(shared: &Shared, request: &Request<'_>) -> Result<Admitted, Refusal> {
    let accept = handshake::check(request.headers)?;
    shared.origins.check_upgrade(request.headers)?;
    let query = Query::parse(request.query);
    let credentials = Credentials::from_upgrade(request.headers, query.token.as_deref(), query.ticket.as_deref());
    let verified = credentials.as_ref().map(|shown| shown.verify(&shared.authenticator)).transpose()?;
    if shared.lifetime.draining.is_cancelled() {
        return Err(Error::shutting_down().into());
    }
    let place = Arc::clone(&shared.room).try_acquire_owned().map_err(|_| full())?;
    if let Some((identity, ticket)) = verified.clone() {
        shared.hub.may_connect(identity.user)?;
        if let Some(ticket) = ticket {
            shared.hub.use_ticket(ticket).await?;
        }
    }
    Ok(Admitted {
        socket: request.socket,
        identity: verified.map(|(identity, _)| identity),
        cursor: query.cursor,
        notifications: query.notifications,
        accept,
        subprotocol: offers_subprotocol(request.headers),
        place,
    })
}

fn full() -> Error {
    Error::new(ErrorCode::Overloaded, "this node has no room for another connection; try again shortly")
}

/// What stands behind the question mark.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    token: Option<String>,
    ticket: Option<String>,
    cursor: Option<String>,
    notifications: bool,
}

impl Query {
    /// Takes a query string apart. What is empty is what a client sends that has nothing yet.
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.trim().is_empty()) {
            let place = match name.as_ref() {
                "token" => &mut query.token,
                "ticket" => &mut query.ticket,
                "cursor" => &mut query.cursor,
                "channels" => {
                    query.notifications |= value.split(',').any(|channel| channel.trim() == "notifications");
                    continue;
                }
                _ => continue,
            };
            place.get_or_insert_with(|| value.into_owned());
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
