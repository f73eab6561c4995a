//! What a commit has done for users, as it is written for other nodes.

use chat_database::ids::{NotificationId, ThreadId, UserId};
use chat_database::objects::{Notification, Totals};
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notifications::events::NotificationEvent;
use crate::notifications::message::UserUpdate;
use crate::relay::commit::{Malformed, UserContent};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::relay) struct WireUser<'a> {
    user: u64,
    totals: Option<(u64, u64)>,
    threads: Vec<u64>,
    #[serde(borrow)]
    events: Vec<WireEvent<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum WireEvent<'a> {
    #[serde(borrow)]
    Made(WireNotification<'a>),
    Read(u64),
    AllRead,
    Deleted(u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct WireNotification<'a> {
    id: u64,
    user: u64,
    kind: &'a str,
    title: &'a str,
    body: &'a str,
    related_id: Option<u64>,
    count: u64,
    is_read: bool,
    created_at: i64,
    updated_at: i64,
}

impl<'a> WireUser<'a> {
    pub(in crate::relay) fn of(user: UserId, content: &'a UserContent) -> Self {
        let UserContent { totals, update } = content;
        Self {
            user: user.get(),
            totals: totals.map(|totals| (totals.notifications, totals.messages)),
            threads: update.threads.iter().map(|thread| thread.get()).collect(),
            events: update.events.iter().map(WireEvent::of).collect(),
        }
    }

    pub(in crate::relay) fn read(self) -> Result<(UserId, UserContent), Malformed> {
        let update = UserUpdate {
            threads: self.threads.into_iter().map(ThreadId::new).collect::<Result<_, _>>()?,
            events: self.events.into_iter().map(WireEvent::read).collect::<Result<_, _>>()?,
        };
        let totals = self.totals.map(|(notifications, messages)| Totals { notifications, messages });
        Ok((UserId::new(self.user)?, UserContent { totals, update }))
    }
}

impl<'a> WireEvent<'a> {
    fn of(event: &'a NotificationEvent) -> Self {
        match event {
            NotificationEvent::Made(notification) => Self::Made(WireNotification::of(notification)),
            NotificationEvent::Read(id) => Self::Read(id.get()),
            NotificationEvent::AllRead => Self::AllRead,
            NotificationEvent::Deleted(id) => Self::Deleted(id.get()),
        }
    }

    fn read(self) -> Result<NotificationEvent, Malformed> {
        Ok(match self {
            Self::Made(notification) => NotificationEvent::Made(Box::new(notification.read()?)),
            Self::Read(id) => NotificationEvent::Read(NotificationId::new(id)?),
            Self::AllRead => NotificationEvent::AllRead,
            Self::Deleted(id) => NotificationEvent::Deleted(NotificationId::new(id)?),
        })
    }
}

impl<'a> WireNotification<'a> {
    fn of(notification: &'a Notification) -> Self {
        Self {
            id: notification.id.get(),
            user: notification.user_id.get(),
            kind: &notification.kind,
            title: &notification.title,
            body: &notification.body,
            related_id: notification.related_id,
            count: notification.count,
            is_read: notification.is_read,
            created_at: notification.created_at.millis(),
            updated_at: notification.updated_at.millis(),
        }
    }

    fn read(self) -> Result<Notification, Malformed> {
        Ok(Notification {
            id: NotificationId::new(self.id)?,
            user_id: UserId::new(self.user)?,
            kind: self.kind.to_owned(),
            title: self.title.to_owned(),
            body: self.body.to_owned(),
            related_id: self.related_id,
            count: self.count,
            is_read: self.is_read,
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
        })
    }
}
