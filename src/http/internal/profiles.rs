//! `PUT /internal/profiles`: stores what the marketplace's core says of users.

use chat_database::ids::UserId;
use chat_database::objects::{ContactChannel, MarketRole, Profile, PublicProfile};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::{checks, items};
use crate::http::api::Api;
use crate::http::body::{Body, body};
use crate::http::credentials::{Caller, caller};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::filters::with_api;
use crate::http::response;

/// The maximum number of profiles of a request.
const MAX_PROFILES: usize = 1_000;

/// The maximum number of characters of a name.
const NAME_CHARS: usize = 80;

/// Profiles, each of which replaces the one before.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewProfiles {
    /// The profiles.
    #[schema(value_type = Vec<NewProfile>, max_items = 1000)]
    profiles: Vec<Value>,
}

/// What the core says of a user.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewProfile {
    /// The user.
    user_id: UserId,
    /// The user's name.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Where the user's picture is; the hub does not fetch it.
    #[schema(max_length = 2048)]
    avatar_url: Option<String>,
    /// The user's language: a BCP 47 tag.
    locale: Option<String>,
    /// The user's time zone: a name of the IANA database.
    timezone: Option<String>,
    /// Whether the marketplace has verified the user; false if left out.
    verified: Option<bool>,
    /// Whether the user mostly buys or sells.
    role: Option<MarketRole>,
    /// The user's address for mail; no other user sees it.
    #[schema(max_length = 254)]
    email: Option<String>,
    /// How the core may reach the user; no other user sees it.
    contactable: Option<Vec<ContactChannel>>,
}

/// The result of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changed {
    /// The number of things that are new or say something else now.
    pub(super) changed: usize,
}

/// `PUT /internal/profiles`
pub(crate) fn put(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("profiles")
        .and(warp::put())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(put_profiles)
        .map(Reply::into_response)
}

/// Stores profiles: all of them, or none. For the marketplace's core: role `service`.
#[utoipa::path(
    put,
    path = "/internal/profiles",
    tag = "marketplace",
    request_body = NewProfiles,
    responses(
        (status = 200, description = "They are stored", body = Changed),
        (status = 400, description = "`bad_request`: names the bad profile by its place and its user", body = ErrorBody),
        (status = 403, description = "`forbidden`: not the role `service`", body = ErrorBody),
        (status = 413, description = "`bad_request`: more than 4 MiB", body = ErrorBody),
    ),
)]
pub(crate) async fn put_profiles(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    if let Err(error) = caller.service(&api) {
        return Err(body.refuse(error).await);
    }
    let NewProfiles { profiles } = body.json_within(items::BODY_LIMIT).await?;
    let check = |profile: NewProfile| profile.checked(api.http_urls);
    let profiles = items::read(("profiles", "user_id"), profiles, MAX_PROFILES, check)?;
    let changed = api.hub.put_profiles(profiles).await?;
    Ok(response::ok(&Changed { changed }))
}

impl NewProfile {
    fn checked(self, http_urls: bool) -> Result<Profile, String> {
        let url = |text| checks::url("avatar_url", text, http_urls);
        let public = PublicProfile {
            name: checks::line("name", self.name, NAME_CHARS)?,
            avatar_url: checks::optional(self.avatar_url, url)?,
            verified: self.verified.unwrap_or_default(),
            role: self.role,
        };
        let mut contactable = self.contactable.unwrap_or_default();
        contactable.sort_unstable();
        contactable.dedup();
        Ok(Profile {
            user_id: self.user_id,
            public,
            locale: checks::optional(self.locale, |text| checks::locale("locale", &text))?,
            timezone: checks::optional(self.timezone, |text| checks::time_zone("timezone", &text))?,
            email: checks::optional(self.email, |text| checks::email("email", text))?,
            contactable,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(profile: Value) -> Result<Profile, String> {
        serde_json::from_value::<NewProfile>(profile).map_err(|error| error.to_string())?.checked(false)
    }

    #[test]
    fn a_profile_is_read_with_what_it_leaves_out() {
        let bare = read(json!({"user_id": "7", "name": "Amani", "avatar_url": null, "later": 1})).expect("a profile");
        assert_eq!((bare.user_id.get(), bare.public.verified, bare.public.role), (7, false, None));
        assert_eq!((bare.public.avatar_url, bare.locale, bare.email, bare.contactable), (None, None, None, vec![]));
        let full = json!({
            "user_id": 7, "name": "Amani", "avatar_url": "https://shop.example/7.webp", "locale": "fr-cd", "timezone": "Africa/Lubumbashi",
            "verified": true, "role": "seller", "email": "amani@shop.example", "contactable": ["email", "whatsapp", "email"],
        });
        let full = read(full).expect("a profile");
        assert_eq!(full.locale.as_deref(), Some("fr-CD"));
        assert_eq!(full.contactable, [ContactChannel::Whatsapp, ContactChannel::Email]);
        assert_eq!(full.public.role, Some(MarketRole::Seller));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let with = |field: &str, value: Value| {
            let mut profile = json!({"user_id": 7, "name": "Amani"});
            profile[field] = value;
            profile
        };
        for profile in [
            json!({"name": "Amani"}),
            json!({"user_id": 7}),
            with("user_id", json!(0)),
            with("name", json!(" ")),
            with("name", json!("x".repeat(81))),
            with("avatar_url", json!("http://shop.example/7.webp")),
            with("locale", json!("French")),
            with("timezone", json!("Africa/Goma")),
            with("verified", json!("yes")),
            with("role", json!("admin")),
            with("email", json!("amani")),
            with("contactable", json!(["fax"])),
        ] {
            assert!(read(profile.clone()).is_err(), "{profile}");
        }
    }
}
