//! Which user may change a message: its author, and for edits within the window. Strangers learn nothing, not even that it
//! exists.

use std::time::Duration;

use chat_database::Database;
use chat_database::ids::{MessageId, Pair, ThreadId, UserId};
use chat_database::queries::threads::{self, Authorship};

use crate::delivery_frontier::DeliveryFrontier;
use crate::error::Error;
use crate::protocol::ErrorCode;

/// Checks changes of messages.
#[derive(Clone)]
pub(crate) struct Permissions {
    pub(crate) database: Database,
    pub(crate) frontier: DeliveryFrontier,
    /// How long after its creation a message may be edited.
    pub(crate) edit_window: Duration,
}

impl Permissions {
    /// Checks that a user is a member of a thread; returns its members.
    pub(crate) async fn may_see(&self, user: UserId, thread: ThreadId) -> Result<Pair, Error> {
        let pair = threads::members(&self.database, thread).await?;
        pair.filter(|pair| pair.contains(user)).ok_or_else(|| Error::not_found("thread"))
    }

    /// Checks that a user may edit a message; returns its thread's members.
    pub(crate) async fn may_edit(&self, user: UserId, message: MessageId) -> Result<Pair, Error> {
        let authorship = self.own(user, message).await?;
        if authorship.created_at < self.frontier.time().before(self.edit_window) {
            let text = format!("a message can be edited for {} minutes", self.edit_window.as_secs() / 60);
            return Err(Error::new(ErrorCode::EditWindowClosed, text));
        }
        Ok(authorship.pair)
    }

    /// Checks that a user may delete a message; returns its thread's members.
    pub(crate) async fn may_delete(&self, user: UserId, message: MessageId) -> Result<Pair, Error> {
        self.own(user, message).await.map(|authorship| authorship.pair)
    }

    async fn own(&self, user: UserId, message: MessageId) -> Result<Authorship, Error> {
        let authorship = threads::authorship(&self.database, message).await?;
        let seen = authorship.filter(|authorship| authorship.pair.contains(user));
        let authorship = seen.ok_or_else(|| Error::not_found("message"))?;
        if authorship.sender != Some(user) {
            return Err(Error::new(ErrorCode::NotAuthor, "only its author may change a message"));
        }
        if authorship.deleted {
            return Err(Error::not_found("message"));
        }
        Ok(authorship)
    }
}
