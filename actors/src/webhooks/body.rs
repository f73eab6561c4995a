//! The body of a webhook: `{type, timestamp, data}`, of a bounded size.

use chat_database::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::events::{EventData, EventType};

/// How many bytes a body has at the most. A longer text is cut.
pub(super) const LIMIT: usize = 20_000;

/// The body of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookBody<Data> {
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What it is about, in its present state.
    pub data: Data,
}

/// What an event is about, and whether a text of it was cut.
#[derive(Debug, Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    data: &'a EventData,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// Writes the body of an event.
pub(super) fn of_event(kind: EventType, timestamp: Timestamp, data: &EventData) -> Vec<u8> {
    let mut written = write(kind.as_str(), timestamp, Data { data, truncated: false });
    if written.len() <= LIMIT {
        return written;
    }
    let mut data = data.clone();
    while written.len() > LIMIT
        && let Some(text) = text_of(&mut data).filter(|text| !text.is_empty())
    {
        // A byte of the text takes one to six bytes of the body: each round shortens the body, and cuts little more than
        // needed.
        let over = written.len() - LIMIT;
        let kept = text.len().saturating_sub(over.div_ceil(6).max(16));
        text.truncate(text.floor_char_boundary(kept));
        written = write(kind.as_str(), timestamp, Data { data: &data, truncated: true });
    }
    written
}

/// Writes a body that needs no bound.
pub(super) fn write(kind: &'static str, timestamp: Timestamp, data: impl Serialize) -> Vec<u8> {
    // It is made of structs, numbers and strings: nothing here can fail to be written.
    serde_json::to_vec(&WebhookBody { kind, timestamp, data }).unwrap_or_default()
}

/// Returns the longest text of an event.
fn text_of(data: &mut EventData) -> Option<&mut String> {
    match data {
        EventData::Message(event) => event.message.content.as_mut(),
        EventData::Notification(event) => event.notification.as_mut().map(|notification| &mut notification.body),
        EventData::Thread(_) | EventData::Seen(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use chat_database::ids::{MessageId, Rev, Seq, ThreadId, UserId};
    use chat_database::objects::{Message, MessageKind};
    use serde_json::Value;

    use super::*;
    use crate::events::MessageEvent;

    fn said(content: &str) -> Value {
        let user = |id| UserId::new(id).expect("an id");
        let message = Message {
            id: MessageId::new(9).expect("an id"),
            thread_id: ThreadId::new(7).expect("an id"),
            seq: Seq(1),
            rev: Rev(1),
            kind: MessageKind::Text,
            sender_id: Some(user(42)),
            temp_id: None,
            content: Some(content.to_owned()),
            texts: Vec::new(),
            image_urls: Vec::new(),
            images: Vec::new(),
            extra_data: None,
            card: None,
            reply_to: None,
            created_at: Timestamp::from_millis(1_795_341_600_000),
            edited_at: None,
            deleted: false,
        };
        let data = EventData::Message(Box::new(MessageEvent { message, user_ids: [user(7), user(42)] }));
        let written = of_event(EventType::MessageCreated, Timestamp::from_millis(1_795_341_600_123), &data);
        assert!(written.len() <= LIMIT, "{}", written.len());
        serde_json::from_slice(&written).expect("JSON")
    }

    #[test]
    fn a_body_says_what_happened_and_when() {
        let body = said("hello");
        assert_eq!(
            (&body["type"], &body["timestamp"]),
            (&"message.created".into(), &"2026-11-22T10:00:00.123Z".into())
        );
        assert_eq!(body["data"]["message"]["content"], "hello");
        assert_eq!(body["data"]["user_ids"], serde_json::json!([7, 42]));
        assert!(body["data"].get("truncated").is_none());
    }

    #[test]
    fn a_longer_text_is_cut_and_says_so() {
        for text in ["x".repeat(40_000), "\u{1}".repeat(4_000), "🙂".repeat(10_000), "\"".repeat(19_000)] {
            let body = said(&text);
            assert_eq!(body["data"]["truncated"], true);
            let kept = body["data"]["message"]["content"].as_str().expect("a text");
            assert!(text.starts_with(kept) && kept.len() > 3_000, "{}", kept.len());
        }
    }
}
