//! Logs refused connections: the peer's address, the socket, the reason; never the credentials.
//!
//! Clients can be refused as often as they like, so the log is limited to a few lines a second, and the next line counts those
//! that were left out.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_actors::Error;
use chat_actors::protocol::Socket;
use hyper::header::{HeaderMap, HeaderName, ORIGIN};

/// The maximum number of lines per second.
const LINES: u32 = 10;

/// How many characters of a header are logged: the client may write anything into it.
const SHOWN: usize = 100;

/// The header in which a proxy names the client's address.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Logs refused connections at a limited rate.
#[derive(Debug, Default)]
pub(super) struct RejectionLog(Mutex<Window>);

/// A caller whose connection was refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    /// The peer address of the connection: the proxy's, if there is a proxy.
    pub(super) peer: Option<SocketAddr>,
    /// The socket that was requested. The URL itself is not logged: it may hold a token.
    pub(super) socket: Socket,
    /// The request's headers, if the upgrade itself was refused.
    pub(super) headers: Option<&'a HeaderMap>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl RejectionLog {
    /// Logs a refused connection.
    pub(super) fn log(&self, caller: Caller<'_>, refused: &Error) {
        let Some(left_out) = self.0.lock().unwrap_or_else(PoisonError::into_inner).line(Instant::now()) else { return };
        let Caller { peer, socket, headers } = caller;
        let door = match socket {
            Socket::Chat => "/chat",
            Socket::Notifications => "/notifications",
        };
        let peer = peer.map(tracing::field::display);
        let text = |name| Some(String::from_utf8_lossy(headers?.get(name)?.as_bytes()));
        let shown = |name| Some(text(name)?.chars().take(SHOWN).collect::<String>());
        let (forwarded, origin) = (shown(FORWARDED), shown(ORIGIN));
        let (code, why) = (refused.code.as_str(), refused.message.as_str());
        tracing::info!(peer, forwarded, door, origin, code, why, left_out, "a connection was refused");
    }
}

impl Window {
    /// Returns how many lines were left out before this one; `None`: this second's lines are used up.
    fn line(&mut self, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.duration_since(began) >= Duration::from_secs(1)) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if self.lines == LINES {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_do_not_fill_the_log() {
        let (mut window, now) = (Window::default(), Instant::now());
        let lines = (0..1_000).filter_map(|_| window.line(now)).collect::<Vec<_>>();
        assert_eq!(lines, [0; LINES as usize]);
        assert_eq!(window.line(now + Duration::from_millis(999)), None);
        assert_eq!(window.line(now + Duration::from_secs(1)), Some(991), "what was left out is counted");
        assert_eq!(window.line(now + Duration::from_secs(1)), Some(0));
    }
}
