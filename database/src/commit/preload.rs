//! Reading what a list of changes needs, under the counter's lock: one statement per kind, none in the steady state.

mod cards;
mod profiles;
mod threads;
mod users;

use sea_orm::Value;
use serde::Serialize;

use super::cache::{Cache, ReadState, Thread, User};
use super::preloaded::{NotificationRow, Preloaded, SentBefore, Upload};
use super::read_set::ReadSet;
use crate::backend::column::{Column, Kind};
use crate::backend::dialect::Dialect;
use crate::driver_error::DriverError;
use crate::ids::{Pair, UserId};
use crate::message_rows::{self, ImageRow, ShownRow};
use crate::rows::{BinaryText, FromRow, Reads, row, select};
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::sql;
use threads::ThreadRow;
use users::UserRow;

row! {
    /// A message that was sent before under the same key.
    struct SentBeforeRow {
        payload_hash: Vec<u8>,
        shown: ShownRow,
    }
}

row! {
    /// A message that is answered.
    struct AnsweredRow {
        id: i64,
        thread_id: i64,
    }
}

row! {
    /// An uploaded image.
    struct UploadRow {
        owner_id: i64,
        object_key: BinaryText,
        attached_at: Option<i64>,
        expires_at: Option<i64>,
        image: ImageRow,
    }
}

row! {
    /// A notification that is read or deleted, with its thread's members if it is of type `chat`.
    struct OwnNotificationRow {
        id: i64,
        user_id: i64,
        is_read: i64,
        updated_at: i64,
        deleted_at: Option<i64>,
        user1_id: Option<i64>,
        user2_id: Option<i64>,
    }
}

row! {
    /// A deduplication key that a user has a notification of.
    struct DedupeRow {
        user_id: i64,
        dedupe_key: BinaryText,
    }
}

row! {
    /// The place of an unread message that a receipt may reach.
    struct UnreadPlaceRow {
        slot: i64,
        side: i64,
        _reader_id: i64,
        seq: i64,
    }
}

/// The columns of a set of ids.
const ID: [Column; 1] = [("id", Kind::Number)];

/// Reads what one list of changes needs.
pub(super) struct Preload<'a, R> {
    db: &'a mut R,
    dialect: &'static dyn Dialect,
}

impl<'a, R: Reads> Preload<'a, R> {
    pub(super) fn new(db: &'a mut R) -> Self {
        let dialect = db.backend().dialect();
        Self { db, dialect }
    }

    /// Completes the cache and reads the rest.
    pub(super) async fn load(mut self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<Preloaded, DriverError> {
        self.threads(read_set, cache).await?;
        self.users(read_set, cache).await?;
        let mut preloaded = Preloaded::default();
        self.messages(read_set, cache, &mut preloaded).await?;
        self.media(read_set, &mut preloaded).await?;
        self.notifications(read_set, &mut preloaded).await?;
        self.places(read_set, cache, &mut preloaded).await?;
        self.profiles(read_set, &mut preloaded).await?;
        self.cards(read_set, &mut preloaded).await?;
        Ok(preloaded)
    }

    async fn threads(&mut self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<(), DriverError> {
        let unknown: Vec<Pair> = read_set.pairs.iter().copied().filter(|pair| cache.slot(*pair).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let asked: Vec<[i64; 2]> = unknown.iter().map(|pair| pair.members().map(UserId::column)).collect();
        for pair in unknown {
            cache.learn(Thread::absent(pair));
        }
        for row in self.rows::<ThreadRow, _>(threads::query(self.dialect), &asked).await? {
            if let Some((thread, users)) = threads::thread(row) {
                cache.learn(thread);
                for (id, user) in users {
                    if !cache.knows_user(id) {
                        cache.learn_user(id, user);
                    }
                }
            }
        }
        Ok(())
    }

    async fn users(&mut self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<(), DriverError> {
        let unknown: Vec<(i64,)> =
            read_set.users.iter().filter(|user| !cache.knows_user(**user)).map(|user| (*user,)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let set = self.dialect.json_table("j", &ID);
        let columns = select("u", UserRow::COLUMNS.iter().copied());
        let text = format!("SELECT {columns} FROM {set} JOIN chat_users u ON u.id = j.id");
        for (user,) in &unknown {
            cache.learn_user(*user, User::default());
        }
        for row in self.rows::<UserRow, _>(text, &unknown).await? {
            cache.learn_user(row.id, row.into());
        }
        Ok(())
    }

    /// Reads messages to be changed, messages that were sent before, and the threads of messages that are answered.
    async fn messages(
        &mut self,
        read_set: &ReadSet<'_>,
        cache: &Cache,
        preloaded: &mut Preloaded,
    ) -> Result<(), DriverError> {
        let ids: Vec<(i64,)> = read_set.messages.iter().map(|id| (*id,)).collect();
        let set = self.dialect.json_table("j", &ID);
        let text = format!("SELECT {} FROM {set} JOIN chat_messages m ON m.id = j.id", message_rows::shown("m"));
        let mut shown: Vec<ShownRow> = self.rows(text, &ids).await?;

        for row in self.sent_before(read_set, cache).await? {
            let message = &row.shown.message;
            if let Some(key) = &message.temp_id {
                let sent = SentBefore { id: message.id, payload_hash: row.payload_hash };
                let of_author = preloaded.keys.entry((message.thread_id, message.sender_id)).or_default();
                of_author.insert(key.clone().into_text(), sent);
            }
            shown.push(row.shown);
        }
        // A message may be changed and sent again in one commit.
        shown.sort_unstable_by_key(|row| row.message.id);
        shown.dedup_by_key(|row| row.message.id);
        for stored in message_rows::with_images(self.db, shown).await? {
            preloaded.messages.insert(stored.row.id, stored);
        }

        let answered: Vec<(i64,)> = read_set.answered.iter().map(|id| (*id,)).collect();
        let text = format!("SELECT m.id, m.thread_id FROM {set} JOIN chat_messages m ON m.id = j.id");
        for row in self.rows::<AnsweredRow, _>(text, &answered).await? {
            preloaded.answered.insert(row.id, row.thread_id);
        }
        Ok(())
    }

    async fn sent_before(&mut self, read_set: &ReadSet<'_>, cache: &Cache) -> Result<Vec<SentBeforeRow>, DriverError> {
        let keys: Vec<(i64, i64, &str)> = read_set
            .keys
            .iter()
            .filter_map(|(pair, sender, key)| {
                let thread = cache.slot(*pair).map(|slot| cache.threads[slot].id).filter(|id| *id != 0)?;
                Some((thread, *sender, *key))
            })
            .collect();
        const KEY: Column = ("temp_id", Kind::BinaryText);
        let set = self.dialect.json_table("j", &[("thread_id", Kind::Number), ("sender_id", Kind::Number), KEY]);
        let key = self.dialect.json_column("j", KEY);
        let messages = self.dialect.with_index("chat_messages m", "chat_messages_key");
        let text = format!(
            "SELECT m.payload_hash, {} FROM {set} JOIN {messages} \
             ON m.thread_id = j.thread_id AND m.sender_id = j.sender_id AND m.temp_id = {key}",
            message_rows::shown("m")
        );
        self.rows(text, &keys).await
    }

    async fn media(&mut self, read_set: &ReadSet<'_>, preloaded: &mut Preloaded) -> Result<(), DriverError> {
        const ID: Column = ("id", Kind::BinaryText);
        let set = self.dialect.json_table("j", &[ID]);
        let id = self.dialect.json_column("j", ID);

        let asked: Vec<(&str,)> = read_set.media.iter().map(|id| (*id,)).collect();
        let text = format!(
            "SELECT m.owner_id, m.object_key, m.attached_at, m.expires_at, {} FROM {set} JOIN media m ON m.id = {id}",
            select("m", ImageRow::COLUMNS.iter().copied())
        );
        for row in self.rows::<UploadRow, _>(text, &asked).await? {
            let upload = Upload {
                owner: row.owner_id,
                object_key: row.object_key.into_text(),
                attached_at: row.attached_at,
                expires_at: row.expires_at,
                image: row.image.into(),
            };
            preloaded.media.insert(upload.image.id.0.clone(), upload);
        }

        let asked: Vec<(&str,)> = read_set.tickets.iter().map(|id| (*id,)).collect();
        let text = format!("SELECT u.id FROM {set} JOIN used_tickets u ON u.id = {id}");
        for id in self.rows::<BinaryText, _>(text, &asked).await? {
            preloaded.tickets.insert(id.into_text());
        }
        Ok(())
    }

    async fn notifications(&mut self, read_set: &ReadSet<'_>, preloaded: &mut Preloaded) -> Result<(), DriverError> {
        let set = self.dialect.json_table("j", &ID);
        let text = format!(
            "SELECT n.id, n.user_id, n.is_read, n.updated_at, n.deleted_at, t.user1_id, t.user2_id \
             FROM {set} JOIN notifications n ON n.id = j.id \
             LEFT JOIN chat_threads t ON t.id = n.related_id AND n.type = 'chat'"
        );
        let asked: Vec<(i64,)> = read_set.notifications.iter().map(|id| (*id,)).collect();
        for row in self.rows::<OwnNotificationRow, _>(text, &asked).await? {
            let pair = |(low, high)| Pair::new(UserId::from_column(low), UserId::from_column(high));
            let notification = NotificationRow {
                user: row.user_id,
                thread: row.user1_id.zip(row.user2_id).and_then(pair),
                updated_at: row.updated_at,
                read_state: ReadState::of(row.is_read, row.deleted_at),
                deleted_at: row.deleted_at,
                changed: false,
            };
            preloaded.notifications.insert(row.id, notification);
        }

        const KEY: Column = ("dedupe_key", Kind::BinaryText);
        let set = self.dialect.json_table("j", &[("user_id", Kind::Number), KEY]);
        let key = self.dialect.json_column("j", KEY);
        let text = format!(
            "SELECT n.user_id, n.dedupe_key \
             FROM {set} JOIN notifications n ON n.user_id = j.user_id AND n.dedupe_key = {key}"
        );
        let asked: Vec<(i64, &str)> = read_set.dedupe.iter().map(|(user, key)| (*user, key.as_str())).collect();
        for row in self.rows::<DedupeRow, _>(text, &asked).await? {
            preloaded.dedupe.insert((row.user_id, row.dedupe_key.into_text()));
        }
        Ok(())
    }

    /// Reads the places of unread messages that a receipt reaches and the cache does not know.
    async fn places(
        &mut self,
        read_set: &ReadSet<'_>,
        cache: &Cache,
        preloaded: &mut Preloaded,
    ) -> Result<(), DriverError> {
        let mut asked = Vec::new();
        for (pair, user, up_to) in &read_set.partly_read {
            let Some(slot) = cache.slot(*pair) else { continue };
            let Some(side) = cache.threads[slot].side(*user) else { continue };
            let member = &cache.threads[slot].members[side];
            if member.hidden > 0 && *up_to > member.read_seq && *up_to < member.hidden_to {
                asked.push((cache.threads[slot].id, *user, member.read_seq, *up_to, slot, side));
            }
        }
        let columns = ["thread_id", "reader_id", "above", "up_to", "slot", "side"].map(|name| (name, Kind::Number));
        let set = self.dialect.json_table("j", &columns);
        let places = SeqRangeQuery {
            ranges: Ranges::Of(&set),
            named: &["slot", "side", "reader_id"],
            wanted: "m.seq",
            of: "m.sender_id <> j.reader_id AND m.deleted_at IS NULL",
            ..SeqRangeQuery::default()
        };
        for row in self.rows::<UnreadPlaceRow, _>(self.dialect.messages_in_ranges(&places), &asked).await? {
            let at = (usize::try_from(row.slot).unwrap_or_default(), usize::try_from(row.side).unwrap_or_default());
            preloaded.places.entry(at).or_default().push(row.seq);
        }
        for places in preloaded.places.values_mut() {
            // Two receipts of one list may have asked for overlapping ranges.
            places.sort_unstable();
            places.dedup();
        }
        Ok(())
    }

    /// Runs a query over a JSON table of keys, if there are any.
    async fn rows<T: FromRow, Asked: Serialize + Sync>(
        &mut self,
        text: String,
        asked: &[Asked],
    ) -> Result<Vec<T>, DriverError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Value = sql::json(asked);
        self.db.rows(&text, [asked]).await
    }
}
