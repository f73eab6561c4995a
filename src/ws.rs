//! The WebSocket half of the edge.
//!
//! ```text
//!  handshake      validates the opening handshake and makes the 101 response    (no I/O)
//!  admission      decides whether the caller may connect: every check before the 101
//!  session_start  from the 101 to a session; reads the `auth` frame where the request carried no credentials
//!  rejection_log  logs connections that were refused, at a limited rate
//!  connection     the one task of a connection: socket -> session, outbox -> socket
//!  shared         the state that all connections share
//!  socket         the WebSocket: frames in, frames out, close handshake
//!  heartbeat      pings, missed pings, the token's expiry                       (no I/O)
//! ```
//!
//! The hub performs the upgrade itself: warp's own keeps 128 KiB of read buffer for every connection.

mod admission;
mod connection;
mod handshake;
mod heartbeat;
mod rejection_log;
mod session_start;
mod shared;
mod socket;

use std::future::ready;

use chat_actors::Error;
use chat_actors::protocol::Socket;
use hyper::HeaderMap;
use hyper::upgrade::OnUpgrade;
use warp::filters::path::FullPath;
use warp::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, UPGRADE};
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::client_address::Peer;
use crate::http::error::ApiError;
use rejection_log::Caller;
use shared::Source;
pub use shared::{Options, Sockets};

/// The error message for every other version of the protocol.
const WRONG_VERSION: &str = "only version 13 of the WebSocket protocol is spoken here";

/// Returns the upgrade routes: `/chat`, `/notifications`, and both under `/ws`. All other requests are rejected.
pub fn routes(sockets: &Sockets) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let (routing, answering) = (sockets.clone(), sockets.clone());
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    // The path is matched first: a path that does not exist answers 404 to every method, never 405.
    warp::path::full()
        .and_then(move |path: FullPath| ready(socket_of(&routing, path.as_str()).ok_or_else(warp::reject::not_found)))
        .and(warp::get().or(warp::head()).unify())
        .and(warp::method())
        .and(warp::header::headers_cloned())
        .and(query)
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::ext::optional::<Peer>())
        .and_then(move |route, method: Method, headers: HeaderMap, query, upgrade, peer| {
            let wanted = method == Method::GET && handshake::is_upgrade(&headers);
            answer(answering.clone(), route, wanted, headers, query, upgrade, peer)
        })
}

fn socket_of(sockets: &Sockets, path: &str) -> Option<Route> {
    path.strip_prefix(sockets.0.base_path.as_str()).and_then(route)
}

async fn answer(
    sockets: Sockets,
    route: Route,
    wanted: bool,
    headers: HeaderMap,
    query: String,
    upgrade: Option<OnUpgrade>,
    peer: Option<Peer>,
) -> Result<Response, Rejection> {
    if !wanted {
        return if route.rest_too { Err(warp::reject::not_found()) } else { Ok(without_upgrade(&sockets, &headers)) };
    }
    // HTTP/1.0 and the like: hyper does not offer to upgrade.
    let Some(upgrade) = upgrade else { return Ok(upgrade_required()) };
    let peer = peer.map(|Peer(peer)| peer);
    let source = Source { peer, client: sockets.0.proxies.client(peer, &headers) };
    let request = admission::Request { socket: route.socket, headers: &headers, query: &query, source };
    let caller = Caller { peer, socket: route.socket, headers: Some(&headers) };
    Ok(match Box::pin(admission::admit(&sockets.0, &request)).await {
        Ok(admitted) => {
            let answer = handshake::switching(&admitted.accept, admitted.subprotocol);
            session_start::spawn(sockets, upgrade, admitted, source);
            answer
        }
        Err(admission::Error::Version) => {
            sockets.0.rejections.log(caller, &Error::bad_request(WRONG_VERSION));
            wrong_version()
        }
        Err(admission::Error::Refused(refused)) => {
            sockets.0.rejections.log(caller, &refused);
            ApiError::from(refused).into_response()
        }
    })
}

/// Answers a plain `GET` of a socket's path. Browsers do not tell a page why its upgrade failed, so the page asks with a
/// plain `GET`. A page of any origin may read that its origin is refused; the response holds nothing else.
fn without_upgrade(sockets: &Sockets, headers: &HeaderMap) -> Response {
    let Err(refused) = sockets.0.origins.check_upgrade(headers) else { return upgrade_required() };
    let mut response = ApiError::from(refused).into_response();
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// The socket behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    socket: Socket,
    /// Whether REST has a resource there, too.
    rest_too: bool,
}

fn route(path: &str) -> Option<Route> {
    // As in the rest of the edge, a trailing slash makes no difference.
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
