//! `/admin/users`, `/admin/threads`, `/admin/audit` and `/admin/state`: what the marketplace's staff may read and restrict.
//! `/admin/webhooks` is in `http/webhooks.rs`.
//!
//! `CHAT_ADMIN` decides whether these routes exist, and whether they may change anything. Every act of the staff is a row of
//! the audit log.

pub(crate) mod audit;
pub(crate) mod objects;
mod staff;
pub(crate) mod state;
pub(crate) mod threads;
pub(crate) mod users;

use warp::reply::Response;
use warp::{Filter, Rejection};

use super::api::Api;
use super::filters::one_of;

/// `/admin/users`, `/admin/threads`, `/admin/audit`, `/admin/state`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    one_of![users::routes(api), threads::routes(api), audit::routes(api), state::routes(api)]
}
