//! The simple model: what two people and four devices should see.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::person::{number, text};

/// A message, as the model knows it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) author: usize,
    pub(crate) key: String,
    pub(crate) original: String,
    pub(crate) content: Option<String>,
}

/// A message, as both members see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) content: Option<String>,
}

/// A thread of two, numbered 0 and 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
    pub(crate) rev: u64,
    pub(crate) read: [u64; 2],
    pub(crate) delivered: [u64; 2],
}

/// What a device has pieced together from what it heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// By id.
    pub(crate) messages: BTreeMap<u64, Seen>,
}

impl Model {
    pub(crate) fn sends(&mut self, author: usize, key: &str, content: &str) {
        self.rev += 1;
        self.messages.push(Message {
            id: 0,
            seq: self.messages.len() as u64 + 1,
            rev: self.rev,
            author,
            key: key.to_owned(),
            original: content.to_owned(),
            content: Some(content.to_owned()),
        });
    }

    /// Returns the message's id and its new rev, or why not.
    pub(crate) fn edits(&mut self, who: usize, message: usize, content: &str) -> (u64, Result<u64, &'static str>) {
        self.changes(who, message, Some(content.to_owned()))
    }

    pub(crate) fn deletes(&mut self, who: usize, message: usize) -> (u64, Result<u64, &'static str>) {
        self.changes(who, message, None)
    }

    fn changes(&mut self, who: usize, message: usize, content: Option<String>) -> (u64, Result<u64, &'static str>) {
        let at = message % self.messages.len();
        let message = &mut self.messages[at];
        if message.author != who {
            return (message.id, Err("not_author"));
        }
        if message.content.is_none() {
            return (message.id, Err("not_found"));
        }
        self.rev += 1;
        message.rev = self.rev;
        message.content = content;
        (message.id, Ok(self.rev))
    }

    /// Moves a read watermark, which takes the delivered one with it; tells whether it moved.
    pub(crate) fn seen(&mut self, who: usize, up_to: Option<u64>) -> bool {
        let head = self.messages.len() as u64;
        let mark = up_to.unwrap_or(head).min(head);
        let moved = mark > self.read[who];
        self.read[who] = self.read[who].max(mark);
        self.delivered[who] = self.delivered[who].max(mark);
        moved
    }

    pub(crate) fn delivered(&mut self, who: usize, up_to: u64) -> bool {
        let mark = up_to.min(self.messages.len() as u64);
        let moved = mark > self.delivered[who];
        self.delivered[who] = self.delivered[who].max(mark);
        moved
    }

    /// PROTOCOL 3.3.5: messages of the other side, above one's read watermark, not deleted.
    fn unread_messages(&self, who: usize) -> impl DoubleEndedIterator<Item = &Message> {
        let read = self.read[who];
        self.messages
            .iter()
            .filter(move |message| message.author != who && message.seq > read && message.content.is_some())
    }

    pub(crate) fn unread(&self, who: usize) -> u64 {
        self.unread_messages(who).count() as u64
    }

    pub(crate) fn newest_unread(&self, who: usize) -> Option<String> {
        self.unread_messages(who).next_back().and_then(|message| message.content.clone())
    }

    pub(crate) fn as_seen(&self) -> BTreeMap<u64, Seen> {
        let seen = |message: &Message| Seen {
            id: message.id,
            seq: message.seq,
            rev: message.rev,
            content: message.content.clone(),
        };
        self.messages.iter().map(|message| (message.id, seen(message))).collect()
    }
}

impl View {
    /// Takes what the device sent itself, and was acknowledged.
    pub(crate) fn knows(&mut self, message: &Message) {
        self.apply(Seen { id: message.id, seq: message.seq, rev: message.rev, content: message.content.clone() });
    }

    /// Applies frames as PROTOCOL 3.3.4 says: a message frame counts if its `rev` is above the known one.
    pub(crate) fn hears(&mut self, frames: &[Value]) {
        for frame in frames {
            match text(frame, "type") {
                "new_message" => self.apply(Seen::of(frame)),
                "message_updated" => self.changes(frame, frame["content"].as_str().map(str::to_owned)),
                "message_deleted" => self.changes(frame, None),
                _ => {}
            }
        }
    }

    fn changes(&mut self, frame: &Value, content: Option<String>) {
        let id = number(frame, "id");
        let known =
            self.messages.get(&id).cloned().unwrap_or_else(|| panic!("a change of an unknown message: {frame}"));
        self.apply(Seen { rev: number(frame, "rev"), content, ..known });
    }

    fn apply(&mut self, message: Seen) {
        let newer = self.messages.get(&message.id).is_none_or(|known| message.rev > known.rev);
        if newer {
            self.messages.insert(message.id, message);
        }
    }
}

impl Seen {
    pub(crate) fn of(message: &Value) -> Self {
        Self {
            id: number(message, "id"),
            seq: number(message, "seq"),
            rev: number(message, "rev"),
            content: message["content"].as_str().map(str::to_owned),
        }
    }
}
