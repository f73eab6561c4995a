//! `/internal`: the routes of the marketplace's core. This file has the one for notifications.
//!
//! ```text
//!  profiles       the profiles of users
//!  cards          the cards that conversations are about
//!  messages       system messages
//!  items          reads lists; a refusal names the bad item
//!  checks         validates names, URLs, locales, time zones and more; language_tag, currency: two of these formats
//! ```

pub(crate) mod cards;
mod checks;
mod currency;
mod items;
mod language_tag;
pub(crate) mod messages;
pub(crate) mod profiles;

use chat_actors::hub::NotificationRequest;
use chat_actors::is_blank;
use chat_database::ids::{ProductId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::with_api;
use super::response;

/// The maximum number of recipients of a request.
const MAX_RECIPIENTS: usize = 1_000;

/// A notification for one person or many.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewNotification {
    /// The recipient.
    user_id: Option<UserId>,
    /// The recipients; either this or `user_id`.
    #[schema(min_items = 1, max_items = 1000)]
    user_ids: Option<Vec<UserId>>,
    /// The kind of notification: letters, digits, `_`, `-`, `.` and `:`. `chat` is the hub's own.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 64)]
    kind: String,
    /// The title, one line.
    #[schema(min_length = 1, max_length = 255)]
    title: String,
    /// The text below the title.
    #[schema(max_length = 4000)]
    body: String,
    /// The id of the object that it is about, of any kind that the marketplace has.
    related_id: Option<ProductId>,
    /// A person gets one notification per key, for ever; 1–128 bytes.
    #[schema(min_length = 1, max_length = 128)]
    dedupe_key: Option<String>,
}

/// The result of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Created {
    /// The number of new notifications; the others existed under the same `dedupe_key`.
    created: usize,
}

/// `POST /internal/notifications`
pub(super) fn notify(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("notifications")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(create_notifications)
        .map(Reply::into_response)
}

/// Creates a notification for one user or many. For the marketplace's core: role `service`.
#[utoipa::path(
    post,
    path = "/internal/notifications",
    tag = "notifications",
    request_body = NewNotification,
    responses(
        (status = 202, description = "They are stored", body = Created),
        (status = 403, description = "`forbidden`: not the role `service`", body = ErrorBody),
    ),
)]
pub(crate) async fn create_notifications(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    caller.service(&api)?;
    let notice = body.json::<NewNotification>().await?.checked()?;
    let created = api.hub.notify(notice).await?;
    Ok(response::json(StatusCode::ACCEPTED, &Created { created }))
}

impl NewNotification {
    fn checked(self) -> Result<NotificationRequest, ApiError> {
        let users = self.recipients()?;
        let simple = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        check(
            (1..=64).contains(&self.kind.len()) && self.kind.bytes().all(simple),
            "type has 1 to 64 letters, digits, _, -, . or :",
        )?;
        check(self.kind != "chat", "type `chat` is the hub's own")?;
        check(
            !is_blank(&self.title) && self.title.chars().count() <= 255,
            "title has 1 to 255 characters that show something",
        )?;
        check(self.body.chars().count() <= 4_000, "body has at most 4000 characters")?;
        let key = self.dedupe_key.as_ref().is_none_or(|key| (1..=128).contains(&key.len()));
        check(key, "dedupe_key has 1 to 128 bytes")?;
        let texts = [Some(&self.title), Some(&self.body), self.dedupe_key.as_ref()];
        check(texts.into_iter().flatten().all(|text| !text.contains('\0')), "a text has no character NUL (U+0000)")?;
        let related_id = self.related_id.map(ProductId::get);
        Ok(NotificationRequest {
            users,
            kind: self.kind,
            title: self.title,
            body: self.body,
            related_id,
            dedupe_key: self.dedupe_key,
        })
    }

    fn recipients(&self) -> Result<Vec<UserId>, ApiError> {
        let mut users = match (self.user_id, &self.user_ids) {
            (Some(user), None) => vec![user],
            (None, Some(users)) => users.clone(),
            _ => return Err(ApiError::bad_request("say whom it is for: either user_id or user_ids")),
        };
        check((1..=MAX_RECIPIENTS).contains(&users.len()), "user_ids has 1 to 1000 ids")?;
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }
}

fn check(holds: bool, otherwise: &str) -> Result<(), ApiError> {
    if holds { Ok(()) } else { Err(ApiError::bad_request(otherwise)) }
}

#[cfg(test)]
mod tests {
    use chat_actors::protocol::ErrorCode;

    use super::*;

    fn read(text: &str) -> Result<NotificationRequest, ApiError> {
        let read: NewNotification = serde_json::from_str(text).expect("the fields are there");
        read.checked()
    }

    #[test]
    fn every_recipient_is_named_once() {
        let notice = read(
            r#"{"user_ids":[7,"3",7],"type":"order.paid","title":"Paid","body":"","related_id":"5","dedupe_key":"o-5"}"#,
        );
        let notice = notice.expect("a notice");
        assert_eq!(notice.users.iter().map(|user| user.get()).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(notice.related_id, Some(5));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let many = vec!["1"; 1_001].join(",");
        let long = |chars| "é".repeat(chars);
        for text in [
            r#"{"type":"a","title":"t","body":"b"}"#.to_owned(),
            r#"{"user_id":1,"user_ids":[2],"type":"a","title":"t","body":"b"}"#.to_owned(),
            r#"{"user_ids":[],"type":"a","title":"t","body":"b"}"#.to_owned(),
            format!(r#"{{"user_ids":[{many}],"type":"a","title":"t","body":"b"}}"#),
            r#"{"user_id":1,"type":"chat","title":"t","body":"b"}"#.to_owned(),
            r#"{"user_id":1,"type":"","title":"t","body":"b"}"#.to_owned(),
            r#"{"user_id":1,"type":"a b","title":"t","body":"b"}"#.to_owned(),
            r#"{"user_id":1,"type":"a","title":"t","body":"\u0000"}"#.to_owned(),
            r#"{"user_id":1,"type":"a","title":" ","body":"b"}"#.to_owned(),
            format!(r#"{{"user_id":1,"type":"a","title":"{}","body":"b"}}"#, long(256)),
            format!(r#"{{"user_id":1,"type":"a","title":"t","body":"{}"}}"#, long(4_001)),
            r#"{"user_id":1,"type":"a","title":"t","body":"b","dedupe_key":""}"#.to_owned(),
            format!(r#"{{"user_id":1,"type":"a","title":"t","body":"b","dedupe_key":"{}"}}"#, "x".repeat(129)),
        ] {
            assert_eq!(read(&text).expect_err(&text).code(), ErrorCode::BadRequest);
        }
    }
}
