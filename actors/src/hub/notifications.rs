//! Notifications: from the marketplace to people, and what they do with them.

use chat_database::change::{Change, Notify, Outcome, OwnNotification};
use chat_database::ids::{NotificationId, UserId};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::Hub;
use crate::refused::Refused;

/// A notification from the marketplace.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Whom it is for.
    pub users: Vec<UserId>,
    /// What it is about.
    pub kind: String,
    /// A line.
    pub title: String,
    /// A paragraph.
    pub body: String,
    /// The thing it is about.
    pub related_id: Option<u64>,
    /// A user gets one notification per key, for ever.
    pub dedupe_key: Option<String>,
}

impl Hub {
    /// Stores notifications and tells those who listen; returns how many are new.
    ///
    /// # Errors
    /// Temporary ones alone: the edge has looked at the notice.
    pub async fn notify(&self, notice: Notice) -> Result<usize, Refused> {
        let Notice { mut users, kind, title, body, related_id, dedupe_key } = notice;
        users.sort_unstable();
        users.dedup();
        let notify = Notify { users, kind, title, body, related_id, dedupe_key, at: Timestamp::now() };
        match self.node.storage.call(Change::Notify(notify)).await? {
            Outcome::Notified(made) => Ok(made.len()),
            _ => Err(Refused::internal()),
        }
    }

    /// Marks a notification as read.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn read_notification(&self, user: UserId, id: NotificationId) -> Result<(), Refused> {
        self.change_notification(user, Change::ReadNotification(OwnNotification { id, user })).await
    }

    /// Marks all of a user's notifications as read.
    ///
    /// # Errors
    /// Temporary ones alone.
    pub async fn read_all_notifications(&self, user: UserId) -> Result<(), Refused> {
        self.change_notification(user, Change::ReadAllNotifications(user)).await
    }

    /// Deletes a notification.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn delete_notification(&self, user: UserId, id: NotificationId) -> Result<(), Refused> {
        self.change_notification(user, Change::DeleteNotification(OwnNotification { id, user })).await
    }

    async fn change_notification(&self, user: UserId, change: Change) -> Result<(), Refused> {
        self.node.limiters.receipts.take(user, Instant::now())?;
        match self.node.storage.call(change).await? {
            Outcome::NoNotification => Err(Refused::not_found("notification")),
            _ => Ok(()),
        }
    }
}
