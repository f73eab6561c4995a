//! How far a reader of the event feed has come.

use std::fmt;
use std::sync::Arc;

use chat_database::events::EventPosition;
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::CommitNo;
use chat_database::queries::events::FeedPosition;
use serde::Serialize;

/// The position of a reader in the event feed: the reader was told everything up to it.
///
/// Opaque to readers and safe in a URL: `e1.<epoch>.<commit>.<nonce>.<class>.<object>.<part>.<newest message>.<reader>`.
/// Like a connection's cursor it names its history. The reader's number distinguishes readers, so that the log is kept for
/// each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedCursor {
    /// The commit of the position, and in which history.
    pub commit_ref: CommitRef,
    /// The position.
    pub position: FeedPosition,
    /// The reader: a random number.
    pub reader: u32,
}

impl FeedCursor {
    /// Returns the cursor behind all events of a commit.
    #[must_use]
    pub fn behind(commit_ref: CommitRef, reader: u32) -> Self {
        let position = FeedPosition::behind(commit_ref.commit);
        Self { commit_ref, position, reader }
    }

    /// Parses a cursor; `None` if the text is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix("e1.")?.split('.').collect();
        let [epoch, commit, nonce, class, object, part, message, reader] = parts[..] else { return None };
        let is_name = (1..=64).contains(&epoch.len()) && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let commit = CommitNo(number(commit)?);
        let class = u8::try_from(number(class)?).ok().filter(|class| *class <= EventPosition::END)?;
        let position = EventPosition { commit, class, object: number(object)?, part: number(part)? };
        is_name.then_some(Self {
            commit_ref: CommitRef { epoch: Arc::from(epoch), commit, nonce: Nonce(hex(nonce)?) },
            position: FeedPosition { event: position, newest_message: number(message)? },
            reader: hex(reader)?,
        })
    }
}

/// Reads a number that the database may hold.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < i64::MAX.unsigned_abs())
}

fn hex(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(text, 16).ok().filter(|_| digits)
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CommitRef { epoch, commit, nonce } = &self.commit_ref;
        let FeedPosition { event: position, newest_message } = self.position;
        let EventPosition { class, object, part, .. } = position;
        write!(out, "e1.{epoch}.{commit}.{:x}.{class}.{object}.{part}.{newest_message}.{:x}", nonce.0, self.reader)
    }
}

impl Serialize for FeedCursor {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl utoipa::PartialSchema for FeedCursor {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Opaque: everything up to it has been told"))
            .into()
    }
}

impl utoipa::ToSchema for FeedCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_wrote() {
        let commit_ref = CommitRef { epoch: "0b51c4".into(), commit: CommitNo(79), nonce: Nonce(0xfeed) };
        let behind = FeedCursor::behind(commit_ref, 0xab);
        assert_eq!(behind.to_string(), "e1.0b51c4.79.feed.3.0.0.0.ab");
        let position = EventPosition { commit: CommitNo(79), class: 0, object: 7, part: 12 };
        let within = FeedCursor { position: FeedPosition { event: position, newest_message: 3 }, ..behind.clone() };
        for cursor in [behind, within] {
            assert_eq!(FeedCursor::parse(&cursor.to_string()), Some(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        for text in [
            "",
            "e1",
            "e1........",
            "e1.a.1.1.3.0.0.0",
            "e1.a.1.1.3.0.0.0.1.1",
            "e1.a.-1.1.3.0.0.0.1",
            "e1.a.1.x.3.0.0.0.1",
            "e1.a.1.100000000.3.0.0.0.1",
            "e1.a.1.1.4.0.0.0.1",
            "e1.a.9223372036854775807.1.3.0.0.0.1",
            "e1.ä.1.1.3.0.0.0.1",
            "v2.a.1.1.1.7.2",
            "💥",
        ] {
            assert_eq!(FeedCursor::parse(text), None, "{text}");
        }
    }
}
