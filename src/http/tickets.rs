//! `POST /chat/ticket`: for browsers that must not put a token in a URL.

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::with_api;
use super::response;
use crate::auth::TICKET_SECONDS;

/// A ticket.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewTicket {
    /// The ticket; it is passed as `?ticket=`, and is valid for one connection.
    ticket: String,
    /// Its lifetime in seconds.
    expires_in: u64,
}

/// `POST /chat/ticket`
pub(super) fn issue(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("ticket")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .then(issue_ticket)
        .map(Reply::into_response)
}

/// Issues a ticket, valid for one WebSocket connection of the caller.
#[utoipa::path(
    post,
    path = "/chat/ticket",
    tag = "connections",
    responses((status = 200, description = "A ticket", body = NewTicket)),
)]
pub(crate) async fn issue_ticket(api: Api, caller: Caller) -> Result<Response, ApiError> {
    let ticket = api.authenticator.mint_ticket(caller.reader(&api)?);
    Ok(response::ok(&NewTicket { ticket, expires_in: TICKET_SECONDS }))
}
