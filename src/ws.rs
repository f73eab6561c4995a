//! The WebSocket half of the edge.
//!
//! ```text
//!  handshake   is this a WebSocket handshake, and its answer       (no I/O)
//!  admission   may this caller connect: every check before the 101
//!  arrival     from the 101 to a session: the first frame where nobody has authenticated yet
//!  refusals    what the log says of those who are not let in
//!  connection  the one task of a connection: socket -> session, outbox -> socket
//!  wire        the socket: frames in, frames out, how it ends
//!  clock       pings, missed pings, the token's end                 (no I/O)
//! ```
//!
//! The upgrade is made by hand: warp's own keeps 128 KiB of read buffer for every connection.

mod admission;
mod arrival;
mod clock;
mod connection;
mod handshake;
mod refusals;
mod wire;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use chat_actors::protocol::Socket;
use chat_actors::{Error, Hub};
use hyper::HeaderMap;
use hyper::upgrade::OnUpgrade;
use tokio::sync::Semaphore;
use warp::filters::path::FullPath;
use warp::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, UPGRADE};
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::auth::{Authenticator, origin};
use crate::http::error::ApiError;
use crate::server::{Lifetime, Peer};
use refusals::{Caller, Refusals};

/// How long a connection may stay silent before it has said who it is.
const AUTH_WITHIN: Duration = Duration::from_secs(10);

/// What is said of every other version.
const WRONG_VERSION: &str = "only version 13 of the WebSocket protocol is spoken here";

/// What every connection needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sockets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    hub: Hub,
    authenticator: Authenticator,
    origins: origin::Policy,
    base_path: String,
    room: Arc<Semaphore>,
    lifetime: Lifetime,
    auth_within: Duration,
    refusals: Refusals,
}

/// How the sockets behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who verifies callers.
    pub authenticator: Authenticator,
    /// Which pages may open sockets.
    pub origins: origin::Policy,
    /// What stands before every path.
    pub base_path: String,
    /// How many connections there may be.
    pub connections: usize,
}

impl Sockets {
    /// Makes the sockets of a hub.
    #[must_use]
    pub fn new(hub: Hub, options: Options, lifetime: Lifetime) -> Self {
        let Options { authenticator, origins, base_path, connections } = options;
        let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared {
            hub,
            authenticator,
            origins,
            base_path,
            room,
            lifetime,
            auth_within: AUTH_WITHIN,
            refusals: Refusals::default(),
        }))
    }

    /// Returns the upgrades: `/chat`, `/notifications`, and both under `/ws`. Whatever else is asked is rejected.
    pub fn routes(&self) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
        let (routing, answering) = (self.clone(), self.clone());
        let query = warp::query::raw().or(warp::any().map(String::new)).unify();
        // The path first: of a path that is not there no method is wrong.
        warp::path::full()
            .and_then(move |path: FullPath| ready(routing.route(path.as_str()).ok_or_else(warp::reject::not_found)))
            .and(warp::get().or(warp::head()).unify())
            .and(warp::method())
            .and(warp::header::headers_cloned())
            .and(query)
            .and(warp::ext::optional::<OnUpgrade>())
            .and(warp::ext::optional::<Peer>())
            .and_then(move |route, method: Method, headers: HeaderMap, query, upgrade, peer| {
                let wanted = method == Method::GET && handshake::is_upgrade(&headers);
                answering.clone().answer(route, wanted, headers, query, upgrade, peer)
            })
    }

    fn route(&self, path: &str) -> Option<Route> {
        path.strip_prefix(self.0.base_path.as_str()).and_then(route)
    }

    async fn answer(
        self,
        route: Route,
        wanted: bool,
        headers: HeaderMap,
        query: String,
        upgrade: Option<OnUpgrade>,
        peer: Option<Peer>,
    ) -> Result<Response, Rejection> {
        if !wanted {
            return if route.rest_too { Err(warp::reject::not_found()) } else { Ok(self.without_upgrade(&headers)) };
        }
        // HTTP/1.0 and the like: hyper does not offer to upgrade.
        let Some(upgrade) = upgrade else { return Ok(upgrade_required()) };
        let request = admission::Request { socket: route.socket, headers: &headers, query: &query };
        let peer = peer.map(|Peer(peer)| peer);
        let caller = Caller { peer, socket: route.socket, headers: Some(&headers) };
        Ok(match Box::pin(admission::admit(&self.0, &request)).await {
            Ok(admitted) => {
                let answer = handshake::switching(&admitted.accept, admitted.subprotocol);
                arrival::spawn(self, upgrade, admitted, peer);
                answer
            }
            Err(admission::Refusal::Version) => {
                self.0.refusals.tell(caller, &Error::bad_request(WRONG_VERSION));
                wrong_version()
            }
            Err(admission::Refusal::Refused(refused)) => {
                self.0.refusals.tell(caller, &refused);
                ApiError::from(refused).into_response()
            }
        })
    }

    /// Answers a plain `GET` of a socket's path. A page whose upgrade failed is not told why: it asks here. So it may read
    /// that its origin is refused, of whichever origin it is: there is nothing else to read.
    fn without_upgrade(&self, headers: &HeaderMap) -> Response {
        let Err(refused) = self.0.origins.check_upgrade(headers) else { return upgrade_required() };
        let mut response = ApiError::from(refused).into_response();
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

/// What answers on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    socket: Socket,
    /// Whether REST has a resource there, too.
    rest_too: bool,
}

fn route(path: &str) -> Option<Route> {
    // As in the rest of the edge, a slash at the end is no other path.
    let (socket, rest_too) = match path.strip_suffix('/').unwrap_or(path) {
        "/chat" | "/ws/chat" => (Socket::Chat, false),
        "/notifications" => (Socket::Notifications, true),
        "/ws/notifications" => (Socket::Notifications, false),
        _ => return None,
    };
    Some(Route { socket, rest_too })
}

fn upgrade_required() -> Response {
    let mut response =
        ApiError::bad_request("this is a WebSocket: ask for it with `Upgrade: websocket`").into_response();
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

fn wrong_version() -> Response {
    let mut response = ApiError::bad_request(WRONG_VERSION).into_response();
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    response.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("13"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::SOCKETS;

    #[test]
    fn every_path_of_a_socket_is_there_with_and_without_a_slash_at_its_end() {
        for path in SOCKETS {
            let found = route(path).unwrap_or_else(|| panic!("nothing answers at {path}"));
            assert_eq!(route(&format!("{path}/")), Some(found), "{path}/");
            assert_eq!(route(&format!("{path}//")), None, "{path}//");
            assert_eq!(found.socket == Socket::Chat, path.ends_with("chat"), "{path}");
        }
        for path in ["", "/", "/ws", "/ws/", "/chatx", "/chat/x"] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
