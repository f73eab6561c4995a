//! What the marketplace's core says of a user.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::UserId;

/// Everything that the core says of a user. Users see its [public part](Profile::public) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The user.
    pub user_id: UserId,
    /// What others see of the user.
    pub public: PublicProfile,
    /// The user's language: a BCP 47 tag.
    pub locale: Option<String>,
    /// The user's time zone: an IANA name.
    pub timezone: Option<String>,
    /// The user's address for mail.
    pub email: Option<String>,
    /// How the core may reach the user, each channel once, ascending.
    pub contactable: Vec<ContactChannel>,
}

/// What other users see of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicProfile {
    /// The user's name.
    pub name: String,
    /// Where the user's picture is.
    pub avatar_url: Option<String>,
    /// Whether the marketplace has verified the user.
    pub verified: bool,
    /// Whether the user mostly buys or sells.
    pub role: Option<MarketRole>,
}

/// Whether a user mostly buys or sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarketRole {
    /// A buyer.
    Buyer,
    /// A seller.
    Seller,
}

impl MarketRole {
    /// Returns the role as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Seller => "seller",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        [Self::Buyer, Self::Seller].into_iter().find(|role| role.as_str() == text)
    }
}

/// A way in which the core may reach a user who is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContactChannel {
    /// WhatsApp.
    Whatsapp,
    /// Text messages of the telephone.
    Sms,
    /// Mail.
    Email,
}

impl ContactChannel {
    /// Returns the channel as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        [Self::Whatsapp, Self::Sms, Self::Email].into_iter().find(|channel| channel.as_str() == text)
    }
}

impl fmt::Display for ContactChannel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
