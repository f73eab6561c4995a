//! What the hub's database has of the old service already, and which ids are free in it.

use std::collections::HashSet;

use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};

use super::keys;
use crate::backend::column::{Column, Kind};
use crate::change::ReservedIds;
use crate::driver_error::{DriverError, error};
use crate::entities::{chat_message, hub_state};
use crate::ids::UserId;
use crate::rows::{BinaryText, Reads, row};
use crate::{Database, Error, sql};

/// How many rows are read at a time.
const AT_A_TIME: u64 = 50_000;

/// How many ids are looked up at a time.
const LOOKED_UP: usize = 5_000;

row! {
    struct KeyRow of chat_message {
        key: BinaryText = TempId,
        payload_hash: Vec<u8> = PayloadHash,
    }
}

row! {
    struct CountersRow of hub_state {
        threads: i64 = LastThreadId,
        messages: i64 = LastMessageId,
        notifications: i64 = LastNotificationId,
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
    /// The old ids of messages that were imported.
    pub messages: HashSet<i64>,
    /// The highest ids that were given out: what is above them is free.
    pub given_out: ReservedIds,
}

impl Present {
    /// Reads what was imported.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Refused`] if the database has no schema yet.
    pub async fn read(db: &Database) -> Result<Self, Error> {
        read(db).await.map_err(error)
    }

    /// Returns which of some notifications were imported, each named by its user and its key.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn brought(&self, db: &Database, named: &[(UserId, String)]) -> Result<HashSet<String>, Error> {
        // A database without a schema, which a dry run meets, has given out none.
        if self.given_out.notifications == 0 {
            return Ok(HashSet::new());
        }
        const KEY: Column = ("dedupe_key", Kind::BinaryText);
        let dialect = db.backend.dialect();
        let (set, key) = (dialect.json_table("j", &[("user_id", Kind::Number), KEY]), dialect.json_column("j", KEY));
        let text = format!(
            "SELECT n.dedupe_key FROM {set} JOIN notifications n ON n.user_id = j.user_id AND n.dedupe_key = {key}"
        );
        let mut brought = HashSet::new();
        for part in named.chunks(LOOKED_UP) {
            let asked: Vec<(i64, &str)> = part.iter().map(|(user, key)| (user.column(), key.as_str())).collect();
            let found = (&db.readers).rows::<BinaryText>(&text, [sql::json(&asked)]).await.map_err(error)?;
            brought.extend(found.into_iter().map(BinaryText::into_text));
        }
        Ok(brought)
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
    let mut readers = &db.readers;
    let counters = Query::select()
        .columns(CountersRow::COLUMNS.iter().copied())
        .from(hub_state::Entity)
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .take();
    let counters: Option<CountersRow> = readers.select_one(&counters).await?;
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
        let page = Query::select()
            .columns(KeyRow::COLUMNS.iter().copied())
            .from(chat_message::Entity)
            .and_where(Expr::col(chat_message::Column::TempId).gt(text(&behind)))
            .and_where(Expr::col(chat_message::Column::TempId).lt(text(keys::END)))
            .order_by(chat_message::Column::TempId, Order::Asc)
            .limit(AT_A_TIME)
            .take();
        let page: Vec<KeyRow> = readers.select(&page).await?;
        let is_last = (page.len() as u64) < AT_A_TIME;
        for KeyRow { key, payload_hash } in page {
            behind = key.into_text();
            present.messages.extend(keys::message_id(&behind, &payload_hash));
        }
        if is_last {
            break;
        }
    }
    Ok(present)
}
