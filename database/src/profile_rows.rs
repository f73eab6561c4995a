//! Profiles as the tables hold them, made into what the hub says of users.

use crate::entities::profile;
use crate::ids::UserId;
use crate::objects::{ContactChannel, MarketRole, Profile, PublicProfile};
use crate::rows::row;

row! {
    /// The columns of a profile that other users see, behind its id.
    #[derive(Debug)]
    pub(crate) struct PublicProfileRow of profile {
        _user_id: i64 = UserId,
        name: String = Name,
        avatar_url: Option<String> = AvatarUrl,
        verified: i64 = Verified,
        role: Option<String> = Role,
    }
}

impl From<PublicProfileRow> for PublicProfile {
    fn from(row: PublicProfileRow) -> Self {
        public(row.name, row.avatar_url, row.verified, row.role.as_deref())
    }
}

impl From<profile::Model> for Profile {
    fn from(row: profile::Model) -> Self {
        Self {
            user_id: UserId::from_column(row.user_id),
            public: public(row.name, row.avatar_url, row.verified, row.role.as_deref()),
            locale: row.locale,
            timezone: row.timezone,
            email: row.email,
            contactable: row.contactable.split(',').filter_map(ContactChannel::from_text).collect(),
        }
    }
}

/// Returns the channels as their column holds them.
pub(crate) fn channels(channels: &[ContactChannel]) -> String {
    channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(",")
}

fn public(name: String, avatar_url: Option<String>, verified: i64, role: Option<&str>) -> PublicProfile {
    PublicProfile { name, avatar_url, verified: verified != 0, role: role.and_then(MarketRole::from_text) }
}
