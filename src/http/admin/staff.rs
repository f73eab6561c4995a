//! What the staff may do here.

use chat_actors::admin::By;
use chat_actors::protocol::ErrorCode;

use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::credentials::Caller;
use crate::http::error::ApiError;

/// Requires the role `admin`, and that the staff may do so here; returns who acts.
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
