//! A cursor: how far a connection has been served.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::CommitNo;
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How old a cursor may be.
pub const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many changes a cursor may be behind.
pub const MAX_CHANGES: usize = 1_000;

/// Everything up to a commit of a certain database has been handed to the connection.
///
/// Opaque to clients and safe in a URL: `v1.<epoch>.<commit>.<minted, Unix seconds>`.
/// It grants nothing: a replay reads only what its reader may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The database's identity.
    pub epoch: Arc<str>,
    /// The commit.
    pub commit: CommitNo,
    /// When the cursor was made, in Unix seconds.
    pub minted: i64,
}

impl Cursor {
    /// Reads a cursor; `None` for everything that is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("v1.")?.split('.');
        let (epoch, commit, minted) = (parts.next()?, parts.next()?, parts.next()?);
        let known = parts.next().is_none() && !epoch.is_empty() && epoch.len() <= 64;
        known.then_some(())?;
        Some(Self {
            epoch: Arc::from(epoch),
            commit: CommitNo(commit.parse().ok().filter(|commit| *commit <= i64::MAX.unsigned_abs())?),
            minted: minted.parse().ok()?,
        })
    }

    /// Tells whether it is too old to be served.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let age = now.seconds().saturating_sub(self.minted);
        age > i64::try_from(MAX_AGE.as_secs()).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "v1.{}.{}.{}", self.epoch, self.commit, self.minted)
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
        let cursor = Cursor { epoch: "0b51c4".into(), commit: CommitNo(77), minted: 1_795_341_600 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn what_is_no_cursor_is_none() {
        for text in [
            "",
            "v1",
            "v1...",
            "v1.a.b.c",
            "v1.a.1",
            "v1.a.1.2.3",
            "v2.a.1.2",
            "v1.a.-1.2",
            "v1.a.99999999999999999999.2",
            "💥",
        ] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
