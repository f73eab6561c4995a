//! The keys by which an import recognises what it has written: a message's idempotency key with a hash that no user's
//! message can have, and a notification's deduplication key with a prefix that no other one has. So another run finds in
//! the database itself what was imported.

use sha2::{Digest, Sha256};

/// The prefix of all keys, and the text behind all texts with that prefix.
pub(super) const BEGIN: &str = "node:";
pub(super) const END: &str = "node;";

/// Returns the key of a message. Keys in the order of ids stand together in the index.
#[must_use]
pub fn message(id: i64) -> String {
    format!("{BEGIN}{id:016}")
}

/// Returns what stands in the place of the hash of what a user has sent. A user may have used the key; the hash is of a text that
/// begins as no user's message does.
#[must_use]
pub fn message_hash(id: i64) -> [u8; 32] {
    Sha256::digest(format!("brought over from the Node.js service: message {id}")).into()
}

/// Returns the old id of a message by its key and hash, if it was imported.
pub(super) fn message_id(key: &str, hash: &[u8]) -> Option<i64> {
    let id = key.strip_prefix(BEGIN)?.parse().ok()?;
    (message_hash(id) == hash).then_some(id)
}

/// Returns the key of a notification: of a row of a table by its id, or, where rows have none, by notification and user.
#[must_use]
pub fn notification(table: &str, id: Option<i64>, of: Option<i64>, user: i64) -> String {
    match id {
        Some(id) => format!("{BEGIN}{table}:{id}"),
        None => format!("{BEGIN}{table}:{}:{user}", of.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_key_and_its_hash_alone() {
        let key = message(17);
        assert!(BEGIN < key.as_str() && key.as_str() < END, "{key}");
        assert_eq!(message_id(&key, &message_hash(17)), Some(17));
        assert_eq!(message_id(&key, &message_hash(18)), None, "a user has used the key");
        assert_eq!(message_id("17", &message_hash(17)), None);
        assert!(message(9) < message(10));
    }

    #[test]
    fn a_notification_without_an_id_is_known_by_its_user() {
        assert_eq!(notification("notifications", Some(4), None, 7), "node:notifications:4");
        assert_eq!(notification("user_notifications", None, Some(4), 7), "node:user_notifications:4:7");
    }
}
