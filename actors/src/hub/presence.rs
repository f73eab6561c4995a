//! Presence: what a user may know of the users around them.

use chat_database::ids::UserId;
use chat_database::queries::people;
use chat_database::time::Timestamp;

use super::Hub;
use crate::error::Error;

/// Whether a user is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// The user.
    pub user_id: UserId,
    /// Whether the user is connected.
    pub online: bool,
    /// When the user was last connected.
    pub last_seen: Option<Timestamp>,
}

impl Hub {
    /// Tells whether a user is connected (or left less than the debounce ago). Does not check who may know it.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.0.presence.is_online(user)
    }

    /// Tells which of the users `asked` are online; strangers to `asker` are left out.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn presence(&self, asker: UserId, asked: Vec<UserId>) -> Result<Vec<Presence>, Error> {
        let mut known = people::acquainted(&self.0.database, asker, &asked).await?;
        known.sort_unstable();
        known.dedup();
        let seen = people::last_seen(&self.0.database, &known).await?;
        let last_seen = |user| seen.iter().find(|(of, _)| *of == user).map(|(_, at)| *at);
        let presence = |user_id| Presence { user_id, online: self.is_online(user_id), last_seen: last_seen(user_id) };
        Ok(known.into_iter().map(presence).collect())
    }
}
