//! Notifications of the marketplace. Those that the old service made for messages are left out: the hub makes its own, one
//! for each thread with unread messages.

use std::collections::HashSet;

use chat_database::change::{Change, Import, ImportedNotification};
use chat_database::ids::{NotificationId, UserId};
use chat_database::import::old::OldNotification;
use chat_database::import::{IdOf, Notifications as Old, keys};
use chat_database::time::Timestamp;

use super::error::Error;
use super::report::Reason;
use super::target::HubSide;
use super::threads::user;
use crate::blank::is_blank;

/// Their longest lengths in characters, which are those of the marketplace's notifications.
const TITLE: usize = 255;
const BODY: usize = 4_000;
const KIND: usize = 64;

/// The types under which the old service told of messages.
const OF_MESSAGES: [&str; 5] = ["chat", "message", "chat_message", "new_message", "new_chat_message"];

/// The type of notifications that have none.
const NO_KIND: &str = "notification";

/// Imports notifications.
pub(super) struct Notifications<'a> {
    pub(super) hub: &'a mut HubSide,
}

impl Notifications<'_> {
    /// Imports all that are not there yet, a page in each commit. The hub shows a user's notifications by their times, so
    /// the order in which they are written does not matter.
    pub(super) async fn bring(self, mut old: Old<'_>) -> Result<(), Error> {
        while let Some(page) = old.next().await? {
            let ids: Vec<i64> = page.iter().filter(|old| !old.shares_id).filter_map(|old| old.id).collect();
            let free = self.hub.free(IdOf::Notification, &ids).await?;
            let mut there = self.hub.brought(&page.iter().filter_map(named).collect::<Vec<_>>()).await?;
            let mut changes = Vec::new();
            for old in page {
                let name = old.id.or(old.of).unwrap_or_default();
                match self.made(old, &free, &mut there) {
                    Ok(Some(made)) => {
                        self.hub.report.notification(made.id.is_some());
                        changes.push(Change::Import(Box::new(Import::Notification(made))));
                    }
                    Ok(None) => self.hub.report.notifications_there += 1,
                    Err(reason) => self.hub.report.left_out(reason, name),
                }
            }
            self.hub.commit(changes).await?;
        }
        Ok(())
    }

    /// Decides what a notification becomes; `None` if it was imported before.
    fn made(
        &self,
        old: OldNotification,
        free: &HashSet<i64>,
        there: &mut HashSet<String>,
    ) -> Result<Option<ImportedNotification>, Reason> {
        let (owner, key) = named(&old).ok_or(Reason::NotificationOfNoUser)?;
        if there.contains(&key) {
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
        // If two tables have given out the same id, the notification that is read first keeps it.
        let id = old.id.filter(|id| free.contains(id)).and_then(|id| NotificationId::new(id.unsigned_abs()).ok());
        there.insert(key.clone());
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

/// Returns the user and the key by which a notification is recognised.
fn named(old: &OldNotification) -> Option<(UserId, String)> {
    let owner = user(old.user)?;
    Some((owner, keys::notification(&old.table, old.id, old.of, owner.get().cast_signed())))
}

/// Returns a type as the hub writes them: letters, digits and `_.-`.
fn kind(text: &str) -> String {
    let simple = |letter: char| if letter.is_ascii_alphanumeric() || "_.-".contains(letter) { letter } else { '_' };
    text.trim().to_ascii_lowercase().chars().map(simple).take(KIND).collect()
}
