//! A user's unread totals, as the writer's cache holds them.

use crate::commit::cache::User;
use crate::entities::chat_user;
use crate::rows::row;

row! {
    /// A user's unread totals.
    pub(super) struct UserRow of chat_user {
        pub(super) id: i64 = Id,
        unread_messages: i64 = UnreadMessages,
        unread_notifications: i64 = UnreadNotifications,
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self { stored: true, messages: row.unread_messages, notifications: row.unread_notifications, commit: 0 }
    }
}
