//! Finds the credentials of a request.

use chat_actors::Error;
use chat_database::change::Ticket;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};

use super::Authenticator;
use super::identity::{Identity, unauthorized};
use crate::headers::{cookies, listed};

/// The sub-protocol under which a browser can hand over a token.
pub const SUBPROTOCOL: &str = "bearer";

/// The maximum number of cookies that are tried: verifying a signature is expensive.
const MOST_COOKIES: usize = 8;

/// The credentials of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token that the caller sent explicitly.
    Token(String),
    /// Tokens that a browser sent by itself, as cookies. Any page can cause that, so writes also check the page's origin. A
    /// browser sends all cookies of the name, also those of other paths and of the parent domain, in any order: one of them must
    /// be valid.
    Cookie(Vec<String>),
    /// A token after `bearer` in `Sec-WebSocket-Protocol`.
    Subprotocol(String),
    /// A ticket.
    Ticket(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Token(_) => "Token",
            Self::Cookie(_) => "Cookie",
            Self::Subprotocol(_) => "Subprotocol",
            Self::Ticket(_) => "Ticket",
        })
    }
}

impl Credentials {
    /// Finds a token: `Authorization: Bearer`, then the cookie `token`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        bearer(headers).map(Self::Token).or_else(|| cookie(headers).map(Self::Cookie))
    }

    /// Finds the credentials of an upgrade request. Explicit credentials take precedence over the cookie.
    #[must_use]
    pub fn from_upgrade(headers: &HeaderMap, token: Option<&str>, ticket: Option<&str>) -> Option<Self> {
        bearer(headers)
            .map(Self::Token)
            .or_else(|| there(ticket).map(Self::Ticket))
            .or_else(|| there(token).map(Self::Token))
            .or_else(|| subprotocol(headers).map(Self::Subprotocol))
            .or_else(|| cookie(headers).map(Self::Cookie))
    }

    /// Tells whether a browser sent them by itself.
    #[must_use]
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }

    /// Verifies the credentials; a ticket must still be used up.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn verify(&self, by: &Authenticator) -> Result<(Identity, Option<Ticket>), Error> {
        match self {
            Self::Token(token) | Self::Subprotocol(token) => Ok((by.token(token)?, None)),
            Self::Cookie(tokens) => {
                let mut outcomes = tokens.iter().map(|token| by.token(token));
                // If all are refused, the error of the first one.
                let first = outcomes.next().unwrap_or_else(|| Err(unauthorized("the cookie `token` is empty")));
                first.or_else(|no| outcomes.find_map(Result::ok).ok_or(no)).map(|identity| (identity, None))
            }
            Self::Ticket(ticket) => by.ticket(ticket).map(|(identity, ticket)| (identity, Some(ticket))),
        }
    }
}

/// Treats an empty credential as absent.
fn there(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(AUTHORIZATION).into_iter();
    let mut values =
        values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()?.trim().split_once([' ', '\t']));
    values.find_map(|(scheme, token)| there(Some(token).filter(|_| scheme.eq_ignore_ascii_case("bearer"))))
}

fn cookie(headers: &HeaderMap) -> Option<Vec<String>> {
    let pairs = headers.get_all(COOKIE).into_iter().flat_map(cookies).filter(|(name, _)| *name == "token");
    let tokens = pairs.filter_map(|(_, token)| there(Some(unquoted(token))));
    Some(tokens.take(MOST_COOKIES).collect()).filter(|tokens: &Vec<_>| !tokens.is_empty())
}

/// Removes the quotes that a cookie's value may have (RFC 6265, 4.1.1).
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// Tells whether [`SUBPROTOCOL`] is offered: a browser that offers one closes the connection if the response names none.
#[must_use]
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    offered(headers).any(|name| name.eq_ignore_ascii_case(SUBPROTOCOL))
}

/// Reads `bearer, <jwt>`.
fn subprotocol(headers: &HeaderMap) -> Option<String> {
    let mut offered = offered(headers);
    offered.find(|name| name.eq_ignore_ascii_case(SUBPROTOCOL))?;
    offered.next().map(str::to_owned)
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    listed(headers, &SEC_WEBSOCKET_PROTOCOL)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chat_database::ids::UserId;
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::auth::mint::{self, Mint};
    use crate::auth::{Issuer, Keys, Role};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect()
    }

    #[test]
    fn a_token_is_found_wherever_it_may_stand() {
        let token = |text: &str| Some(Credentials::Token(text.into()));
        let cookie = |text: &str| Some(Credentials::Cookie(text.split(' ').map(str::to_owned).collect()));
        let sub = |text: &str| Some(Credentials::Subprotocol(text.into()));
        for (pairs, found) in [
            (&[][..], None),
            (&[("authorization", "Bearer a.b.c")], token("a.b.c")),
            (&[("authorization", "bearer  a.b.c ")], token("a.b.c")),
            (&[("authorization", "BEARER\ta.b.c")], token("a.b.c")),
            (&[("authorization", "Basic eDp5")], None),
            (&[("authorization", "Basic eDp5"), ("authorization", "Bearer a")], token("a")),
            (&[("authorization", "Bear\u{e9}r x"), ("cookie", "token=b")], cookie("b")),
            (&[("cookie", "theme=dark; token=a.b.c; x=y")], cookie("a.b.c")),
            (&[("cookie", "city=Yaound\u{e9}; token=a.b.c")], cookie("a.b.c")),
            (&[("cookie", "token=a.b.c;city=\u{e9}")], cookie("a.b.c")),
            (&[("cookie", "a=\"x; token = \"a.b.c\" ")], cookie("a.b.c")),
            (&[("cookie", "token=a; token=b"), ("cookie", "token=c")], cookie("a b c")),
            (&[("cookie", "mytoken=a.b.c; Token=d")], None),
            (&[("authorization", "Bearer a"), ("cookie", "token=b")], token("a")),
            (&[("sec-websocket-protocol", "bearer, a.b.c")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "b\u{e9}, bearer,, a.b.c")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "bearer"), ("sec-websocket-protocol", "a.b.c")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "bearer,a.b.c"), ("cookie", "token=b")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "chat, bearer")], None),
            (&[("sec-websocket-protocol", "chat")], None),
        ] {
            assert_eq!(Credentials::from_upgrade(&headers(pairs), None, None), found, "{pairs:?}");
        }
        let mut odd = headers(&[]);
        odd.insert(COOKIE, HeaderValue::from_bytes(b"city=Yaound\xe9; token=a").expect("a value"));
        assert_eq!(Credentials::from_headers(&odd), cookie("a"), "not even UTF-8");
    }

    #[test]
    fn an_empty_credential_is_one_that_is_not_there() {
        for empty in [
            &[("authorization", "")][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer  ")],
            &[("cookie", "token=")],
            &[("cookie", "token=\"\"; token= ")],
            &[("sec-websocket-protocol", "bearer, ")],
        ] {
            let alone = headers(empty);
            assert_eq!(Credentials::from_upgrade(&alone, Some(""), Some(" ")), None, "{empty:?}");
            let found = Credentials::from_upgrade(&alone, Some("jwt"), Some(""));
            assert_eq!(found, Some(Credentials::Token("jwt".into())), "{empty:?}");
            let found = Credentials::from_upgrade(&alone, Some(""), Some("ticket"));
            assert_eq!(found, Some(Credentials::Ticket("ticket".into())), "{empty:?}");
            let both: Vec<_> = empty.iter().copied().chain([("cookie", "token=good")]).collect();
            let found = Credentials::from_upgrade(&headers(&both), Some(""), None);
            assert_eq!(found, Some(Credentials::Cookie(vec!["good".into()])), "{empty:?}");
        }
    }

    #[test]
    fn one_cookie_of_the_name_must_be_good() {
        let secret = "a secret that is long enough for HS256";
        let keys = Keys::from_secrets([secret], &Issuer::default()).expect("a good secret");
        let by = Authenticator::new(keys, secret.as_bytes());
        let user = UserId::new(42).expect("an id");
        let mint = Mint {
            user,
            role: Role::User,
            expires_in: Duration::from_secs(60),
            peer: None,
            issuer: &Issuer::default(),
        };
        let good = mint::token(secret, &mint).expect("a token");
        let verified = |cookie: &str| {
            let shown = Credentials::from_headers(&headers(&[("cookie", cookie)])).expect("a cookie");
            shown.verify(&by).map(|(identity, _)| identity.user)
        };
        assert_eq!(verified(&format!("token=stale; token={good}")), Ok(user));
        assert_eq!(verified(&format!("token={good}; token=stale")), Ok(user));
        verified("token=stale; token=another").expect_err("neither is good");
        verified(&format!("{}token={good}", "token=stale; ".repeat(MOST_COOKIES)))
            .expect_err("that many are not tried");
    }

    #[test]
    fn a_ticket_goes_before_what_the_browser_adds() {
        let headers = headers(&[("cookie", "token=b")]);
        let found = Credentials::from_upgrade(&headers, Some("jwt"), Some("ticket"));
        assert_eq!(found, Some(Credentials::Ticket("ticket".into())));
        let found = Credentials::from_upgrade(&headers, Some("jwt"), None);
        assert_eq!(found, Some(Credentials::Token("jwt".into())));
    }
}
