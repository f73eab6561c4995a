//! A message as a form: the fields of `message_send`, as text.

use chat_actors::protocol::client::MessageSend;
use chat_database::ids::UserId;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;

/// A message with files.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is there to be described")]
pub(crate) struct SendForm {
    /// The author's key, 1–128 bytes.
    temp_id: Option<String>,
    /// To whom.
    receiver_id: Option<u64>,
    /// Or where.
    thread_id: Option<u64>,
    /// The text.
    content: Option<String>,
    /// What the marketplace attaches: a JSON object; or `extra_data[product_id]`.
    extra_data: Option<String>,
    /// The message that it answers.
    reply_to: Option<u64>,
    /// Up to 10 files; or, as text, ids of uploaded images, which come before the files.
    #[schema(rename = "images[]", value_type = Option<Vec<String>>, format = Binary)]
    images: Option<Vec<Vec<u8>>>,
}

/// Reads the fields of a form that claims to come from nobody but `user`.
pub(super) fn message(user: UserId, fields: Vec<(String, String)>) -> Result<MessageSend, ApiError> {
    let mut object = Map::new();
    for (name, text) in fields {
        let (bare, inner) = name.split_once('[').unwrap_or((&name, ""));
        let (bare, inner) = (bare.to_owned(), inner.trim_end_matches(']').to_owned());
        match bare.as_str() {
            // What a form leaves empty is not there.
            _ if text.is_empty() && bare != "content" => {}
            "images" | "image_urls" => {
                let given = if text.starts_with('[') { json(&bare, &text)? } else { Value::from(vec![text]) };
                let given = given.as_array().cloned().unwrap_or_default();
                if let Value::Array(all) = object.entry(bare).or_insert_with(|| Value::Array(Vec::new())) {
                    all.extend(given);
                }
            }
            "extra_data" => {
                let given =
                    if inner.is_empty() { json(&bare, &text)? } else { Map::from_iter([(inner, text.into())]).into() };
                once(&mut object, bare, given)?;
            }
            _ => once(&mut object, name, text.into())?,
        }
    }
    let bytes = Value::Object(object).to_string().into_bytes();
    body::claims_only(user, &bytes)?;
    body::object(&bytes)
}

fn json(name: &str, text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::bad_request(format!("{name} is no JSON: {error}")))
}

fn once(object: &mut Map<String, Value>, name: String, value: Value) -> Result<(), ApiError> {
    if object.contains_key(&name) {
        return Err(ApiError::bad_request(format!("{name} stands in the form more than once")));
    }
    object.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_actors::protocol::ErrorCode;
    use chat_database::ids::MediaId;

    use super::*;

    fn read(fields: &[(&str, &str)]) -> Result<MessageSend, ErrorCode> {
        let user = UserId::new(42).expect("an id");
        let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        message(user, fields).map_err(|error| error.code())
    }

    #[test]
    fn a_form_says_what_a_frame_says() {
        let send = read(&[
            ("receiver_id", "7"),
            ("content", "{\"not\": 1}"),
            ("temp_id", "k"),
            ("extra_data[product_id]", "5"),
            ("thread_id", ""),
            ("from", "42"),
            ("client_version", "3"),
        ])
        .expect("a message");
        assert_eq!(send.receiver_id, UserId::new(7).ok());
        assert_eq!(
            (send.content.as_deref(), send.temp_id.as_deref(), send.thread_id),
            (Some("{\"not\": 1}"), Some("k"), None)
        );
        let product = send.extra_data.and_then(|extra| extra.product_id).map(|id| id.get());
        assert_eq!(product, Some(5));
        let product = read(&[("extra_data", "{\"product_id\": 5}")]).expect("a message").extra_data;
        assert_eq!(product.and_then(|extra| extra.product_id).map(|id| id.get()), Some(5));
    }

    #[test]
    fn images_are_named_one_by_one_or_as_a_list() {
        let id = |id: &str| MediaId(id.to_owned());
        let send = read(&[("images[]", "a"), ("images[]", "b"), ("images", "[\"c\"]"), ("images[]", "")]);
        assert_eq!(send.expect("a message").images, Some(vec![id("a"), id("b"), id("c")]));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (fields, code) in [
            (&[("sender_id", "7")][..], ErrorCode::SenderMismatch),
            (&[("receiver_id", "x")], ErrorCode::BadRequest),
            (&[("receiver_id", "7"), ("receiver_id", "8")], ErrorCode::BadRequest),
            (&[("extra_data", "5]")], ErrorCode::BadRequest),
            (&[("images", "[1")], ErrorCode::BadRequest),
        ] {
            assert_eq!(read(fields), Err(code), "{fields:?}");
        }
    }
}
