//! Parses a text as a frame, or refuses it.

use std::borrow::Cow;

use chat_database::ids::{MessageId, ThreadId, UserId};
use serde::Deserialize;

use super::sender::{SENDER_MISMATCH, SenderClaim};
use super::{ClientFrame, Socket};
use crate::protocol::code::ErrorCode;
use crate::protocol::server::About;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ParseError {
    /// The code to answer with.
    pub code: ErrorCode,
    /// What is wrong with it.
    pub message: String,
    /// The keys of the frame, as far as they can be read.
    pub about: About,
    /// Whether it is not even an object with a `type`: the third such frame in a row ends the connection.
    pub malformed: bool,
}

/// Reads a frame. `user` has authenticated on the connection: a frame that claims to come from another is refused.
///
/// # Errors
/// A [`ParseError`] with what to answer.
pub fn parse(text: &str, socket: Socket, user: Option<UserId>) -> Result<ClientFrame, ParseError> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if user.is_some_and(|user| !envelope.claims_only(user)) {
        return Err(refuse(text, ErrorCode::SenderMismatch, SENDER_MISMATCH.to_owned()));
    }
    let Some(read) = ClientFrame::read(&envelope.kind, socket, text) else {
        let message = format!("there is no frame of type {:?} on this socket", shortened(&envelope.kind));
        return Err(refuse(text, ErrorCode::UnknownType, message));
    };
    read.map_err(|error| {
        let message = format!("{}: {error}", envelope.kind);
        refuse(text, ErrorCode::BadRequest, message)
    })
}

fn malformed(error: &serde_json::Error) -> ParseError {
    let message = format!("a frame is one JSON object with a string `type`: {error}");
    ParseError { code: ErrorCode::BadRequest, message, about: About::default(), malformed: true }
}

fn refuse(text: &str, code: ErrorCode, message: String) -> ParseError {
    ParseError { code, message, about: Keys::of(text), malformed: false }
}

/// Cuts a client's text to a length that may be quoted in an answer.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The fields of every frame: its type, and those in which it may name its sender.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    sender_id: SenderClaim,
    #[serde(default)]
    from: SenderClaim,
    #[serde(default)]
    user_id: SenderClaim,
}

impl Envelope<'_> {
    fn claims_only(&self, user: UserId) -> bool {
        [&self.sender_id, &self.from, &self.user_id].into_iter().all(|claim| claim.allows(user))
    }
}

/// The keys of a frame that could not be read as a whole; each is read as far as possible.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    temp_id: serde_json::Value,
    message_id: serde_json::Value,
    thread_id: serde_json::Value,
}

impl Keys {
    fn of(text: &str) -> About {
        let keys: Self = serde_json::from_str(text).unwrap_or_default();
        About {
            temp_id: keys.temp_id.as_str().filter(|key| key.len() <= 128).map(str::to_owned),
            message_id: MessageId::deserialize(keys.message_id).ok(),
            thread_id: ThreadId::deserialize(keys.thread_id).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_database::ids::ProductId;

    use super::*;

    fn me() -> Option<UserId> {
        Some(UserId::new(42).expect("an id"))
    }

    fn refusal(text: &str) -> ParseError {
        parse(text, Socket::Chat, me()).expect_err(text)
    }

    #[test]
    fn an_old_clients_message_is_understood() {
        let text = r#"{"type":"message","sender_id":"42","receiver_id":"7","content":"hi","temp_id":"c-1","extra_data":{"product_id":"5"},"legacy":[1]}"#;
        let Ok(ClientFrame::MessageSend(send)) = parse(text, Socket::Chat, me()) else { panic!("{text}") };
        assert_eq!(send.receiver_id.map(UserId::get), Some(7));
        assert_eq!(send.extra_data.and_then(|extra| extra.product_id).map(ProductId::get), Some(5));
    }

    #[test]
    fn no_user_speaks_for_another() {
        for field in ["sender_id", "from", "user_id"] {
            for claim in ["7", "\"7\"", "-1", "\"x\"", "{}", "42.5"] {
                let refusal = refusal(&format!(r#"{{"type":"message_send","temp_id":"k","{field}":{claim}}}"#));
                assert_eq!(refusal.code, ErrorCode::SenderMismatch, "{field} {claim}");
                assert_eq!(refusal.about.temp_id.as_deref(), Some("k"));
            }
            for claim in ["42", "\"42\"", "null"] {
                parse(&format!(r#"{{"type":"nav_counts","{field}":{claim}}}"#), Socket::Chat, me()).expect(claim);
            }
        }
    }

    #[test]
    fn only_what_is_no_object_with_a_type_counts_as_malformed() {
        for text in [
            "",
            "x",
            "[]",
            "1",
            "null",
            "\"a\"",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":null}"#,
            r#"{"type":"ping"} x"#,
            r#"{"type":"a","type":"b"}"#,
        ] {
            assert!(refusal(text).malformed, "{text}");
            assert_eq!(refusal(text).code, ErrorCode::BadRequest);
        }
        for text in
            [r#"{"type":"nonsense"}"#, r#"{"type":""}"#, r#"{"type":"message_edit"}"#, r#"{"type":"typing","to":-4}"#]
        {
            assert!(!refusal(text).malformed, "{text}");
        }
    }

    #[test]
    fn the_notification_socket_takes_no_messages() {
        let refusal = parse(r#"{"type":"message_send"}"#, Socket::Notifications, me()).expect_err("refused");
        assert_eq!(refusal.code, ErrorCode::UnknownType);
    }
}
