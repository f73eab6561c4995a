//! A message as a form: the fields of `message_send`, as text.

use chat_actors::images::links;
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
    /// The receiver; or `thread_id`.
    receiver_id: Option<u64>,
    /// The thread; or `receiver_id`.
    thread_id: Option<u64>,
    /// The text.
    content: Option<String>,
    /// The marketplace's attachment: a JSON object; or `extra_data[product_id]`.
    extra_data: Option<String>,
    /// The card that it shows: a JSON object; or `card[kind]` and `card[id]`.
    card: Option<String>,
    /// The id of the message that this one answers.
    reply_to: Option<u64>,
    /// Up to 10 files; or, as text, ids or URLs of uploaded images, which come before the files.
    #[schema(rename = "images[]", value_type = Option<Vec<String>>, format = Binary)]
    images: Option<Vec<Vec<u8>>>,
}

/// Reads the fields of a form, and refuses it if it names another sender than `user`.
pub(super) fn message(user: UserId, fields: Vec<(String, String)>) -> Result<MessageSend, ApiError> {
    let mut object = Map::new();
    for (name, text) in fields {
        let (bare, inner) = name.split_once('[').unwrap_or((&name, ""));
        let (bare, inner) = (bare.to_owned(), inner.trim_end_matches(']').to_owned());
        match bare.as_str() {
            // An empty field counts as absent, except `content`.
            _ if text.is_empty() && bare != "content" => {}
            "content" | "temp_id" => once(&mut object, name, text.into())?,
            "images" | "image" => list(&mut object, "images", several(&bare, &text)?.into_iter().map(as_id).collect()),
            "image_urls" | "image_url" => list(&mut object, "image_urls", several(&bare, &text)?),
            "extra_data" if inner.is_empty() => once(&mut object, bare, json("extra_data", &text)?)?,
            "extra_data" => once(&mut object, bare, Map::from_iter([(inner, number_or_text(text))]).into())?,
            "card" if inner.is_empty() => once(&mut object, bare, json("card", &text)?)?,
            "card" => part(&mut object, bare, inner, unquoted(text))?,
            _ => once(&mut object, name, number_or_text(text))?,
        }
    }
    let bytes = Value::Object(object).to_string().into_bytes();
    body::claims_only(user, &bytes)?;
    body::object(&bytes)
}

/// Tells whether a field of that name holds images: `images`, `image`, with any text in brackets behind it.
pub(super) fn is_of_images(name: &str) -> bool {
    matches!(name.split('[').next(), Some("images" | "image"))
}

/// Tells whether bytes name uploaded images: an id, a URL that the upload returned, either of them in quotes, a list of
/// them. It does not check that the images exist.
pub(super) fn names_images(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim();
    let is_id = || {
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_url = || links::named(text).is_some() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    text.starts_with(['"', '[']) || is_id() || is_url()
}

/// Reads one text, or a list of them as JSON.
fn several(name: &str, text: &str) -> Result<Vec<Value>, ApiError> {
    match text.trim() {
        list if list.starts_with('[') => match json(name, list)? {
            Value::Array(all) => Ok(all),
            other => Ok(vec![other]),
        },
        one if one.starts_with('"') => Ok(vec![json(name, one)?]),
        one => Ok(vec![one.into()]),
    }
}

/// Reads the id out of a URL that the upload returned.
fn as_id(image: Value) -> Value {
    let named = image.as_str().and_then(links::named).map(|id| id.0.into());
    named.unwrap_or(image)
}

fn list(object: &mut Map<String, Value>, name: &str, more: Vec<Value>) {
    if let Value::Array(all) = object.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
        all.extend(more);
    }
}

/// Removes the quotes that some clients put around every field.
fn unquoted(text: String) -> String {
    if text.trim_start().starts_with('"') { serde_json::from_str(&text).unwrap_or(text) } else { text }
}

/// Reads a field that may hold a number, in every way in which JSON writes one: some clients write `7.0`.
fn number_or_text(text: String) -> Value {
    let text = unquoted(text);
    serde_json::from_str(text.trim()).map_or_else(|_| text.into(), Value::Number)
}

fn json(name: &str, text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::bad_request(format!("{name} is no JSON: {error}")))
}

/// Adds a form field such as `card[kind]` to the object that it is a part of.
fn part(object: &mut Map<String, Value>, name: String, inner: String, text: String) -> Result<(), ApiError> {
    match object.entry(name).or_insert_with(|| Map::new().into()) {
        Value::Object(whole) => once(whole, inner, text.into()),
        other => Err(ApiError::bad_request(format!("{inner} stands beside {other}; leave one of them out"))),
    }
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
    fn a_card_is_named_as_json_or_by_its_parts() {
        let named = "product:5".parse().ok();
        for fields in [
            &[("card", r#"{"kind": "product", "id": 5}"#)][..],
            &[("card[kind]", "product"), ("card[id]", "5")],
            &[("card[id]", "\"5\""), ("card[kind]", "\"product\"")],
        ] {
            assert_eq!(read(fields).expect("a message").card, named, "{fields:?}");
        }
        for fields in [
            &[("card[kind]", "product")][..],
            &[("card[kind]", "product"), ("card[kind]", "shop"), ("card[id]", "5")],
            &[("card", "5"), ("card[id]", "5")],
            &[("card", r#"{"kind": "user", "id": 5}"#)],
        ] {
            assert_eq!(read(fields), Err(ErrorCode::BadRequest), "{fields:?}");
        }
    }

    #[test]
    fn images_are_named_one_by_one_or_as_a_list() {
        let id = |id: &str| MediaId(id.to_owned());
        let send = read(&[("images[]", "a"), ("images[]", "b"), ("images", "[\"c\"]"), ("images[]", "")]);
        assert_eq!(send.expect("a message").images, Some(vec![id("a"), id("b"), id("c")]));
        let send = read(&[
            ("image", "a"),
            ("images[0]", "\"b\""),
            ("images[12]", " c\r\n"),
            ("image[]", "/media/d/full?exp=1&sig=2"),
            ("images", "\"https://shop.example/api/media/e/full\""),
            ("images[]", "[\"f\", \"/media/g/thumb\"]"),
        ]);
        let named = ["a", "b", "c", "d", "e", "f", "g"].map(id).to_vec();
        assert_eq!(send.expect("a message").images, Some(named));
        let send = read(&[("image_urls[]", "/media/a/full"), ("image_url", "\"/media/b/full\"")]);
        assert_eq!(send.expect("a message").image_urls.map(|urls| urls.len()), Some(2));
    }

    #[test]
    fn a_number_may_stand_in_quotes() {
        let send = read(&[("receiver_id", "\"7\""), ("extra_data[product_id]", "\"5\""), ("content", "\"hi\"")]);
        let send = send.expect("a message");
        assert_eq!(send.receiver_id, UserId::new(7).ok());
        assert_eq!(send.extra_data.and_then(|extra| extra.product_id).map(|id| id.get()), Some(5));
        assert_eq!(send.content.as_deref(), Some("\"hi\""), "a text is what it is");
    }

    #[test]
    fn an_id_may_be_a_whole_float_and_a_text_stays_as_it_is() {
        for (seven, five) in [("7.0", "5e0"), ("7e0", "\"5.0\""), (" 7 ", "0.5e1")] {
            let send = read(&[
                ("receiver_id", seven),
                ("reply_to", five),
                ("extra_data[product_id]", five),
                ("from", "42.0"),
                ("temp_id", "7.0"),
                ("content", "7e0"),
            ])
            .expect(seven);
            assert_eq!(send.receiver_id, UserId::new(7).ok(), "{seven}");
            let product = send.extra_data.and_then(|extra| extra.product_id).map(|id| id.get());
            assert_eq!((send.reply_to.map(|id| id.get()), product), (Some(5), Some(5)), "{five}");
            assert_eq!((send.temp_id.as_deref(), send.content.as_deref()), (Some("7.0"), Some("7e0")));
        }
        for none in ["7.5", "7e-1", "-7", "1e300"] {
            assert_eq!(read(&[("receiver_id", none)]), Err(ErrorCode::BadRequest), "{none}");
        }
    }

    #[test]
    fn an_image_is_named_or_is_there() {
        for named in ["9857a3d900cc405083595667e180d86f", " 01J-x_y\n", "\"a\"", "[\"a\"]", "[]", "/media/a/full?exp=1"]
        {
            assert!(names_images(named.as_bytes()), "{named}");
        }
        let long = "x".repeat(65);
        for other in ["<svg/>", "hello there", long.as_str(), "https://elsewhere.example/x.jpg", "a\0b", "GIF89a\x01"] {
            assert!(!names_images(other.as_bytes()), "{other}");
        }
        assert!(!names_images(b"\xff\xd8\xff\xe0"));
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
