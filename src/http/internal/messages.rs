//! `POST /internal/messages`: the marketplace itself writes into the thread of two users.

use std::fmt;

use chat_actors::hub::SystemMessageRequest;
use chat_database::change::LocalText;
use chat_database::ids::UserId;
use chat_database::objects::{CardRef, Message};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::language_tag;
use crate::http::api::Api;
use crate::http::body::{Body, body};
use crate::http::credentials::{Caller, caller};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::filters::with_api;
use crate::http::response;

/// A message of the marketplace itself.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewSystemMessage {
    /// One of the two users.
    user_a: UserId,
    /// The other member.
    user_b: UserId,
    /// What it says: a text for both, or an object of texts by language (BCP 47 tags). Each user is told the one in the language
    /// of their profile, else the one in `en`, else the first.
    #[schema(value_type = Object)]
    text: Texts,
    /// The card that it shows.
    card: Option<CardRef>,
    /// In the thread of the two users the same key is the same message, for ever; 1–128 bytes.
    #[schema(min_length = 1, max_length = 128)]
    dedupe_key: String,
}

/// A message that is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemMessageStored {
    /// The message; its text is the one in `en`, else the first.
    message: Message,
}

/// A text for all, or texts by language in the order in which they came.
#[derive(Debug)]
struct Texts(Vec<LocalText>);

/// `POST /internal/messages`
pub(crate) fn send(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("messages")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(send_system_message)
        .map(Reply::into_response)
}

/// Writes into the thread of two users, which is made if there is none. For the marketplace's core: role `service`.
#[utoipa::path(
    post,
    path = "/internal/messages",
    tag = "marketplace",
    request_body = NewSystemMessage,
    responses(
        (status = 201, description = "It is stored", body = SystemMessageStored),
        (status = 200, description = "It had been stored before", body = SystemMessageStored),
        (status = 400, description = "`bad_request`, `empty_message`, `text_too_long`, `self_message`", body = ErrorBody),
        (status = 403, description = "`forbidden`: not the role `service`", body = ErrorBody),
        (status = 404, description = "`not_found`: the card", body = ErrorBody),
        (status = 409, description = "`conflict`: the key was used for another message of the two", body = ErrorBody),
    ),
)]
pub(crate) async fn send_system_message(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    caller.service(&api)?;
    let request = body.json::<NewSystemMessage>().await?.checked()?;
    let stored = api.hub.send_system_message(request).await?;
    let status = if stored.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok(response::json(status, &SystemMessageStored { message: stored.message }))
}

impl NewSystemMessage {
    fn checked(self) -> Result<SystemMessageRequest, ApiError> {
        let Self { user_a, user_b, text: Texts(texts), card, dedupe_key } = self;
        if !(1..=128).contains(&dedupe_key.len()) || dedupe_key.contains('\0') {
            return Err(ApiError::bad_request("dedupe_key has 1 to 128 bytes, without NUL"));
        }
        Ok(SystemMessageRequest { users: [user_a, user_b], texts, card, dedupe_key })
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text, or an object of texts by language")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(vec![LocalText { locale: String::new(), text: text.to_owned() }]))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts: Vec<LocalText> = Vec::new();
        while let Some((tag, text)) = map.next_entry::<String, String>()? {
            let shown: String = tag.chars().take(64).collect();
            let wrong = |what: &str| -> A::Error { de::Error::custom(format_args!("text {shown:?} {what}")) };
            let locale = language_tag::canonical(&tag).ok_or_else(|| wrong("is no language tag of BCP 47"))?;
            if texts.iter().any(|known| known.locale == locale) {
                return Err(wrong("is there more than once"));
            }
            texts.push(LocalText { locale, text });
        }
        Ok(Texts(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Option<Vec<(String, String)>> {
        let body = format!(r#"{{"user_a": 1, "user_b": "2", "dedupe_key": "k", "text": {text}}}"#);
        let Texts(texts) = serde_json::from_str::<NewSystemMessage>(&body).ok()?.text;
        Some(texts.into_iter().map(|local| (local.locale, local.text)).collect())
    }

    fn some(texts: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(texts.iter().map(|(locale, text)| ((*locale).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn texts_keep_the_order_in_which_they_came() {
        assert_eq!(texts(r#""Paid""#), some(&[("", "Paid")]));
        assert_eq!(texts(r#"{"sw":"a","fr-cd":"b","en":"c"}"#), some(&[("sw", "a"), ("fr-CD", "b"), ("en", "c")]));
        assert_eq!(texts("{}"), some(&[]));
        for bad in ["1", "null", "[]", r#"{"en":1}"#, r#"{"english":"a"}"#, r#"{"en":"a","EN":"b"}"#, r#"{"":"a"}"#] {
            assert_eq!(texts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_key_has_1_to_128_bytes() {
        let read = |key: &str| {
            let body = serde_json::json!({"user_a": 1, "user_b": 2, "text": "Paid", "dedupe_key": key});
            serde_json::from_value::<NewSystemMessage>(body).expect("the fields are there").checked()
        };
        for good in ["k", &"é".repeat(64)] {
            read(good).expect(good);
        }
        for bad in ["", "a\0", &"x".repeat(129)] {
            read(bad).expect_err(bad);
        }
    }
}
