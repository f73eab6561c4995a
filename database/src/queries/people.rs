//! Who knows whom, and when they were last there.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};

use crate::ids::UserId;
use crate::sql::Kind;
use crate::time::Timestamp;
use crate::{Database, Error, driver_error, json_rows, sql, time_buckets};

/// The other member of one of a user's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counterpart {
    /// Who.
    pub user: UserId,
    /// When something was last written in the thread.
    pub active: Timestamp,
}

/// Returns the others of a user's most recently active threads, newest first.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn counterparts(db: &Database, user: UserId, limit: u32) -> Result<Vec<Counterpart>, Error> {
    read_counterparts(db, user, limit).await.map_err(driver_error::error)
}

/// Returns those for whom the thread, too, is among their `limit` most recently active ones.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn mutual_recent_contacts(db: &Database, asked: &[Counterpart], limit: u32) -> Result<Vec<UserId>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let set = sql::set(db.backend, "j", &[("id", Kind::Number), ("active", Kind::Number)]);
    let newer = |side| time_buckets::more_recent(db.backend, side, "j.id", "j.active");
    let text = format!("SELECT j.id FROM {set} WHERE {} + {} < ?", newer(1), newer(2));
    let asked: Vec<(i64, i64)> = asked.iter().map(|other| (other.user.column(), other.active.millis())).collect();
    users(db, &text, [sql::json(&asked), i64::from(limit).into()]).await.map_err(driver_error::error)
}

/// Returns those of `asked` who share a thread with `user`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn acquainted(db: &Database, user: UserId, asked: &[UserId]) -> Result<Vec<UserId>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let set = sql::set(db.backend, "j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT j.id FROM {set} JOIN chat_threads t ON t.user1_id = ? AND t.user2_id = j.id \
         UNION ALL SELECT j.id FROM {set} JOIN chat_threads t ON t.user1_id = j.id AND t.user2_id = ?"
    );
    let asked = sql::json(&columns(asked));
    let user = Value::from(user.column());
    let values = [asked.clone(), user.clone(), asked, user];
    users(db, &text, values).await.map_err(driver_error::error)
}

/// Returns when each was last connected; those who never were are left out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn last_seen(db: &Database, users: &[UserId]) -> Result<Vec<(UserId, Timestamp)>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    read_last_seen(db, users).await.map_err(driver_error::error)
}

async fn read_counterparts(db: &Database, user: UserId, limit: u32) -> Result<Vec<Counterpart>, DbErr> {
    let [low, high] = [1, 2].map(|side| time_buckets::by_activity(db.backend, side));
    let newest = time_buckets::most_recent(db.backend);
    let text = format!(
        "SELECT other, updated_at FROM (\
         SELECT * FROM (SELECT user2_id AS other, updated_at, id FROM {low} WHERE user1_id = ? \
         ORDER BY {newest} LIMIT ?) AS a \
         UNION ALL \
         SELECT * FROM (SELECT user1_id AS other, updated_at, id FROM {high} WHERE user2_id = ? \
         ORDER BY {newest} LIMIT ?) AS b\
         ) AS c ORDER BY updated_at DESC, id DESC LIMIT ?"
    );
    let (user, limit): (Value, Value) = (user.column().into(), i64::from(limit).into());
    let values = [user.clone(), limit.clone(), user, limit.clone(), limit];
    let each = |row: &QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    let found: Vec<(i64, i64)> = json_rows::rows(&db.readers, &["other", "updated_at"], &text, values, each).await?;
    let counterpart =
        |(user, active)| Counterpart { user: UserId::from_column(user), active: Timestamp::from_millis(active) };
    Ok(found.into_iter().map(counterpart).collect())
}

async fn read_last_seen(db: &Database, users: &[UserId]) -> Result<Vec<(UserId, Timestamp)>, DbErr> {
    let set = sql::set(db.backend, "j", &[("id", Kind::Number)]);
    let text =
        format!("SELECT u.id, u.last_seen FROM {set} JOIN chat_users u ON u.id = j.id WHERE u.last_seen IS NOT NULL");
    let asked = sql::statement(db.backend, text, [sql::json(&columns(users))]);
    let mut seen = Vec::with_capacity(users.len());
    for row in db.readers.query_all_raw(asked).await? {
        let (user, at) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        seen.push((UserId::from_column(user), Timestamp::from_millis(at)));
    }
    Ok(seen)
}

async fn users<const N: usize>(db: &Database, text: &str, values: [Value; N]) -> Result<Vec<UserId>, DbErr> {
    let each = |row: &QueryResult| Ok((row.try_get_by_index(0)?,));
    let found: Vec<(i64,)> = json_rows::rows(&db.readers, &["id"], text, values, each).await?;
    Ok(found.into_iter().map(|(user,)| UserId::from_column(user)).collect())
}

fn columns(users: &[UserId]) -> Vec<(i64,)> {
    users.iter().map(|user| (user.column(),)).collect()
}
