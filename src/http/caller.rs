//! Who is calling a route.

use std::convert::Infallible;

use chat_actors::protocol::ErrorCode;
use chat_database::ids::UserId;
use warp::Filter;
use warp::http::header::HeaderName;
use warp::http::{HeaderMap, Method};

use super::Api;
use super::compression::takes_gzip;
use super::error::ApiError;
use crate::auth::{Credentials, Identity, Role};

/// Whom the client takes itself to act for.
const CHAT_USER: HeaderName = HeaderName::from_static("chat-user");

/// What a request shows of its caller; nothing is proven yet.
#[derive(Debug)]
pub(crate) struct Caller {
    headers: HeaderMap,
    writes: bool,
}

/// Takes what a request shows of its caller.
pub(crate) fn caller() -> impl Filter<Extract = (Caller,), Error = Infallible> + Copy {
    warp::header::headers_cloned().and(warp::method()).map(|headers, method: Method| {
        let writes = !method.is_safe();
        Caller { headers, writes }
    })
}

impl Caller {
    /// Tells who it is. What a browser sends by itself may change something for pages of the same site and of
    /// allowed origins alone.
    pub(crate) fn identity(&self, api: &Api) -> Result<Identity, ApiError> {
        let nothing =
            || ApiError::new(ErrorCode::Unauthorized, "show a token: Authorization: Bearer, or the cookie `token`");
        let credentials = Credentials::from_headers(&self.headers).ok_or_else(nothing)?;
        let (identity, _no_ticket) = credentials.verify(&api.authenticator)?;
        if self.writes && credentials.is_ambient() {
            api.origins.check_write(&self.headers)?;
        }
        Ok(identity)
    }

    /// Tells which person it is.
    pub(crate) fn user(&self, api: &Api) -> Result<UserId, ApiError> {
        let user = self.identity(api)?.user;
        if self.meant().is_some_and(|meant| meant != Some(user)) {
            let text = "the caller is not the user that Chat-User names: the session has become another one's";
            return Err(ApiError::new(ErrorCode::SenderMismatch, text));
        }
        Ok(user)
    }

    /// Returns whom the client means to act for, if it says so; `Some(None)` is nobody. A page that goes by a cookie does not
    /// see whose that is: it may have become another user's in another tab.
    fn meant(&self) -> Option<Option<UserId>> {
        let named = self.headers.get(CHAT_USER)?;
        Some(named.to_str().ok().and_then(|named| named.parse().ok()))
    }

    /// Tells which person it is who asks for something to read, and counts the question.
    pub(crate) fn reader(&self, api: &Api) -> Result<UserId, ApiError> {
        let user = self.user(api)?;
        api.hub.may_ask(user)?;
        Ok(user)
    }

    /// Tells whether they read what is packed.
    pub(super) fn takes_gzip(&self) -> bool {
        takes_gzip(&self.headers)
    }

    /// Lets the marketplace's core pass, and nobody else.
    pub(crate) fn service(&self, api: &Api) -> Result<(), ApiError> {
        match self.identity(api)?.role {
            Role::Service => Ok(()),
            Role::User | Role::Admin => {
                Err(ApiError::new(ErrorCode::Forbidden, "this takes a token with the role `service`"))
            }
        }
    }
}
