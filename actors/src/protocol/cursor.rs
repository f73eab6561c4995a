//! A cursor: how far a connection has been served.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How old a cursor may be.
pub const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many changes a cursor may be behind.
pub const MAX_CHANGES: usize = 1_000;

/// A position in a history: everything up to a commit has been handed to a reader's connection.
///
/// Opaque to clients and safe in a URL: `v2.<epoch>.<commit>.<heard>.<nonce>.<reader>.<minted, Unix seconds>`. A cursor
/// grants no access, for a replay reads only what its reader may see. It names its reader and its history, because what
/// another reader got, or this one got in another history (before a backup was restored), does not show what this one has
/// missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The commit.
    pub commit: CommitNo,
    /// The newest commit that any frame so far may be of: `commit` or a later one. If it still stands, all of them do.
    pub heard: CommitRef,
    /// The reader. `None` in a frame for several users, until it is [addressed](super::ServerFrame::encode_for).
    pub reader: Option<UserId>,
    /// When the cursor was made, in Unix seconds.
    pub minted: i64,
}

impl Cursor {
    /// Parses a cursor; `None` if the text is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("v2.")?.split('.');
        let mut next = || parts.next();
        let (epoch, commit, heard, nonce, reader, minted) = (next()?, next()?, next()?, next()?, next()?, next()?);
        let known = parts.next().is_none() && !epoch.is_empty() && epoch.len() <= 64;
        known.then_some(())?;
        let (commit, heard) = (number(commit)?, number(heard)?);
        Some(Self {
            commit,
            heard: CommitRef {
                epoch: Arc::from(epoch),
                commit: heard,
                nonce: Nonce(u32::from_str_radix(nonce, 16).ok()?),
            },
            reader: Some(reader.parse().ok()?),
            minted: minted.parse().ok()?,
        })
    }

    /// Tells whether it is too old to be served.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let age = now.seconds().saturating_sub(self.minted);
        age > i64::try_from(MAX_AGE.as_secs()).unwrap_or(i64::MAX)
    }

    /// Returns the cursor for a reader.
    #[must_use]
    pub fn of(mut self, reader: UserId) -> Self {
        self.reader = Some(reader);
        self
    }
}

/// Reads the number of a commit.
fn number(text: &str) -> Option<CommitNo> {
    text.parse().ok().filter(|commit| *commit <= i64::MAX.unsigned_abs()).map(CommitNo)
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, heard, reader, minted } = self;
        let reader = reader.map_or(0, UserId::get);
        write!(out, "v2.{}.{commit}.{}.{:x}.{reader}.{minted}", heard.epoch, heard.commit, heard.nonce.0)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a cursor"))
    }
}

impl utoipa::PartialSchema for Cursor {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Opaque: everything up to it has been handed to this connection"))
            .into()
    }
}

impl utoipa::ToSchema for Cursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_wrote() {
        let heard = CommitRef { epoch: "0b51c4".into(), commit: CommitNo(79), nonce: Nonce(0xfeed) };
        let cursor = Cursor { commit: CommitNo(77), heard, reader: UserId::new(42).ok(), minted: 1_795_341_600 };
        assert_eq!(cursor.to_string(), "v2.0b51c4.77.79.feed.42.1795341600");
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn a_cursor_that_no_client_was_given_is_none() {
        let heard = CommitRef { epoch: "0b51c4".into(), commit: CommitNo(79), nonce: Nonce(1) };
        let cursor = Cursor { commit: CommitNo(77), heard, reader: None, minted: 1 };
        assert_eq!(Cursor::parse(&cursor.to_string()), None);
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        for text in [
            "",
            "v2",
            "v2......",
            "v2.a.1.1.1.7.c",
            "v2.a.1.1.1.7",
            "v2.a.1.1.1.7.2.3",
            "v2.a.-1.1.1.7.2",
            "v2.a.1.1.x.7.2",
            "v2.a.1.1.100000000.7.2",
            "v2.a.1.99999999999999999999.1.7.2",
            "v1.0b51c4.77.1795341600",
            "💥",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
