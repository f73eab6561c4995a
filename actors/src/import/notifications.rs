//! Notifications of the marketplace. Those that the old service made for messages are left out: the hub makes its own, one for each
//! thread with unread messages.

use std::collections::HashSet;

use chat_database::change::{Change, Import, ImportedNotification};
use chat_database::ids::NotificationId;
use chat_database::import::old::OldNotification;
use chat_database::import::{IdOf, keys};
use chat_database::time::Timestamp;

use super::error::Error;
use super::report::Reason;
use super::target::HubSide;
use super::threads::user;
use crate::blank::is_blank;

/// How many notifications one commit has.
const AT_A_TIME: usize = 5_000;

/// How long they may be, in characters, as those of the marketplace are.
const TITLE: usize = 255;
const BODY: usize = 4_000;
const KIND: usize = 64;

/// The types under which the old service told of messages.
const OF_MESSAGES: [&str; 5] = ["chat", "message", "chat_message", "new_message", "new_chat_message"];

/// The type of notifications that have none.
const NO_KIND: &str = "notification";

/// Brings notifications over.
pub(super) struct Notifications<'a> {
    pub(super) hub: &'a mut HubSide,
}

impl Notifications<'_> {
    /// Brings all over that are not there yet, in their order.
    pub(super) async fn bring(mut self, old: Vec<OldNotification>) -> Result<(), Error> {
        let ids: Vec<i64> = old.iter().filter_map(|notification| notification.id).collect();
        let mut free = self.hub.free(IdOf::Notification, &ids).await?;
        let mut changes = Vec::new();
        for old in old {
            let name = old.id.or(old.of).unwrap_or_default();
            match self.made(old, &mut free) {
                Ok(Some(made)) => {
                    self.hub.report.notification(made.id.is_some());
                    changes.push(Change::Import(Box::new(Import::Notification(made))));
                }
                Ok(None) => self.hub.report.notifications_there += 1,
                Err(reason) => self.hub.report.left_out(reason, name),
            }
            if changes.len() == AT_A_TIME {
                self.hub.commit(std::mem::take(&mut changes)).await?;
            }
        }
        self.hub.commit(changes).await.map(drop)
    }

    /// Decides what a notification becomes; `None`: it is there.
    fn made(&mut self, old: OldNotification, free: &mut HashSet<i64>) -> Result<Option<ImportedNotification>, Reason> {
        let owner = user(old.user).ok_or(Reason::NotificationOfNoUser)?;
        let key = keys::notification(&old.table, old.id, old.of, owner.get().cast_signed());
        if self.hub.present.notifications.contains(&key) {
            return Ok(None);
        }
        let kind = old.kind.as_deref().map(kind).filter(|kind| !kind.is_empty()).unwrap_or_else(|| NO_KIND.to_owned());
        if old.deleted {
            return Err(Reason::DeletedNotification);
        }
        if OF_MESSAGES.contains(&kind.as_str()) {
            return Err(Reason::NotificationOfMessage);
        }
        let text = |text: Option<String>| text.filter(|text| !is_blank(text)).map(|text| text.replace('\0', ""));
        let (title, body) = match (text(old.title), text(old.body)) {
            (Some(title), body) => (title, body.unwrap_or_default()),
            (None, Some(body)) => (body.lines().next().unwrap_or_default().to_owned(), body),
            (None, None) => return Err(Reason::EmptyNotification),
        };
        // Two tables may have given out the same id.
        let id = old.id.filter(|id| free.remove(id)).and_then(|id| NotificationId::new(id.unsigned_abs()).ok());
        self.hub.present.notifications.insert(key.clone());
        Ok(Some(ImportedNotification {
            id,
            user: owner,
            key,
            kind,
            title: title.chars().take(TITLE).collect(),
            body: body.chars().take(BODY).collect(),
            related_id: old.related.and_then(|id| u64::try_from(id).ok()),
            read: old.read,
            created_at: Timestamp::from_millis(old.at.unwrap_or_default().clamp(1, self.hub.now.millis())),
        }))
    }
}

/// Returns a type as the hub writes them: letters, digits and `_.-`.
fn kind(text: &str) -> String {
    let simple = |letter: char| if letter.is_ascii_alphanumeric() || "_.-".contains(letter) { letter } else { '_' };
    text.trim().to_ascii_lowercase().chars().map(simple).take(KIND).collect()
}
