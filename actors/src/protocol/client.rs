//! What clients say, and how a text becomes a frame.

use std::borrow::Cow;

use chat_database::ids::{MediaId, MessageId, NotificationId, ProductId, Seq, ThreadId, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::code::ErrorCode;
use super::server::About;

/// Which socket a frame came in on; each has its own frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Socket {
    /// `/chat`: everything.
    Chat,
    /// `/notifications`: the notification stream alone.
    Notifications,
}

/// Every frame that a client may send.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Says who is there, first or again with a fresh token.
    Auth(Auth),
    /// Sends a message.
    MessageSend(MessageSend),
    /// Changes a message's text.
    MessageEdit(MessageEdit),
    /// Deletes a message.
    MessageDelete(MessageDelete),
    /// "I have read up to here."
    MessageSeen(MessageSeen),
    /// "My device has received up to here."
    MessageDelivered(MessageDelivered),
    /// "I am writing."
    Typing(TypingIn),
    /// "I am not writing any more."
    StopTyping(TypingIn),
    /// Asks who is there.
    WhoIsOnline(WhoIsOnline),
    /// Asks for the unread totals.
    NavCounts,
    /// Asks for more to listen to.
    Subscribe(Subscribe),
    /// Asks for what was missed.
    Sync(Sync),
    /// Asks for a sign of life.
    Ping(Ping),
    /// Asks for what it says.
    Echo(Echo),
    /// "I have read this notification."
    NotificationRead(NotificationRead),
    /// "I have read all notifications."
    NotificationsReadAll,
}

/// Says who is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Auth {
    /// A JWT of the marketplace's core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Or a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How far this client has been served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Sends a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageSend {
    /// The author's key, 1–128 bytes: the same key again is the same message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temp_id: Option<String>,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver_id: Option<UserId>,
    /// Or where. With both, they must agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Uploaded images, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<MediaId>>,
    /// The same, by the URLs that the upload returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_urls: Option<Vec<String>>,
    /// What the marketplace attaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_data: Option<Extra>,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
}

/// What the marketplace attaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Extra {
    /// The product that the message is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
}

/// Changes a message's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageEdit {
    /// The message.
    pub message_id: MessageId,
    /// Its new text.
    pub content: String,
}

/// Deletes a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageDelete {
    /// The message.
    pub message_id: MessageId,
}

/// "I have read up to here."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageSeen {
    /// The thread.
    pub thread_id: ThreadId,
    /// How far; without it: to the newest.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "seq_or_none")]
    pub up_to: Option<Seq>,
}

/// "My device has received up to here."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageDelivered {
    /// The thread.
    pub thread_id: ThreadId,
    /// How far.
    #[serde(deserialize_with = "seq")]
    pub up_to: Seq,
}

/// Where somebody is writing: a thread, or the other person of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TypingIn {
    /// The thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<ThreadId>,
    /// Or the other person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<UserId>,
}

/// Asks who is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WhoIsOnline {
    /// Whom to ask about, at most 1,000; without it: everybody that one shares a thread with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Vec<UserId>>,
}

/// Asks for more to listen to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Subscribe {
    /// `notifications`; `presence` is accepted and changes nothing.
    pub channels: Vec<String>,
}

/// Asks for what was missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// How far this client has been served.
    pub cursor: String,
}

/// Asks for a sign of life.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ping {
    /// Comes back in the `pong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub t: Option<serde_json::Value>,
}

/// Asks for what it says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Echo {
    /// Comes back.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub data: Option<serde_json::Value>,
}

/// "I have read this notification."
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationRead {
    /// The notification.
    pub id: NotificationId,
}

/// Why a text is not a frame that may be acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The code to answer with.
    pub code: ErrorCode,
    /// What is wrong with it.
    pub message: String,
    /// What it was about, as far as that can be read.
    pub about: About,
    /// Whether it is not even an object with a `type`: the third such frame in a row ends the connection.
    pub malformed: bool,
}

/// Reads a frame. `user` is who has authenticated on the connection: whoever else a frame claims to come from is refused.
///
/// # Errors
/// A [`Refusal`] with what to answer.
pub fn parse(text: &str, socket: Socket, user: Option<UserId>) -> Result<ClientFrame, Refusal> {
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if user.is_some_and(|user| !envelope.claims_only(user)) {
        let message = "sender_id, from and user_id must be your own id, or be left out";
        return Err(refuse(text, ErrorCode::SenderMismatch, message.to_owned()));
    }
    let read = match (envelope.kind.as_ref(), socket) {
        ("auth", _) => body(text).map(ClientFrame::Auth),
        ("nav_counts", _) => Ok(ClientFrame::NavCounts),
        ("ping", _) => body(text).map(ClientFrame::Ping),
        ("echo", _) => body(text).map(ClientFrame::Echo),
        ("sync", _) => body(text).map(ClientFrame::Sync),
        ("notification_read", _) => body(text).map(ClientFrame::NotificationRead),
        ("notifications_read_all", _) => Ok(ClientFrame::NotificationsReadAll),
        ("message_send" | "message", Socket::Chat) => body(text).map(ClientFrame::MessageSend),
        ("message_edit", Socket::Chat) => body(text).map(ClientFrame::MessageEdit),
        ("message_delete", Socket::Chat) => body(text).map(ClientFrame::MessageDelete),
        ("message_seen", Socket::Chat) => body(text).map(ClientFrame::MessageSeen),
        ("message_delivered", Socket::Chat) => body(text).map(ClientFrame::MessageDelivered),
        ("typing", Socket::Chat) => body(text).map(ClientFrame::Typing),
        ("stop_typing", Socket::Chat) => body(text).map(ClientFrame::StopTyping),
        ("who_is_online", Socket::Chat) => body(text).map(ClientFrame::WhoIsOnline),
        ("subscribe", Socket::Chat) => body(text).map(ClientFrame::Subscribe),
        (kind, _) => {
            let message = format!("there is no frame of type {:?} on this socket", shortened(kind));
            return Err(refuse(text, ErrorCode::UnknownType, message));
        }
    };
    read.map_err(|error| {
        let message = format!("{}: {error}", envelope.kind);
        refuse(text, ErrorCode::BadRequest, message)
    })
}

fn body<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

fn malformed(error: &serde_json::Error) -> Refusal {
    let message = format!("a frame is one JSON object with a string `type`: {error}");
    Refusal { code: ErrorCode::BadRequest, message, about: About::default(), malformed: true }
}

fn refuse(text: &str, code: ErrorCode, message: String) -> Refusal {
    Refusal { code, message, about: Keys::of(text), malformed: false }
}

/// Cuts what a client sent to what may stand in an answer.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What every frame has: its type, and perhaps a claim of who it comes from.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    sender_id: Claim,
    #[serde(default)]
    from: Claim,
    #[serde(default)]
    user_id: Claim,
}

impl Envelope<'_> {
    fn claims_only(&self, user: UserId) -> bool {
        [&self.sender_id, &self.from, &self.user_id].into_iter().all(|claim| match claim {
            Claim::None => true,
            Claim::User(claimed) => *claimed == user,
            Claim::Nobody => false,
        })
    }
}

/// Who a frame says it comes from.
#[derive(Default)]
enum Claim {
    #[default]
    None,
    User(UserId),
    /// Something that is no id.
    Nobody,
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(from)? {
            serde_json::Value::Null => Self::None,
            value => UserId::deserialize(value).map_or(Self::Nobody, Self::User),
        })
    }
}

/// The keys of a frame that could not be read as a whole: what an answer must name is read as far as possible.
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

/// Reads a place in a thread: a number from 0 on, or such a number as a string.
fn seq<'de, D: Deserializer<'de>>(from: D) -> Result<Seq, D::Error> {
    seq_or_none(from)?.ok_or_else(|| serde::de::Error::custom("up_to must be a number"))
}

fn seq_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Seq>, D::Error> {
    let wrong = || serde::de::Error::custom("up_to must be a whole number from 0 to 9007199254740991");
    let number = match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| *number <= chat_database::ids::MAX_ID).map(|number| Some(Seq(number))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Option<UserId> {
        Some(UserId::new(42).expect("an id"))
    }

    fn refusal(text: &str) -> Refusal {
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
    fn nobody_speaks_for_another() {
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
