//! Notifications: from the marketplace to users, and what users do with them.

use chat_database::change::{Change, Notify, Outcome, OwnNotification};
use chat_database::ids::{NotificationId, UserId};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::Hub;
use crate::error::Error;

/// A request of the marketplace to notify users.
#[derive(Debug, Clone)]
pub struct NotificationRequest {
    /// The users to notify.
    pub users: Vec<UserId>,
    /// The kind of the notification, as the marketplace names it.
    pub kind: String,
    /// The title: one line.
    pub title: String,
    /// The body: a paragraph.
    pub body: String,
    /// The marketplace's id of the object that the notification is about.
    pub related_id: Option<u64>,
    /// A user gets one notification per key, for ever.
    pub dedupe_key: Option<String>,
}

impl Hub {
    /// Stores notifications and sends them to the users who listen; returns how many are new.
    ///
    /// # Errors
    /// Temporary ones alone: the edge has checked the request.
    pub async fn notify(&self, request: NotificationRequest) -> Result<usize, Error> {
        let NotificationRequest { mut users, kind, title, body, related_id, dedupe_key } = request;
        users.sort_unstable();
        users.dedup();
        let notify = Notify { users, kind, title, body, related_id, dedupe_key, at: Timestamp::now() };
        match self.0.storage.call(Change::Notify(notify)).await? {
            Outcome::Notified(made) => Ok(made.len()),
            _ => Err(Error::internal()),
        }
    }

    /// Marks a notification as read.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn read_notification(&self, user: UserId, id: NotificationId) -> Result<(), Error> {
        self.change_notification(user, Change::ReadNotification(OwnNotification { id, user })).await
    }

    /// Marks all of a user's notifications as read.
    ///
    /// # Errors
    /// Temporary ones alone.
    pub async fn read_all_notifications(&self, user: UserId) -> Result<(), Error> {
        self.change_notification(user, Change::ReadAllNotifications(user)).await
    }

    /// Deletes a notification.
    ///
    /// # Errors
    /// `rate_limited`, `not_found`.
    pub async fn delete_notification(&self, user: UserId, id: NotificationId) -> Result<(), Error> {
        self.change_notification(user, Change::DeleteNotification(OwnNotification { id, user })).await
    }

    async fn change_notification(&self, user: UserId, change: Change) -> Result<(), Error> {
        self.0.limiters.receipts.take(user, Instant::now())?;
        match self.0.storage.call(change).await? {
            Outcome::NoNotification => Err(Error::not_found("notification")),
            _ => Ok(()),
        }
    }
}
