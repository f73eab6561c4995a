//! What was read for one list of changes, beside what the cache knows of its threads.

use std::collections::{HashMap, HashSet};

use super::cache::ReadState;
use crate::ids::Pair;
use crate::message_rows::StoredMessage;
use crate::objects::{Card, CardRef, Image, Profile};

/// Rows that only this list of changes needs.
#[derive(Debug, Default)]
pub(super) struct Preloaded {
    /// Messages to be changed or sent again, in their present state.
    pub(super) messages: HashMap<i64, StoredMessage>,
    /// Messages that were sent before, by thread and author, then by key.
    pub(super) keys: HashMap<(i64, i64), HashMap<String, SentBefore>>,
    /// The threads of messages that are answered.
    pub(super) answered: HashMap<i64, i64>,
    /// Images by id.
    pub(super) media: HashMap<String, Upload>,
    /// Notifications to be read or deleted.
    pub(super) notifications: HashMap<i64, NotificationRow>,
    /// Keys that people's notifications have already.
    pub(super) dedupe: HashSet<(i64, String)>,
    /// Tickets that were used before.
    pub(super) tickets: HashSet<String>,
    /// Tickets that expired up to this time are not remembered: they may have been used.
    pub(super) tickets_forgotten: i64,
    /// The present profiles of users whose profiles are put, or to whom the marketplace writes, as far as they have any.
    pub(super) profiles: HashMap<i64, Profile>,
    /// The present cards of those that are put or shown, as far as there are any.
    pub(super) cards: HashMap<CardRef, Card>,
    /// Places of unread messages that the cache does not know, by thread's slot and member's side.
    pub(super) places: HashMap<(usize, usize), Vec<i64>>,
}

/// A message that was sent before.
#[derive(Debug)]
pub(super) struct SentBefore {
    pub(super) id: i64,
    /// SHA-256 of what was sent then.
    pub(super) payload_hash: Vec<u8>,
}

/// An uploaded image.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) owner: i64,
    pub(super) object_key: String,
    pub(super) attached_at: Option<i64>,
    pub(super) expires_at: Option<i64>,
    pub(super) image: Image,
}

/// A notification's row.
#[derive(Debug, Clone)]
pub(super) struct NotificationRow {
    pub(super) user: i64,
    /// The thread's members, if it is of type `chat`.
    pub(super) thread: Option<Pair>,
    pub(super) updated_at: i64,
    pub(super) read_state: ReadState,
    pub(super) deleted_at: Option<i64>,
    /// Whether this list of changes changed it.
    pub(super) changed: bool,
}
