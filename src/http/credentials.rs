//! The caller of a route: the credentials of a request, verified when a handler asks for them.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use chat_actors::admin::By;
use chat_actors::protocol::ErrorCode;
use chat_database::audit::Act;
use chat_database::ids::UserId;
use warp::Filter;
use warp::http::header::HeaderName;
use warp::http::{HeaderMap, Method};

use super::api::Api;
use super::compression;
use super::error::ApiError;
use crate::auth::{Credentials, Identity, Purpose, Role, authenticate};
use crate::client_address::Peer;

/// The header that names the user for whom the client believes to act.
const CHAT_USER: HeaderName = HeaderName::from_static("chat-user");

/// The parts of a request that tell who calls. They are verified once, when a handler first asks for the caller.
#[derive(Debug)]
pub(crate) struct Caller {
    headers: HeaderMap,
    peer: Option<SocketAddr>,
    writes: bool,
    verified: OnceLock<Identity>,
}

/// Extracts the [`Caller`] of a request.
pub(crate) fn caller() -> impl Filter<Extract = (Caller,), Error = Infallible> + Copy {
    let peer = warp::ext::optional::<Peer>();
    warp::header::headers_cloned().and(warp::method()).and(peer).map(|headers, method: Method, peer: Option<Peer>| {
        let writes = !method.is_safe();
        Caller { headers, peer: peer.map(|Peer(peer)| peer), writes, verified: OnceLock::new() }
    })
}

impl Caller {
    /// Verifies the credentials. A cookie, which browsers send by themselves, authorizes writes only for pages of the same site
    /// and of allowed origins.
    pub(crate) fn identity(&self, api: &Api) -> Result<Identity, ApiError> {
        if let Some(verified) = self.verified.get() {
            return Ok(*verified);
        }
        let Some(credentials) = Credentials::from_headers(&self.headers) else {
            self.check_address_rate(api)?;
            let text = "show a token: Authorization: Bearer, or the cookie `token`";
            return Err(ApiError::new(ErrorCode::Unauthorized, text));
        };
        let client = self.client_address(api);
        let (identity, _no_ticket) =
            authenticate(&credentials, &api.authenticator, &api.hub, client, Purpose::Request)?;
        if self.writes && credentials.is_ambient() {
            api.origins.check_write(&self.headers)?;
        }
        Ok(*self.verified.get_or_init(|| identity))
    }

    /// Tells whether the request shows any credentials, good or not.
    pub(super) fn shows_credentials(&self) -> bool {
        Credentials::from_headers(&self.headers).is_some()
    }

    /// Verifies the credentials and returns the user. Refuses the request if `Chat-User` names another one.
    pub(crate) fn user(&self, api: &Api) -> Result<UserId, ApiError> {
        let user = self.identity(api)?.user;
        if self.expected_user().is_some_and(|expected| expected != Some(user)) {
            let text = "the caller is not the user that Chat-User names: the session has become another one's";
            return Err(ApiError::new(ErrorCode::SenderMismatch, text));
        }
        Ok(user)
    }

    /// Returns the user that `Chat-User` names; `Some(None)` if the header is no user id. The header protects a page that
    /// authenticates by a cookie, which it cannot read: another tab may have replaced the cookie by another user's.
    fn expected_user(&self) -> Option<Option<UserId>> {
        let named = self.headers.get(CHAT_USER)?;
        Some(named.to_str().ok().and_then(|named| named.parse().ok()))
    }

    /// Verifies the credentials, returns the user, and counts the request against the user's query rate.
    pub(crate) fn reader(&self, api: &Api) -> Result<UserId, ApiError> {
        let user = self.user(api)?;
        api.hub.may_ask(user)?;
        if self.identity(api)?.role != Role::User {
            self.note_read(api, Act::ChatRead, 1)?;
        }
        Ok(user)
    }

    /// Counts in the audit log how many objects the caller reads with a token of the role `admin` or `service`.
    pub(crate) fn note_read(&self, api: &Api, what: Act, objects: usize) -> Result<(), ApiError> {
        let By { who, from } = self.by(api)?;
        api.hub.audit().read(what, who, from, objects as u64);
        Ok(())
    }

    /// Returns who calls, and from where, as the audit log names them.
    pub(crate) fn by(&self, api: &Api) -> Result<By, ApiError> {
        let Identity { user, role, .. } = self.identity(api)?;
        let from = self.client_address(api).map(|address| address.to_string());
        Ok(By { who: format!("{}:{user}", role.as_str()), from })
    }

    /// Counts a request that shows no good token, or needs none, against the rate of its client address.
    pub(crate) fn check_address_rate(&self, api: &Api) -> Result<(), ApiError> {
        Ok(api.hub.check_address_rate(self.client_address(api))?)
    }

    fn client_address(&self, api: &Api) -> Option<IpAddr> {
        api.proxies.client(self.peer, &self.headers)
    }

    /// Tells whether the client accepts gzip.
    pub(super) fn accepts_gzip(&self) -> bool {
        compression::accepts_gzip(&self.headers)
    }

    /// Requires the role `admin`, which the marketplace's staff has.
    pub(crate) fn admin(&self, api: &Api) -> Result<(), ApiError> {
        match self.identity(api)?.role {
            Role::Admin => Ok(()),
            Role::User | Role::Service => {
                Err(ApiError::new(ErrorCode::Forbidden, "this takes a token with the role `admin`"))
            }
        }
    }

    /// Requires the role `service`, which only the marketplace's core has.
    pub(crate) fn service(&self, api: &Api) -> Result<(), ApiError> {
        match self.identity(api)?.role {
            Role::Service => Ok(()),
            Role::User | Role::Admin => {
                Err(ApiError::new(ErrorCode::Forbidden, "this takes a token with the role `service`"))
            }
        }
    }
}
