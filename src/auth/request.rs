//! Where a credential stands in a request.

use chat_actors::Refused;
use chat_database::change::Ticket;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};

use super::{Authenticator, Identity};

/// The sub-protocol under which a browser can hand over a token.
pub const SUBPROTOCOL: &str = "bearer";

/// What a caller shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token that the caller put there itself.
    Token(String),
    /// A token that a browser put there by itself: any page could have caused that, so for everything that
    /// changes something the page's origin counts, too.
    Cookie(String),
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

    /// Finds what a WebSocket's request shows. What was put there for this very request goes before the cookie.
    #[must_use]
    pub fn from_upgrade(headers: &HeaderMap, token: Option<&str>, ticket: Option<&str>) -> Option<Self> {
        bearer(headers)
            .map(Self::Token)
            .or_else(|| ticket.map(|ticket| Self::Ticket(ticket.to_owned())))
            .or_else(|| token.map(|token| Self::Token(token.to_owned())))
            .or_else(|| subprotocol(headers).map(Self::Subprotocol))
            .or_else(|| cookie(headers).map(Self::Cookie))
    }

    /// Tells whether a browser sent it by itself.
    #[must_use]
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }

    /// Tells who shows it; a ticket is still to be used up.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn verify(&self, by: &Authenticator) -> Result<(Identity, Option<Ticket>), Refused> {
        match self {
            Self::Token(token) | Self::Cookie(token) | Self::Subprotocol(token) => Ok((by.token(token)?, None)),
            Self::Ticket(ticket) => by.ticket(ticket).map(|(identity, ticket)| (identity, Some(ticket))),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, token)| *name == "token" && !token.is_empty())?;
    Some(token.trim_matches('"').to_owned())
}

/// Tells whether [`SUBPROTOCOL`] is offered: a browser that offers one hangs up if the answer names none.
#[must_use]
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    offered(headers).any(|name| name.eq_ignore_ascii_case(SUBPROTOCOL))
}

/// Reads `bearer, <jwt>`.
fn subprotocol(headers: &HeaderMap) -> Option<String> {
    let mut offered = offered(headers);
    offered.find(|name| name.eq_ignore_ascii_case(SUBPROTOCOL))?;
    offered.next().filter(|token| !token.is_empty()).map(str::to_owned)
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
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
    fn a_token_is_found_wherever_it_may_stand() {
        let token = |text: &str| Some(Credentials::Token(text.into()));
        let cookie = |text: &str| Some(Credentials::Cookie(text.into()));
        let sub = |text: &str| Some(Credentials::Subprotocol(text.into()));
        for (pairs, found) in [
            (&[][..], None),
            (&[("authorization", "Bearer a.b.c")], token("a.b.c")),
            (&[("authorization", "bearer  a.b.c ")], token("a.b.c")),
            (&[("authorization", "Basic eDp5")], None),
            (&[("cookie", "theme=dark; token=a.b.c; x=y")], cookie("a.b.c")),
            (&[("cookie", "mytoken=a.b.c")], None),
            (&[("cookie", "token=")], None),
            (&[("authorization", "Bearer a"), ("cookie", "token=b")], token("a")),
            (&[("sec-websocket-protocol", "bearer, a.b.c")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "bearer,a.b.c"), ("cookie", "token=b")], sub("a.b.c")),
            (&[("sec-websocket-protocol", "chat, bearer")], None),
            (&[("sec-websocket-protocol", "chat")], None),
        ] {
            assert_eq!(Credentials::from_upgrade(&headers(pairs), None, None), found, "{pairs:?}");
        }
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
