//! Reading what a list of changes needs, under the counter's lock: one statement per kind, none in the steady state.

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, FromQueryResult, QueryResult};
use serde::Serialize;

use super::cache::{Cache, Member, ReadState, Thread, ThreadNotification, TimeBuckets, User};
use super::preloaded::{NotificationRow, Preloaded, Upload};
use super::read_set::ReadSet;
use crate::driver_error::DriverError;
use crate::entities::chat_message;
use crate::ids::{Pair, UserId};
use crate::message_rows::{self, Media};
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::sql::{self, Column, Kind};

const THREAD: &str = "t.id, t.last_seq, t.rev, t.last_message_id, t.created_at, t.updated_at, t.commit_no";
const TIME_BUCKETS: &str = "t.updated_step, t.commit_step";
const MEMBER: [&str; 8] =
    ["delivered_seq", "read_seq", "unread", "delivered_at", "read_at", "delivered_commit", "read_commit", "commit_no"];
const THREAD_NOTIFICATION: [&str; 7] =
    ["id", "is_read", "created_at", "created_commit", "updated_at", "deleted_at", "commit_no"];

/// Reads one list of changes' needs.
pub(super) struct Preload<'a, C> {
    pub(super) db: &'a C,
    pub(super) backend: DatabaseBackend,
}

impl<C: ConnectionTrait> Preload<'_, C> {
    /// Completes the cache and reads the rest.
    pub(super) async fn load(&self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<Preloaded, DriverError> {
        self.threads(read_set, cache).await?;
        self.users(read_set, cache).await?;
        let mut preloaded = Preloaded::default();
        self.messages(read_set, cache, &mut preloaded).await?;
        self.media(read_set, &mut preloaded).await?;
        self.notifications(read_set, &mut preloaded).await?;
        self.places(read_set, cache, &mut preloaded).await?;
        Ok(preloaded)
    }

    async fn threads(&self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<(), DriverError> {
        let unknown: Vec<Pair> = read_set.pairs.iter().copied().filter(|pair| cache.slot(*pair).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let asked: Vec<(i64, i64)> = unknown.iter().map(|pair| columns(*pair)).collect();
        for pair in unknown {
            cache.learn(Thread::absent(pair));
        }
        for row in self.rows(threads_query(self.backend), &asked).await? {
            if let Some(thread) = thread(&row)? {
                cache.learn(thread);
            }
        }
        Ok(())
    }

    async fn users(&self, read_set: &ReadSet<'_>, cache: &mut Cache) -> Result<(), DriverError> {
        let unknown: Vec<(i64,)> =
            read_set.users.iter().filter(|user| !cache.knows_user(**user)).map(|user| (*user,)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let set = sql::set(self.backend, "j", &[("id", Kind::Number)]);
        let text = format!(
            "SELECT u.id, u.unread_messages, u.unread_notifications FROM {set} JOIN chat_users u ON u.id = j.id"
        );
        for (user,) in &unknown {
            cache.learn_user(*user, User::default());
        }
        for row in self.rows(text, &unknown).await? {
            let user = User {
                stored: true,
                messages: row.try_get_by_index(1)?,
                notifications: row.try_get_by_index(2)?,
                commit: 0,
            };
            cache.learn_user(row.try_get_by_index(0)?, user);
        }
        Ok(())
    }

    /// Reads messages to be changed, messages that were sent before, and the threads of messages that are answered.
    async fn messages(
        &self,
        read_set: &ReadSet<'_>,
        cache: &Cache,
        preloaded: &mut Preloaded,
    ) -> Result<(), DriverError> {
        let ids: Vec<(i64,)> = read_set.messages.iter().map(|id| (*id,)).collect();
        let set = sql::set(self.backend, "j", &[("id", Kind::Number)]);
        let text = format!("SELECT m.* FROM {set} JOIN chat_messages m ON m.id = j.id");
        let mut rows = self.messages_of(text, &ids).await?;

        let sent_before = self.sent_before(read_set, cache).await?;
        for row in &sent_before {
            if let Some(key) = &row.temp_id {
                let key = message_rows::text(key.clone());
                preloaded.keys.entry((row.thread_id, row.sender_id)).or_default().insert(key, row.id);
            }
        }
        rows.extend(sent_before);

        for stored in message_rows::with_images(self.db, rows).await? {
            preloaded.messages.insert(stored.row.id, stored);
        }

        let answered: Vec<(i64,)> = read_set.answered.iter().map(|id| (*id,)).collect();
        let text = format!("SELECT m.id, m.thread_id FROM {set} JOIN chat_messages m ON m.id = j.id");
        for row in self.rows(text, &answered).await? {
            preloaded.answered.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
        Ok(())
    }

    async fn sent_before(&self, read_set: &ReadSet<'_>, cache: &Cache) -> Result<Vec<chat_message::Model>, DbErr> {
        let keys: Vec<(i64, i64, &str)> = read_set
            .keys
            .iter()
            .filter_map(|(pair, sender, key)| {
                let thread = cache.slot(*pair).map(|slot| cache.threads[slot].id).filter(|id| *id != 0)?;
                Some((thread, *sender, *key))
            })
            .collect();
        const KEY: Column = ("temp_id", Kind::BinaryText);
        let columns = [("thread_id", Kind::Number), ("sender_id", Kind::Number), KEY];
        let set = sql::set(self.backend, "j", &columns);
        let key = sql::value(self.backend, "j", KEY);
        let messages = sql::indexed(self.backend, "chat_messages m", "chat_messages_key");
        let text = format!(
            "SELECT m.* FROM {set} JOIN {messages} \
             ON m.thread_id = j.thread_id AND m.sender_id = j.sender_id AND m.temp_id = {key}"
        );
        self.messages_of(text, &keys).await
    }

    async fn media(&self, read_set: &ReadSet<'_>, preloaded: &mut Preloaded) -> Result<(), DriverError> {
        const ID: Column = ("id", Kind::BinaryText);
        let set = sql::set(self.backend, "j", &[ID]);
        let id = sql::value(self.backend, "j", ID);

        let asked: Vec<(&str,)> = read_set.media.iter().map(|id| (*id,)).collect();
        let text = format!("SELECT m.* FROM {set} JOIN media m ON m.id = {id}");
        for row in self.rows(text, &asked).await? {
            let upload = Upload {
                owner: row.try_get("", "owner_id")?,
                object_key: message_rows::text(row.try_get("", "object_key")?),
                attached_at: row.try_get("", "attached_at")?,
                expires_at: row.try_get("", "expires_at")?,
                image: Media::from_query_result(&row, "")?.into(),
            };
            preloaded.media.insert(upload.image.id.0.clone(), upload);
        }

        let asked: Vec<(&str,)> = read_set.tickets.iter().map(|id| (*id,)).collect();
        let text = format!("SELECT u.id FROM {set} JOIN used_tickets u ON u.id = {id}");
        for row in self.rows(text, &asked).await? {
            preloaded.tickets.insert(message_rows::text(row.try_get_by_index(0)?));
        }
        Ok(())
    }

    async fn notifications(&self, read_set: &ReadSet<'_>, preloaded: &mut Preloaded) -> Result<(), DriverError> {
        let set = sql::set(self.backend, "j", &[("id", Kind::Number)]);
        let text = format!(
            "SELECT n.id, n.user_id, n.is_read, n.updated_at, n.deleted_at, t.user1_id, t.user2_id \
             FROM {set} JOIN notifications n ON n.id = j.id \
             LEFT JOIN chat_threads t ON t.id = n.related_id AND n.type = 'chat'"
        );
        let asked: Vec<(i64,)> = read_set.notifications.iter().map(|id| (*id,)).collect();
        for row in self.rows(text, &asked).await? {
            let deleted_at: Option<i64> = row.try_get_by_index(4)?;
            let low: Option<i64> = row.try_get_by_index(5)?;
            let high: Option<i64> = row.try_get_by_index(6)?;
            let note = NotificationRow {
                user: row.try_get_by_index(1)?,
                thread: low
                    .zip(high)
                    .and_then(|(low, high)| Pair::new(UserId::from_column(low), UserId::from_column(high))),
                updated_at: row.try_get_by_index(3)?,
                read_state: read_state(row.try_get_by_index(2)?, deleted_at),
                deleted_at,
                changed: false,
            };
            preloaded.notifications.insert(row.try_get_by_index(0)?, note);
        }

        const KEY: Column = ("dedupe_key", Kind::BinaryText);
        let set = sql::set(self.backend, "j", &[("user_id", Kind::Number), KEY]);
        let key = sql::value(self.backend, "j", KEY);
        let text = format!(
            "SELECT n.user_id, n.dedupe_key \
             FROM {set} JOIN notifications n ON n.user_id = j.user_id AND n.dedupe_key = {key}"
        );
        let asked: Vec<(i64, &str)> = read_set.dedupe.iter().map(|(user, key)| (*user, key.as_str())).collect();
        for row in self.rows(text, &asked).await? {
            preloaded.dedupe.insert((row.try_get_by_index(0)?, message_rows::text(row.try_get_by_index(1)?)));
        }
        Ok(())
    }

    /// Reads where the unread messages are that a receipt divides and the cache does not know.
    async fn places(
        &self,
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
                let other = cache.threads[slot].members[1 - side].user;
                asked.push((cache.threads[slot].id, other, member.read_seq, *up_to, slot, side));
            }
        }
        let columns = ["thread_id", "sender_id", "above", "up_to", "slot", "side"].map(|name| (name, Kind::Number));
        let set = sql::set(self.backend, "j", &columns);
        let places = SeqRangeQuery {
            ranges: Ranges::Of(&set),
            named: &["slot", "side", "sender_id"],
            wanted: "m.seq",
            of: "m.sender_id = j.sender_id AND m.deleted_at IS NULL",
            ..SeqRangeQuery::default()
        };
        for row in self.rows(places.query(self.backend), &asked).await? {
            let (slot, side): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let at = (usize::try_from(slot).unwrap_or_default(), usize::try_from(side).unwrap_or_default());
            preloaded.places.entry(at).or_default().push(row.try_get_by_index(3)?);
        }
        for places in preloaded.places.values_mut() {
            // Two receipts of one list may have asked for overlapping ranges.
            places.sort_unstable();
            places.dedup();
        }
        Ok(())
    }

    async fn messages_of<Row: Serialize + Sync>(
        &self,
        text: String,
        asked: &[Row],
    ) -> Result<Vec<chat_message::Model>, DbErr> {
        let rows = self.rows(text, asked).await?;
        rows.iter().map(|row| chat_message::Model::from_query_result(row, "")).collect()
    }

    async fn rows<Row: Serialize + Sync>(&self, text: String, asked: &[Row]) -> Result<Vec<QueryResult>, DbErr> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        self.db.query_all_raw(sql::statement(self.backend, text, [sql::json(asked)])).await
    }
}

fn columns(pair: Pair) -> (i64, i64) {
    let [low, high] = pair.members();
    (low.column(), high.column())
}

/// Both members' watermarks and notifications come with the thread: one statement for all of it.
fn threads_query(backend: DatabaseBackend) -> String {
    let set = sql::set(backend, "j", &[("low", Kind::Number), ("high", Kind::Number)]);
    // A server has no buckets; what is read in their place is not used.
    let buckets = if backend == DatabaseBackend::Sqlite { TIME_BUCKETS } else { "t.updated_at, t.commit_no" };
    let mut selected = format!("t.user1_id, t.user2_id, {THREAD}, {buckets}");
    let mut joined = String::new();
    for side in [1, 2] {
        for column in MEMBER {
            selected += &format!(", s{side}.{column}");
        }
        for column in THREAD_NOTIFICATION {
            selected += &format!(", n{side}.{column}");
        }
        let key = match backend {
            DatabaseBackend::MySql => "CAST(CONCAT('chat:', t.id) AS BINARY)",
            _ => "'chat:' || t.id",
        };
        joined += &format!(
            " LEFT JOIN chat_message_status s{side} ON s{side}.thread_id = t.id AND s{side}.user_id = t.user{side}_id \
             LEFT JOIN notifications n{side} ON n{side}.user_id = t.user{side}_id AND n{side}.dedupe_key = {key}"
        );
    }
    format!("SELECT {selected} FROM {set} JOIN chat_threads t ON t.user1_id = j.low AND t.user2_id = j.high{joined}")
}

/// Reads a row of [`threads_query`], by place: it has two columns of many a name.
fn thread(row: &QueryResult) -> Result<Option<Thread>, DbErr> {
    let (low, high) = (UserId::from_column(row.try_get_by_index(0)?), UserId::from_column(row.try_get_by_index(1)?));
    let Some(pair) = Pair::new(low, high) else {
        return Ok(None);
    };
    let last_seq = row.try_get_by_index(3)?;
    let first = 2 + 7 + 2;
    let second = first + MEMBER.len() + THREAD_NOTIFICATION.len();
    Ok(Some(Thread {
        id: row.try_get_by_index(2)?,
        pair,
        last_seq,
        rev: row.try_get_by_index(4)?,
        last_message: row.try_get_by_index(5)?,
        created_at: row.try_get_by_index(6)?,
        updated_at: row.try_get_by_index(7)?,
        commit: row.try_get_by_index(8)?,
        members: [
            Member { user: low.column(), ..member(row, first, last_seq)? },
            Member { user: high.column(), ..member(row, second, last_seq)? },
        ],
        stored: Some(TimeBuckets { updated: row.try_get_by_index(9)?, commit: row.try_get_by_index(10)? }),
    }))
}

fn member(row: &QueryResult, at: usize, last_seq: i64) -> Result<Member, DbErr> {
    let Some(delivered_seq) = row.try_get_by_index::<Option<i64>>(at)? else {
        return Ok(Member::default());
    };
    let unread = row.try_get_by_index(at + 2)?;
    Ok(Member {
        delivered_seq,
        read_seq: row.try_get_by_index(at + 1)?,
        unread,
        delivered_at: row.try_get_by_index(at + 3)?,
        read_at: row.try_get_by_index(at + 4)?,
        delivered_commit: row.try_get_by_index(at + 5)?,
        read_commit: row.try_get_by_index(at + 6)?,
        commit: row.try_get_by_index(at + 7)?,
        hidden: unread,
        hidden_to: last_seq,
        notification: notification(row, at + MEMBER.len())?,
        stored: Some(unread > 0),
        ..Member::default()
    })
}

fn notification(row: &QueryResult, at: usize) -> Result<Option<ThreadNotification>, DbErr> {
    let Some(id) = row.try_get_by_index::<Option<i64>>(at)? else {
        return Ok(None);
    };
    Ok(Some(ThreadNotification {
        id,
        read_state: read_state(row.try_get_by_index(at + 1)?, row.try_get_by_index(at + 5)?),
        created_at: row.try_get_by_index(at + 2)?,
        created_commit: row.try_get_by_index(at + 3)?,
        updated_at: row.try_get_by_index(at + 4)?,
        commit: row.try_get_by_index(at + 6)?,
    }))
}

fn read_state(is_read: i64, deleted_at: Option<i64>) -> ReadState {
    match (is_read, deleted_at) {
        (_, Some(_)) => ReadState::Deleted,
        (0, None) => ReadState::Unread,
        (_, None) => ReadState::Read,
    }
}
