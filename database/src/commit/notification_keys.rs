//! Deduplication keys of notifications, and what the hub's own notifications say.

use sha2::{Digest, Sha256};

use super::hex::Hex;

/// The type of a thread's notification.
pub(crate) const CHAT: &str = "chat";

/// The title of a thread's notification.
pub(crate) const CHAT_TITLE: &str = "New message";

/// The longest key of the marketplace, in bytes, that is stored as it is; a longer one is stored as its SHA-256.
const LONGEST_KEY: usize = 200;

/// Returns a deduplication key of the marketplace as the table holds it, with a prefix that keeps it apart from the hub's own.
pub(super) fn core_key(key: &str) -> String {
    if key.len() <= LONGEST_KEY {
        return format!("core:{key}");
    }
    format!("core#{}", Hex(&Sha256::digest(key.as_bytes())))
}

/// Returns the deduplication key of a thread's notification: a user has one notification per thread.
pub(crate) fn chat_key(thread: i64) -> String {
    format!("chat:{thread}")
}
