//! `POST /chat/send`: sends a message, for clients without a WebSocket.

use chat_actors::Error;
use chat_actors::protocol::client::MessageSend;
use chat_database::objects::Message;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::http::header::{HeaderMap, HeaderName};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::with_api;
use super::{form, images, multipart, response};

/// The header that carries `temp_id`.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A message that is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sent {
    /// The message as it is now.
    message: Message,
    /// Whether it had been stored before.
    duplicate: bool,
}

/// `POST /chat/send`
pub(super) fn create(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("send")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .and(warp::header::headers_cloned())
        .and(body())
        .then(send_message)
        .map(Reply::into_response)
}

/// Sends a message.
///
/// `Idempotency-Key` is the body's `temp_id`: the same key again, on any node, is the same message and sends no
/// frame again. After a temporary error the request may be repeated with the same key, safely. As `multipart/form-data` it takes
/// text and files together: the same fields, and `images[]`; files of the same bytes under the same key are the same.
#[utoipa::path(
    post,
    path = "/chat/send",
    tag = "messages",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same as `temp_id`, 1–128 bytes; with both, they must agree")),
    request_body(content((MessageSend = "application/json"), (form::SendForm = "multipart/form-data"))),
    responses(
        (status = 201, description = "It is stored", body = Sent),
        (status = 200, description = "It had been stored before", body = Sent),
        (status = 400, description = "`bad_request`, `sender_mismatch`, `empty_message`, `text_too_long`, `too_many_images`, `self_message`", body = ErrorBody),
        (status = 404, description = "`not_found`: the thread, an image, the card or the message that it answers", body = ErrorBody),
        (status = 413, description = "`image_too_large`", body = ErrorBody),
        (status = 415, description = "`unsupported_media`: a file that is no image, or a body that is neither JSON nor a form", body = ErrorBody),
        (status = 422, description = "`image_invalid`", body = ErrorBody),
        (status = 409, description = "`temp_id_conflict`: the key was used for another message", body = ErrorBody),
        (status = 429, description = "`rate_limited`", body = ErrorBody),
    ),
)]
pub(crate) async fn send_message(
    api: Api,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let user = match caller.user(&api) {
        Ok(user) => user,
        Err(error) => return Err(body.refuse(error).await),
    };
    let key = key(&headers)?;
    let (mut send, files) = if body.is_multipart() {
        let form = multipart::read(&api, user, body).await?;
        (form::message(user, form.fields)?, form.files)
    } else {
        (body.json_of(user).await?, Vec::new())
    };
    send.temp_id = agreed(key, send.temp_id)?;
    // A task of its own: if the client disconnects now, the message is stored with its images, or neither is.
    let hub = api.hub.clone();
    let sending = tokio::spawn(async move { hub.send_with(user, send, files).await });
    let mut stored = sending.await.unwrap_or_else(|_| Err(Error::internal()))?;
    images::add_links(&api, &mut stored.message, user);
    let status = if stored.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok(response::json(status, &Sent { message: stored.message, duplicate: stored.duplicate }))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let wrong = || ApiError::bad_request("Idempotency-Key is one key of 1 to 128 bytes of UTF-8");
    let key = std::str::from_utf8(key.as_bytes()).map_err(|_| wrong())?;
    if key.is_empty() || key.len() > 128 || given.next().is_some() {
        return Err(wrong());
    }
    Ok(Some(key.to_owned()))
}

fn agreed(header: Option<String>, field: Option<String>) -> Result<Option<String>, ApiError> {
    match (header, field) {
        (Some(header), Some(field)) if header != field => {
            Err(ApiError::bad_request("Idempotency-Key and temp_id are not the same"))
        }
        (header, field) => Ok(header.or(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_temp_id() {
        let key = |text: &str| Some(text.to_owned());
        assert_eq!(agreed(None, None), Ok(None));
        assert_eq!(agreed(key("a"), None), Ok(key("a")));
        assert_eq!(agreed(None, key("a")), Ok(key("a")));
        assert_eq!(agreed(key("a"), key("a")), Ok(key("a")));
        agreed(key("a"), key("b")).expect_err("they do not agree");
    }

    #[test]
    fn a_key_is_short_text() {
        let headers = |keys: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for key in keys {
                headers.append(IDEMPOTENCY_KEY, warp::http::HeaderValue::from_bytes(key).expect("a value"));
            }
            headers
        };
        assert_eq!(key(&headers(&[])), Ok(None));
        assert_eq!(key(&headers(&["clé".as_bytes()])), Ok(Some("clé".to_owned())));
        assert!(key(&headers(&[&[b'x'; 128]])).is_ok());
        for wrong in [&headers(&[b""]), &headers(&[&[b'x'; 129]]), &headers(&[b"\xff"]), &headers(&[b"a", b"a"])] {
            key(wrong).expect_err("no key");
        }
    }
}
