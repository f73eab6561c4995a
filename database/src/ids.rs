//! Ids: one type for each thing that is counted, parsed at the edge and never again.
//!
//! Every id is a positive integer below 2^53, so that it survives a JavaScript `number`
//! (ECMA-262, `Number.MAX_SAFE_INTEGER`). On the wire an id is written as a number and
//! accepted as a number (`7`, and `7.0` or `7e0` as PHP and Gson write it) or as a numeric string.

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
                from.deserialize_any(Whole::<1>).map(Self)
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

id!(
    /// An endpoint of the marketplace to which events are sent.
    WebhookId
);
id!(
    /// An event that was, or is to be, sent to a webhook.
    DeliveryId
);

id!(
    /// A row of the audit log.
    AuditId
);

/// Reads a decimal number without sign, spaces or leading `+`.
fn parse(text: &str) -> Result<u64, NotAnId> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().map_err(|_| NotAnId) } else { Err(NotAnId) }
}

/// Reads a whole number from `LEAST` to [`MAX_ID`], in every way in which clients write one.
pub(crate) struct Whole<const LEAST: u64>;

impl<const LEAST: u64> Whole<LEAST> {
    fn checked<E: de::Error>(value: Option<u64>) -> Result<u64, E> {
        let wrong = || E::custom(format_args!("a whole number from {LEAST} to {MAX_ID} is needed"));
        value.filter(|value| (LEAST..=MAX_ID).contains(value)).ok_or_else(wrong)
    }
}

impl<const LEAST: u64> Visitor<'_> for Whole<LEAST> {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a whole number from {LEAST} to {MAX_ID}, or such a number as a string")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        Self::checked(Some(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        Self::checked(u64::try_from(value).ok())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
        let whole = |value: f64| value as u64;
        // Up to 2^53 every whole number is a float's; beyond, and for what is none (NaN), this is false.
        let is_whole = value.is_sign_positive() && value < 9_007_199_254_740_992.0 && value.fract() == 0.0;
        Self::checked(is_whole.then(|| whole(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
        Self::checked(parse(value).ok())
    }
}

/// Reads a place in a thread, as ids are read, from 0 on. For `deserialize_with`.
///
/// # Errors
/// If it is none.
pub fn place<'de, D: Deserializer<'de>>(from: D) -> Result<Seq, D::Error> {
    from.deserialize_any(Whole::<0>).map(Seq)
}

/// Reads a place in a thread, or null. For `deserialize_with`.
///
/// # Errors
/// If it is neither.
pub fn place_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Seq>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Place(#[serde(deserialize_with = "place")] Seq);

    Ok(Option::<Place>::deserialize(from)?.map(|Place(seq)| seq))
}

/// A number that counts something and is no id: whole, from 0 to [`MAX_ID`], also written as a float (`3.0`, `3e0`), never
/// as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CountVisitor).map(Self)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a whole number from 0 to {MAX_ID}")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        Whole::<0>.visit_u64(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        Whole::<0>.visit_i64(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        Whole::<0>.visit_f64(value)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Seen {
        #[serde(default, deserialize_with = "place_or_none")]
        up_to: Option<Seq>,
    }

    #[test]
    fn an_id_is_a_whole_number_however_it_is_written() {
        let read = |text: &str| serde_json::from_str::<UserId>(text).map(UserId::get);
        for (text, id) in [
            ("7", 7),
            ("\"7\"", 7),
            ("\"07\"", 7),
            ("7.0", 7),
            ("7e0", 7),
            ("0.7e1", 7),
            ("1E3", 1_000),
            ("9007199254740991", MAX_ID),
            ("9007199254740991.0", MAX_ID),
            ("9.007199254740991e15", MAX_ID),
        ] {
            assert_eq!(read(text).expect(text), id, "{text}");
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(UserId::deserialize(value).expect(text).get(), id, "{text}, read twice");
        }
        for text in [
            "0",
            "0.0",
            "-0.0",
            "-1",
            "-7.0",
            "7.5",
            "7e-1",
            "1e16",
            "1e300",
            "9007199254740992",
            "9007199254740992.0",
            "18446744073709551616",
            "\"7.0\"",
            "\"7e0\"",
            "\"\"",
            "\" 7\"",
            "true",
            "[7]",
            "{}",
            "null",
        ] {
            read(text).expect_err(text);
        }
    }

    #[test]
    fn a_count_is_a_whole_number_and_no_text() {
        let read = |text: &str| serde_json::from_str::<Count>(text).map(|Count(count)| count);
        for (text, count) in [("0", 0), ("3", 3), ("3.0", 3), ("3e0", 3), ("9007199254740991", MAX_ID)] {
            assert_eq!(read(text).expect(text), count, "{text}");
        }
        for text in ["-1", "3.5", "9007199254740992", "1e300", "\"3\"", "null", "true", "[3]"] {
            read(text).expect_err(text);
        }
    }

    #[test]
    fn a_place_is_read_as_an_id_is_and_may_be_zero() {
        let read = |text: &str| serde_json::from_str::<Seen>(text).map(|seen| seen.up_to);
        for (value, place) in
            [("null", None), ("0", Some(0)), ("0.0", Some(0)), ("\"12\"", Some(12)), ("1.2e1", Some(12))]
        {
            assert_eq!(read(&format!(r#"{{"up_to":{value}}}"#)).expect(value), place.map(Seq), "{value}");
        }
        assert_eq!(read("{}").expect("nothing"), None);
        for value in ["-1", "-0.0", "1.5", "\"\"", "\"x\"", "\"+1\"", "[]", "{}", "true", "9007199254740992", "1e16"] {
            read(&format!(r#"{{"up_to":{value}}}"#)).expect_err(value);
        }
    }
}
