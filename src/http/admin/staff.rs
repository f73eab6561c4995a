//! Authorization of the staff: the role `admin`, and what `CHAT_ADMIN` allows.

use chat_actors::admin::By;
use chat_actors::protocol::ErrorCode;
use utoipa::IntoResponses;

use super::objects::RestrictionObject;
use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::credentials::Caller;
use crate::http::error::{ApiError, ErrorBody};

/// The refusals of a route that only reads.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes the answers, which are made of an `ApiError`")]
pub(crate) enum NotShown {
    /// `forbidden`: not the role `admin`
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `not_found`: `CHAT_ADMIN=off`
    #[response(status = 404)]
    NotFound(ErrorBody),
}

/// The answers of a route that restricts a user.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes the answers, which handlers make")]
pub(crate) enum Restricted {
    /// What the user may not do now
    #[response(status = 200)]
    Now(RestrictionObject),
    /// `forbidden`: not the role `admin`, or not `CHAT_ADMIN=write`
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// Requires the role `admin`, and that `CHAT_ADMIN` allows at least `needed`; returns who acts, for the audit log.
pub(super) fn staff(api: &Api, caller: &Caller, needed: AdminMode) -> Result<By, ApiError> {
    caller.admin(api)?;
    if api.admin == AdminMode::Off {
        return Err(ApiError::no_such_route());
    }
    if api.admin < needed {
        let text = "this hub lets the staff look, and change nothing: start it with CHAT_ADMIN=write";
        return Err(ApiError::new(ErrorCode::Forbidden, text));
    }
    caller.by(api)
}
