use std::collections::BTreeSet;

use chat_actors::protocol::code::ErrorCode;
use chat_actors::protocol::server::{About, ErrorFrame, MessageDeleted, NewMessage, NotificationMark};
use chat_actors::protocol::{Cursor, ServerFrame};
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, MediaId, MessageId, Rev, Seq, ThreadId, UserId};
use chat_database::objects::{Image, Message, MessageKind, Totals};
use chat_database::time::Timestamp;

use super::*;
use crate::schema::{client_frame_schema, client_frames, frame_schema, server_frames};

/// Returns the types of all frames that clients send.
pub(crate) fn client_types() -> BTreeSet<&'static str> {
    BTreeSet::from([
        "auth",
        "message_send",
        "message_edit",
        "message_delete",
        "message_seen",
        "message_delivered",
        "typing",
        "stop_typing",
        "who_is_online",
        "nav_counts",
        "subscribe",
        "sync",
        "ping",
        "echo",
        "notification_read",
        "notifications_read_all",
    ])
}

/// Returns the types of all frames that the hub sends.
pub(crate) fn server_types() -> BTreeSet<&'static str> {
    BTreeSet::from([
        "auth_ok",
        "nav_counts",
        "message_ack",
        "new_thread",
        "new_message",
        "message_updated",
        "message_deleted",
        "messages_seen",
        "messages_delivered",
        "typing",
        "stop_typing",
        "user_online",
        "user_offline",
        "online_users",
        "profile_updated",
        "card_updated",
        "notification",
        "notification_read",
        "notification_deleted",
        "subscribed",
        "echo",
        "pong",
        "synced",
        "error",
    ])
}

/// Fails unless everything that a document refers to is in it.
pub(crate) fn assert_references_resolve(document: &Value) {
    let mut references = Vec::new();
    let mut copy = document.clone();
    visit(&mut copy, &mut |object| references.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned)));
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is in the document"));
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn message() -> Message {
    Message {
        id: MessageId::new(901).expect("an id"),
        thread_id: ThreadId::new(77).expect("an id"),
        seq: Seq(12),
        rev: Rev(12),
        kind: MessageKind::Text,
        sender_id: Some(UserId::new(42).expect("an id")),
        temp_id: None,
        content: None,
        image_urls: vec!["/media/01J/full".to_owned()],
        images: vec![Image {
            id: MediaId("01J".to_owned()),
            url: "/media/01J/full".to_owned(),
            thumb_url: "/media/01J/thumb".to_owned(),
            width: 1_200,
            height: 800,
            bytes: 183_211,
            mime: "image/webp".to_owned(),
            blurhash: "L6Pj0^".to_owned(),
        }],
        extra_data: None,
        card: None,
        reply_to: None,
        created_at: Timestamp::from_millis(1_795_341_600_123),
        edited_at: None,
        deleted: false,
        texts: Vec::new(),
    }
}

fn cursor() -> Cursor {
    let heard = CommitRef { epoch: "0b51c4".into(), commit: CommitNo(77), nonce: Nonce(1) };
    Cursor { commit: CommitNo(77), heard, reader: UserId::new(7).ok(), minted: 1_795_341_600 }
}

fn samples() -> Vec<ServerFrame> {
    let (thread_id, id) = (ThreadId::new(77).expect("an id"), MessageId::new(901).expect("an id"));
    let error = |about| {
        let (code, message) = (ErrorCode::NotFound, "there is no such thread".to_owned());
        ServerFrame::Error(ErrorFrame { code, message, temporary: false, retry_after_ms: None, until: None, about })
    };
    vec![
        ServerFrame::NavCounts { payload: Totals { notifications: 1, messages: 2 } },
        ServerFrame::NewMessage(NewMessage { message: message(), cursor: Some(cursor()) }),
        ServerFrame::NewMessage(NewMessage { message: message(), cursor: None }),
        deleted(id, thread_id),
        ServerFrame::NotificationRead(NotificationMark { id: None, all: true, cursor: Some(cursor()) }),
        ServerFrame::OnlineUsers { users: vec![UserId::new(7).expect("an id")] },
        ServerFrame::Echo { data: None, ts: 1 },
        ServerFrame::Echo { data: Some(json!([1, "a"])), ts: 1 },
        ServerFrame::Pong { t: Some(json!(7)) },
        ServerFrame::Pong { t: None },
        ServerFrame::Synced { cursor: cursor(), reset: false },
        error(About::default()),
        error(About { thread_id: Some(thread_id), ..About::default() }),
    ]
}

fn deleted(id: MessageId, thread_id: ThreadId) -> ServerFrame {
    let sender_id = UserId::new(42).ok();
    ServerFrame::MessageDeleted(MessageDeleted { id, thread_id, seq: Seq(12), sender_id, rev: Rev(13), cursor: None })
}

fn validator(kind: &str) -> jsonschema::Validator {
    jsonschema::draft202012::new(&frame_schema(kind)).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

#[test]
fn every_frame_has_a_schema_of_its_own() {
    assert_eq!(client_frames().frames.keys().map(String::as_str).collect::<BTreeSet<_>>(), client_types());
    assert_eq!(server_frames().frames.keys().map(String::as_str).collect::<BTreeSet<_>>(), server_types());
    for (types, schema) in [(client_types(), client_frame_schema as fn(&str) -> Value), (server_types(), frame_schema)]
    {
        for kind in types {
            let schema = schema(kind);
            assert!(jsonschema::draft202012::meta::is_valid(&schema), "{kind}");
            assert_references_resolve(
                &json!({ "$defs": schema["$defs"], "own": schema["allOf"], "fields": schema["properties"], "self": { "$ref": "#/own" } }),
            );
        }
    }
    assert_eq!(frame_schema("nonsense"), Value::Bool(false));
}

#[test]
fn what_the_hub_writes_is_valid() {
    for frame in samples() {
        let written: Value = serde_json::from_slice(&frame.encode()).expect("JSON");
        let kind = written["type"].as_str().expect("a type");
        if let Err(error) = validator(kind).validate(&written) {
            panic!("{written}: {error}");
        }
    }
}

#[test]
fn a_field_too_many_or_too_few_is_noticed() {
    for frame in samples() {
        let written: Value = serde_json::from_slice(&frame.encode()).expect("JSON");
        let validator = validator(written["type"].as_str().expect("a type"));
        let mut more = written.clone();
        more["surprise"] = json!(1);
        assert!(!validator.is_valid(&more), "{more}");
        let mut other = written.clone();
        other["type"] = json!("other");
        assert!(!validator.is_valid(&other), "{other}");
    }
    let whole: Value = serde_json::from_slice(&samples()[1].encode()).expect("JSON");
    let new_message = validator("new_message");
    for field in ["id", "content", "temp_id", "images", "edited_at", "reply_to", "deleted"] {
        let mut less = whole.clone();
        less.as_object_mut().expect("an object").remove(field);
        assert!(!new_message.is_valid(&less), "{field} is missing");
    }
    for (field, wrong) in [
        ("id", json!(0)),
        ("id", json!("901")),
        ("cursor", Value::Null),
        ("created_at", json!(1)),
        ("content", json!(7)),
    ] {
        let mut other = whole.clone();
        other[field] = wrong;
        assert!(!new_message.is_valid(&other), "{field}");
    }
    let mut inner = whole;
    inner["images"][0]["surprise"] = json!(1);
    assert!(!new_message.is_valid(&inner), "objects inside are closed, too");
}
