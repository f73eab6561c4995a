//! Which pages may open sockets, and act by cookie.

use std::sync::Arc;

use chat_actors::Refused;
use chat_actors::protocol::ErrorCode;
use hyper::Uri;
use hyper::header::{HOST, HeaderMap, ORIGIN};

/// The pages that may ask. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Policy(Arc<[String]>);

impl Policy {
    /// Takes the allowed origins, as [`normalise`] writes them.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self(allowed.into())
    }

    /// Lets an upgrade pass: without `Origin` (no browser), from the same origin, or from an allowed one.
    ///
    /// # Errors
    /// `forbidden_origin`.
    pub fn check_upgrade(&self, headers: &HeaderMap) -> Result<(), Refused> {
        if !headers.contains_key(ORIGIN) || self.origin_allowed(headers) { Ok(()) } else { Err(forbidden()) }
    }

    /// Tells whether the page that caused a request may act by cookie: it is of the same site, or its origin is
    /// allowed. What says nothing of the page is not enough.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        matches!(site, Some("same-origin" | "same-site" | "none")) || self.origin_allowed(headers)
    }

    /// Lets a request that changes something and came with a cookie pass.
    ///
    /// # Errors
    /// `forbidden_origin`.
    pub fn check_write(&self, headers: &HeaderMap) -> Result<(), Refused> {
        if self.allows(headers) { Ok(()) } else { Err(forbidden()) }
    }

    fn origin_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN).and_then(|value| value.to_str().ok()) else { return false };
        let Some(origin) = normalise(origin) else { return false };
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        self.0.contains(&origin) || host.is_some_and(|host| same_host(&origin, host))
    }
}

/// Writes an origin as browsers do: scheme and host in lower case, no default port, no path. `None` if it is none.
#[must_use]
pub fn normalise(text: &str) -> Option<String> {
    let uri: Uri = text.trim().parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let host = authority.as_str().to_ascii_lowercase();
    let host = host.strip_suffix(default).unwrap_or(&host);
    (bare && !host.is_empty()).then(|| format!("{scheme}://{host}"))
}

/// Compares an origin with the request's own `Host`. The scheme is the proxy's affair.
fn same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, of_page)) = origin.split_once("://") else { return false };
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(host);
    of_page.eq_ignore_ascii_case(host)
}

fn forbidden() -> Refused {
    Refused::new(ErrorCode::ForbiddenOrigin, "pages of this origin may not do that; see CHAT_ALLOWED_ORIGINS")
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        for (text, origin) in [
            ("https://Shop.Example", Some("https://shop.example")),
            ("https://shop.example:443/", Some("https://shop.example")),
            ("http://shop.example:8080", Some("http://shop.example:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("shop.example", None),
            ("https://shop.example/path", None),
            ("https://me@shop.example", None),
            ("ftp://shop.example", None),
            ("null", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(normalise(text).as_deref(), origin, "{text}");
        }
    }

    #[test]
    fn upgrades_and_cookies() {
        let policy = Policy::new(vec!["https://shop.example".into()]);
        for (pairs, upgrade, write) in [
            (&[][..], true, false),
            (&[("origin", "https://shop.example")], true, true),
            (&[("origin", "https://shop.example.evil")], false, false),
            (&[("origin", "http://shop.example")], false, false),
            (&[("origin", "null")], false, false),
            (&[("origin", "https://chat.example"), ("host", "chat.example")], true, true),
            (&[("origin", "http://chat.example:81"), ("host", "chat.example")], false, false),
            (&[("origin", "https://other.example"), ("sec-fetch-site", "same-site")], false, true),
            (&[("origin", "https://other.example"), ("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "same-origin")], true, true),
        ] {
            let headers = headers(pairs);
            assert_eq!(policy.check_upgrade(&headers).is_ok(), upgrade, "{pairs:?}");
            assert_eq!(policy.allows(&headers), write, "{pairs:?}");
        }
    }
}
