//! `GET /chat/profiles`: what the marketplace says of people.

use chat_database::ids::UserId;
use chat_database::objects::{Profile, PublicProfile};
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::{get_or_head, on_low_priority, with_api};
use super::query::{Query, query};
use super::response;

/// The maximum number of users of a request.
const MAX_USERS: usize = 1_000;

/// The profiles of those users who share a thread with the caller, and of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileList {
    /// The profiles, by user; users without a common thread, and of whom nothing is known, are left out.
    profiles: Vec<ShownProfile>,
    /// Whether there are more of those that were asked for than a page has room for.
    has_more: bool,
}

/// A user's profile, as other users see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownProfile {
    /// The user.
    user_id: UserId,
    /// The name, and what is shown beside it.
    #[serde(flatten)]
    public: PublicProfile,
    /// The user's language: a BCP 47 tag.
    locale: Option<String>,
    /// The user's time zone: a name of the IANA database.
    timezone: Option<String>,
}

impl From<Profile> for ShownProfile {
    /// Leaves out how the user is reached.
    fn from(profile: Profile) -> Self {
        let Profile { user_id, public, locale, timezone, email: _, contactable: _ } = profile;
        Self { user_id, public, locale, timezone }
    }
}

/// `GET /chat/profiles`
pub(super) fn list(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("profiles")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_profiles))
}

/// Reads the profiles of users who share a thread with the caller, and the caller's own.
#[utoipa::path(
    get,
    path = "/chat/profiles",
    tag = "marketplace",
    params(("ids" = String, Query, description = "Ids with commas between them, at most 1,000", example = "1,2")),
    responses((status = 200, description = "The profiles", body = ProfileList)),
)]
pub(crate) async fn get_profiles(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let asker = caller.reader(&api)?;
    let asked = query.ids("ids", MAX_USERS)?;
    let (known, has_more) = api.hub.profiles(asker, &asked).await?;
    Ok(response::ok(&ProfileList { profiles: known.into_iter().map(ShownProfile::from).collect(), has_more }))
}
