//! What the log says of those who are not let in: from where, at which door, and why; never what they have shown.
//!
//! Anybody can be refused as often as they like, so there are only so many lines a second, and the next one counts what was
//! left out.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chat_actors::Error;
use chat_actors::protocol::Socket;
use hyper::header::{HeaderMap, HeaderName, ORIGIN};

/// How many lines there are in a second.
const LINES: u32 = 10;

/// How much of a header is shown: it is whatever the other side says.
const SHOWN: usize = 100;

/// Where proxies say whom they ask for.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Says who was refused, within bounds.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

/// Who was refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    /// From where the connection comes: a proxy, if there is one.
    pub(super) peer: Option<SocketAddr>,
    /// Which socket was asked for. The address as it was asked may hold a token.
    pub(super) socket: Socket,
    /// The request's, if the door was refused there.
    pub(super) headers: Option<&'a HeaderMap>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Refusals {
    /// Says that a door was refused.
    pub(super) fn tell(&self, caller: Caller<'_>, refused: &Error) {
        let Some(left_out) = self.0.lock().unwrap_or_else(PoisonError::into_inner).line(Instant::now()) else { return };
        let Caller { peer, socket, headers } = caller;
        let door = match socket {
            Socket::Chat => "/chat",
            Socket::Notifications => "/notifications",
        };
        let peer = peer.map(tracing::field::display);
        let shown = |name| Some(headers?.get(name)?.to_str().ok()?.chars().take(SHOWN).collect::<String>());
        // What a proxy says of where it is asked from, and a browser of the page that asks.
        let (forwarded, origin) = (shown(FORWARDED), shown(ORIGIN));
        let (code, why) = (refused.code.as_str(), refused.message.as_str());
        tracing::info!(peer, forwarded, door, origin, code, why, left_out, "a connection was refused");
    }
}

impl Window {
    /// Takes a line of this second, if there is one; returns how many were left out before it.
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
    fn a_crowd_at_the_door_does_not_fill_the_log() {
        let (mut window, now) = (Window::default(), Instant::now());
        let lines = (0..1_000).filter_map(|_| window.line(now)).collect::<Vec<_>>();
        assert_eq!(lines, [0; LINES as usize]);
        assert_eq!(window.line(now + Duration::from_millis(999)), None);
        assert_eq!(window.line(now + Duration::from_secs(1)), Some(991), "what was left out is counted");
        assert_eq!(window.line(now + Duration::from_secs(1)), Some(0));
    }
}
