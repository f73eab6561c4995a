//! Ids: one type for each thing that is counted, parsed at the edge and never again.
//!
//! Every id is a positive integer below 2^53, so that it survives a JavaScript `number`
//! (ECMA-262, `Number.MAX_SAFE_INTEGER`). On the wire an id is written as a number and
//! accepted as a number or as a numeric string.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// The largest id: 2^53 − 1.
pub const MAX_ID: u64 = (1 << 53) - 1;

/// Why a value is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a whole number from 1 to 9007199254740991")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Takes a number that is in range.
            ///
            /// # Errors
            /// [`NotAnId`] for zero and for everything from 2^53 on.
            pub const fn new(value: u64) -> Result<Self, NotAnId> {
                if value >= 1 && value <= MAX_ID { Ok(Self(value)) } else { Err(NotAnId) }
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Takes a number that the database holds; what is out of range there is a defect.
            pub(crate) fn from_column(value: i64) -> Self {
                debug_assert!(value >= 1, "the database holds ids from 1 on");
                Self(value.unsigned_abs())
            }

            /// Returns the number as the database holds it.
            pub(crate) const fn column(self) -> i64 {
                self.0.cast_signed()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).and_then(Self::new)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let value = from.deserialize_any(IdVisitor)?;
                Self::new(value).map_err(de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                <u64 as utoipa::PartialSchema>::schema()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

id!(
    /// A person of the marketplace. Issued by the marketplace's core, never by the hub.
    UserId
);
id!(
    /// The conversation of two people.
    ThreadId
);
id!(
    /// One message, across all threads.
    MessageId
);
id!(
    /// One notification, across all users.
    NotificationId
);
id!(
    /// A product of the marketplace, as the core numbers them.
    ProductId
);

/// Reads a decimal number without sign, spaces or leading `+`.
fn parse(text: &str) -> Result<u64, NotAnId> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| NotAnId) } else { Err(NotAnId) }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a whole number from 1 to 9007199254740991, or such a number as a string")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::custom(NotAnId))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        parse(value).map_err(E::custom)
    }
}

/// The id of an uploaded image: opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct MediaId(pub String);

impl fmt::Display for MediaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// The two people of a thread, the smaller id first: a thread's natural key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// Makes the pair of two different people; `None` if they are the same.
    #[must_use]
    pub fn new(one: UserId, other: UserId) -> Option<Self> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Some(Self { low: one, high: other }),
            std::cmp::Ordering::Greater => Some(Self { low: other, high: one }),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Returns both people, the smaller id first.
    #[must_use]
    pub fn members(self) -> [UserId; 2] {
        [self.low, self.high]
    }

    /// Returns the one across from `user`, or `None` if `user` is not of the pair.
    #[must_use]
    pub fn other(self, user: UserId) -> Option<UserId> {
        if user == self.low {
            Some(self.high)
        } else if user == self.high {
            Some(self.low)
        } else {
            None
        }
    }

    /// Tells whether `user` is one of the two.
    #[must_use]
    pub fn contains(self, user: UserId) -> bool {
        user == self.low || user == self.high
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Takes a number that the database holds.
            pub(crate) fn from_column(value: i64) -> Self {
                Self(u64::try_from(value).unwrap_or_default())
            }

            /// Returns the number as the database holds it.
            pub(crate) fn column(self) -> i64 {
                i64::try_from(self.0).unwrap_or(i64::MAX)
            }

            /// Returns the number after this one.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

counter!(
    /// A message's place in its thread: dense from 1, for ever.
    Seq
);
counter!(
    /// A change's place in its thread: dense from 1; counts creations, edits and deletions.
    Rev
);
counter!(
    /// A group commit's place among all commits of all nodes.
    CommitNo
);
