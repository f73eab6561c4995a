//! The origins whose pages may open sockets, and write by cookie.

use std::net::Ipv6Addr;
use std::sync::Arc;

use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use crate::headers;

/// URL schemes that are never the origin of a page: a configured origin with one of them is a mistake.
const NO_PAGES: [&str; 8] = ["about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"];

/// The policy about origins. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Arc<[String]>,
    own: Own,
}

/// Whether a page counts as the hub's own if its origin equals the request's `Host`.
///
/// With DNS rebinding, an attacker's name resolves to the hub, and `Host` holds that name, too. The browser then sends no cookies
/// of the hub, so the page cannot act for a user. But where access needs no credentials, as in development mode, and for reading
/// responses (CORS), an equal `Host` must not be enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Own {
    /// It does not: the hub's own origin must be on the list.
    #[default]
    Listed,
    /// It does, with any scheme: a proxy before the hub may speak TLS.
    ByHost,
    /// It does if its scheme is `https`: the hub itself speaks TLS.
    ByHostAndTls,
}

impl Policy {
    /// Makes a policy of the allowed origins, as [`normalise`] writes them.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed: allowed.into(), own: Own::Listed }
    }

    /// Sets whether an origin that equals `Host` counts as the hub's own.
    #[must_use]
    pub fn with_own(self, own: Own) -> Self {
        Self { own, ..self }
    }

    /// Checks an upgrade: it passes without `Origin` (no browser), from the same origin, or from an allowed one.
    ///
    /// # Errors
    /// `forbidden_origin`.
    pub fn check_upgrade(&self, headers: &HeaderMap) -> Result<(), Error> {
        if !headers.contains_key(ORIGIN) || self.may_act(headers) { Ok(()) } else { Err(forbidden()) }
    }

    /// Tells whether the page that caused a request may write by cookie: it is of the same site, or its origin is allowed. A
    /// request that does not name its page may not.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let site = headers::value(headers, &HeaderName::from_static("sec-fetch-site"));
        matches!(site, Some("same-origin" | "same-site" | "none")) || self.may_act(headers)
    }

    /// Checks a write that is authenticated by a cookie.
    ///
    /// # Errors
    /// `forbidden_origin`.
    pub fn check_write(&self, headers: &HeaderMap) -> Result<(), Error> {
        if self.allows(headers) { Ok(()) } else { Err(forbidden()) }
    }

    /// Tells whether a page of another origin may read the response: its origin is on the list.
    #[must_use]
    pub fn may_read(&self, headers: &HeaderMap) -> bool {
        origin(headers).is_some_and(|origin| self.allowed.contains(&origin))
    }

    fn may_act(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = origin(headers) else { return false };
        let own = match self.own {
            Own::Listed => false,
            Own::ByHost => same_host(&origin, headers),
            Own::ByHostAndTls => origin.starts_with("https://") && same_host(&origin, headers),
        };
        own || self.allowed.contains(&origin)
    }
}

/// Returns the origin of the page; `None` if the request names more than one.
fn origin(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(ORIGIN).into_iter();
    let (Some(origin), None) = (given.next(), given.next()) else { return None };
    normalise(origin.to_str().ok()?)
}

/// Writes an origin as browsers do: scheme, host and port, in lower case, without the scheme's default port, and no path. `None`
/// if the text is not an origin. The scheme may be an app's or an extension's (`capacitor://localhost`,
/// `chrome-extension://<id>`); the rest is then compared as it is.
#[must_use]
pub fn normalise(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let (scheme, rest) = text.split_once("://")?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"+-.".contains(&letter));
    if !is_scheme || NO_PAGES.contains(&scheme) {
        return None;
    }
    let (host, port) = authority(rest.strip_suffix('/').unwrap_or(rest))?;
    let own = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    Some(match port.filter(|port| Some(*port) != own) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// Splits host and port. Host names consist of ASCII letters, digits and `-._`.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        (format!("[{address}]"), if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else {
        let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        (plain.then(|| name.to_owned())?, port)
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match port {
        None => Some((host, None)),
        Some(port) => digits(port).filter(|port| *port > 0).map(|port| (host, Some(port))),
    }
}

/// Compares an origin with the request's own `Host`.
fn same_host(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme, _)) = origin.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https")) else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.and_then(|host| normalise(&format!("{scheme}://{host}"))).is_some_and(|host| host == origin)
}

fn forbidden() -> Error {
    Error::new(ErrorCode::ForbiddenOrigin, "pages of this origin may not do that; see CHAT_ALLOWED_ORIGINS")
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        for (text, origin) in [
            ("https://Shop.Example", "https://shop.example"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://shop.example:8080", "http://shop.example:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("app://-", "app://-"),
            ("app://obsidian.md/", "app://obsidian.md"),
            (
                "Chrome-Extension://Mhjfbmdgcfjbbpaeojofohoefgiehjai",
                "chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai",
            ),
            (
                "moz-extension://7d2b1c4e-0000-4000-8000-5c0de1f2a3b4",
                "moz-extension://7d2b1c4e-0000-4000-8000-5c0de1f2a3b4",
            ),
            ("shop.app+1://localhost:443", "shop.app+1://localhost:443"),
        ] {
            assert_eq!(normalise(text).as_deref(), Some(origin), "{text}");
        }
        for text in [
            "shop.example",
            "https://shop.example/path",
            "https://shop.example?x",
            "https://me@shop.example",
            "https://*.shop.example",
            "https://shop.example:",
            "https://shop.example:0",
            "https://shop.example:65536",
            "https://shop.example:+80",
            "https://shop example",
            "https://caf\u{e9}.example",
            "https://[::1",
            "https://[shop]",
            "https://[::1]x",
            "https://",
            "https:///",
            "://shop.example",
            "1app://localhost",
            "ca pacitor://localhost",
            "capacitor://",
            "capacitor://localhost/index.html",
            "capacitor:localhost",
            "ftp://shop.example",
            "wss://shop.example",
            "file://",
            "file://localhost",
            "null",
            "*",
            "",
        ] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    #[test]
    fn an_app_is_allowed_as_exactly_that_app() {
        let allowed = ["capacitor://localhost", "chrome-extension://abcd", "http://tauri.localhost", "app://shop:8080"];
        let policy = Policy::new(allowed.iter().filter_map(|text| normalise(text)).collect());
        for (origin, good) in [
            ("capacitor://localhost", true),
            ("ionic://localhost", false),
            ("capacitor://localhost:8080", false),
            ("capacitor://localhost.evil.example", false),
            ("http://localhost", false),
            ("chrome-extension://abcd", true),
            ("moz-extension://abcd", false),
            ("chrome-extension://abce", false),
            ("http://tauri.localhost", true),
            ("https://tauri.localhost", false),
            ("app://shop:8080", true),
            ("app://shop", false),
            ("null", false),
            ("file://", false),
        ] {
            let headers = headers(&[("origin", origin), ("host", "localhost")]);
            assert_eq!(policy.check_upgrade(&headers).is_ok(), good, "{origin}");
            assert_eq!(policy.allows(&headers), good, "{origin}");
            assert_eq!(policy.may_read(&headers), good, "{origin}");
        }
    }

    #[test]
    fn upgrades_and_cookies() {
        let policy = Policy::new(vec!["https://shop.example".into()]).with_own(Own::ByHost);
        for (pairs, upgrade, write, read) in [
            (&[][..], true, false, false),
            (&[("origin", "https://shop.example")], true, true, true),
            (&[("origin", "https://shop.example.evil")], false, false, false),
            (&[("origin", "http://shop.example")], false, false, false),
            (&[("origin", "null")], false, false, false),
            (&[("origin", "https://shop.example"), ("origin", "https://evil.example")], false, false, false),
            (&[("origin", "https://chat.example"), ("host", "chat.example")], true, true, false),
            (&[("origin", "https://chat.example"), ("host", "Chat.Example:443")], true, true, false),
            (&[("origin", "http://chat.example:81"), ("host", "chat.example")], false, false, false),
            (&[("origin", "capacitor://chat.example"), ("host", "chat.example")], false, false, false),
            (&[("origin", "https://other.example"), ("sec-fetch-site", "same-site")], false, true, false),
            (&[("origin", "https://other.example"), ("sec-fetch-site", "cross-site")], false, false, false),
            (&[("sec-fetch-site", "same-origin")], true, true, false),
        ] {
            let headers = headers(pairs);
            assert_eq!(policy.check_upgrade(&headers).is_ok(), upgrade, "{pairs:?}");
            assert_eq!(policy.allows(&headers), write, "{pairs:?}");
            assert_eq!(policy.may_read(&headers), read, "{pairs:?}");
        }
    }

    #[test]
    fn our_own_page_is_known_by_the_host_where_nothing_better_is_known() {
        for (own, by_http, by_https) in
            [(Own::Listed, false, false), (Own::ByHost, true, true), (Own::ByHostAndTls, false, true)]
        {
            let policy = Policy::new(Vec::new()).with_own(own);
            for (origin, good) in [("http://chat.example", by_http), ("https://chat.example", by_https)] {
                let headers = headers(&[("origin", origin), ("host", "chat.example")]);
                assert_eq!(policy.check_upgrade(&headers).is_ok(), good, "{own:?} {origin}");
                assert!(!policy.may_read(&headers), "{own:?} {origin}");
            }
        }
    }
}
