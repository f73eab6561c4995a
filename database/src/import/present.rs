//! What the hub's database has of the old service already, and which ids are free in it.

use std::collections::HashSet;

use sea_orm::Value;

use super::keys;
use crate::backend::dialect::Kind;
use crate::change::ReservedIds;
use crate::driver_error::{DriverError, error};
use crate::rows::{BinaryText, Reads, row};
use crate::{Database, Error, sql};

/// How many rows are read at a time.
const AT_A_TIME: i64 = 50_000;

/// How many ids are looked up at a time.
const LOOKED_UP: usize = 5_000;

row! {
    struct KeyRow {
        key: BinaryText,
        payload_hash: Vec<u8>,
    }
}

row! {
    struct NotificationKeyRow {
        id: i64,
        key: BinaryText,
    }
}

row! {
    struct CountersRow {
        threads: i64,
        messages: i64,
        notifications: i64,
    }
}

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOf {
    /// A thread.
    Thread,
    /// A message.
    Message,
    /// A notification.
    Notification,
}

/// What the hub's database has already.
#[derive(Debug, Default)]
pub struct Present {
    /// The old ids of messages that were brought over.
    pub messages: HashSet<i64>,
    /// The keys of notifications that were brought over.
    pub notifications: HashSet<String>,
    /// The highest ids that were given out: what is above them is free.
    pub given_out: ReservedIds,
}

impl Present {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Refused`] if the database has no schema yet.
    pub async fn read(db: &Database) -> Result<Self, Error> {
        read(db).await.map_err(error)
    }

    /// Returns which of some ids are taken.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn taken(&self, db: &Database, of: IdOf, ids: &[i64]) -> Result<HashSet<i64>, Error> {
        let (table, given_out) = match of {
            IdOf::Thread => ("chat_threads", self.given_out.threads),
            IdOf::Message => ("chat_messages", self.given_out.messages),
            IdOf::Notification => ("notifications", self.given_out.notifications),
        };
        let asked: Vec<(i64,)> = ids.iter().filter(|id| id.unsigned_abs() <= given_out).map(|id| (*id,)).collect();
        let set = db.backend.dialect().json_table("j", &[("id", Kind::Number)]);
        let text = format!("SELECT x.id FROM {set} JOIN {table} x ON x.id = j.id");
        let mut taken = HashSet::new();
        for part in asked.chunks(LOOKED_UP) {
            taken.extend((&db.readers).rows::<i64>(&text, [sql::json(part)]).await.map_err(error)?);
        }
        Ok(taken)
    }
}

async fn read(db: &Database) -> Result<Present, DriverError> {
    const COUNTERS: &str = "SELECT last_thread_id, last_message_id, last_notification_id FROM hub_state WHERE id = 1";
    const MESSAGES: &str = "SELECT m.temp_id, m.payload_hash FROM chat_messages m \
         WHERE m.temp_id > ? AND m.temp_id < ? ORDER BY m.temp_id LIMIT ?";
    const NOTIFICATIONS: &str = "SELECT n.id, n.dedupe_key FROM notifications n \
         WHERE n.id > ? AND n.dedupe_key > ? AND n.dedupe_key < ? ORDER BY n.id LIMIT ?";
    let mut readers = &db.readers;
    let counters: Option<CountersRow> = readers.row(COUNTERS, []).await?;
    let text = |text: &str| db.backend.dialect().binary_text(text);
    let mut present = Present::default();
    if let Some(counters) = counters {
        present.given_out = ReservedIds {
            threads: counters.threads.unsigned_abs(),
            messages: counters.messages.unsigned_abs(),
            notifications: counters.notifications.unsigned_abs(),
        };
    }
    let mut behind = keys::BEGIN.to_owned();
    loop {
        let values = [text(&behind), text(keys::END), AT_A_TIME.into()];
        let page: Vec<KeyRow> = readers.rows(MESSAGES, values).await?;
        let is_last = (page.len() as i64) < AT_A_TIME;
        for KeyRow { key, payload_hash } in page {
            behind = key.into_text();
            present.messages.extend(keys::message_id(&behind, &payload_hash));
        }
        if is_last {
            break;
        }
    }
    let mut behind = 0_i64;
    loop {
        let values: [Value; 4] = [behind.into(), text(keys::BEGIN), text(keys::END), AT_A_TIME.into()];
        let page: Vec<NotificationKeyRow> = readers.rows(NOTIFICATIONS, values).await?;
        let is_last = (page.len() as i64) < AT_A_TIME;
        for NotificationKeyRow { id, key } in page {
            behind = id;
            present.notifications.insert(key.into_text());
        }
        if is_last {
            return Ok(present);
        }
    }
}
