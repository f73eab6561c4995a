//! The fields in which a frame or a request's body may name its sender: the sender is known already, so they may only repeat it.

use chat_database::ids::UserId;
use serde::{Deserialize, Deserializer};

/// The message of `sender_mismatch`.
pub const SENDER_MISMATCH: &str = "sender_id, from and user_id must be your own id, or be left out";

/// The value of such a field.
#[derive(Debug, Default)]
pub enum SenderClaim {
    /// The field is absent, or null.
    #[default]
    None,
    /// The field names a user.
    User(UserId),
    /// The field holds a value that is not an id.
    Malformed,
}

impl SenderClaim {
    /// Tells whether the field may stand in what this user sends.
    #[must_use]
    pub fn allows(&self, user: UserId) -> bool {
        match self {
            Self::None => true,
            Self::User(claimed) => *claimed == user,
            Self::Malformed => false,
        }
    }
}

impl<'de> Deserialize<'de> for SenderClaim {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(from)? {
            serde_json::Value::Null => Self::None,
            value => UserId::deserialize(value).map_or(Self::Malformed, Self::User),
        })
    }
}

/// All of these fields, of a body that is one JSON object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SenderClaims {
    sender_id: SenderClaim,
    from: SenderClaim,
    user_id: SenderClaim,
}

impl SenderClaims {
    /// Tells whether the fields may stand in what this user sends.
    #[must_use]
    pub fn allow(&self, user: UserId) -> bool {
        [&self.sender_id, &self.from, &self.user_id].into_iter().all(|claim| claim.allows(user))
    }
}
