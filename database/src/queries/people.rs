//! A user's contacts, and when users were last connected.

use sea_orm::Value;

use crate::backend::column::Kind;
use crate::driver_error::{DriverError, error};
use crate::ids::UserId;
use crate::rows::{Reads, row};
use crate::time::Timestamp;
use crate::{Database, Error, sql};

/// The other member of one of a user's threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counterpart {
    /// The other member.
    pub user: UserId,
    /// When the thread's newest message was stored.
    pub active: Timestamp,
}

row! {
    struct CounterpartRow {
        other: i64,
        updated_at: i64,
    }
}

row! {
    struct SharedRow {
        id: i64,
        other: i64,
    }
}

row! {
    struct LastSeenRow {
        id: i64,
        last_seen: i64,
    }
}

/// Returns the others of a user's most recently active threads, newest first.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn counterparts(db: &Database, user: UserId, limit: u32) -> Result<Vec<Counterpart>, Error> {
    let dialect = db.backend.dialect();
    let [low, high] = [1, 2].map(|side| dialect.threads_by_activity(side));
    let newest = dialect.most_recent_first();
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
    let rows = (&db.readers).rows::<CounterpartRow>(&text, values).await.map_err(error)?;
    let counterpart = |row: CounterpartRow| Counterpart {
        user: UserId::from_column(row.other),
        active: Timestamp::from_millis(row.updated_at),
    };
    Ok(rows.into_iter().map(counterpart).collect())
}

/// Returns those for whom the thread, too, is among their `limit` most recently active ones.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn mutual_recent_contacts(db: &Database, asked: &[Counterpart], limit: u32) -> Result<Vec<UserId>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = db.backend.dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number), ("active", Kind::Number)]);
    let newer = |side| dialect.count_more_recent_threads(side, "j.id", "j.active");
    let text = format!("SELECT j.id FROM {set} WHERE {} + {} < ?", newer(1), newer(2));
    let asked: Vec<(i64, i64)> = asked.iter().map(|other| (other.user.column(), other.active.millis())).collect();
    users(db, &text, vec![sql::json(&asked), i64::from(limit).into()]).await.map_err(error)
}

/// Returns those of `asked` who share a thread with `user`.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn acquainted(db: &Database, user: UserId, asked: &[UserId]) -> Result<Vec<UserId>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let set = db.backend.dialect().json_table("j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT j.id FROM {set} JOIN chat_threads t ON t.user1_id = ? AND t.user2_id = j.id \
         UNION ALL SELECT j.id FROM {set} JOIN chat_threads t ON t.user1_id = j.id AND t.user2_id = ?"
    );
    let asked = ids(asked);
    let user = Value::from(user.column());
    users(db, &text, vec![asked.clone(), user.clone(), asked, user]).await.map_err(error)
}

/// Returns who shares a thread with each of `asked`, as pairs of one of them and the other member; at most `limit` pairs.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn sharing_a_thread(db: &Database, asked: &[UserId], limit: u32) -> Result<Vec<(UserId, UserId)>, Error> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let set = db.backend.dialect().json_table("j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT j.id, t.user2_id FROM {set} JOIN chat_threads t ON t.user1_id = j.id \
         UNION ALL SELECT j.id, t.user1_id FROM {set} JOIN chat_threads t ON t.user2_id = j.id LIMIT ?"
    );
    let asked = ids(asked);
    let values = [asked.clone(), asked, i64::from(limit).into()];
    let rows = (&db.readers).rows::<SharedRow>(&text, values).await.map_err(error)?;
    Ok(rows.into_iter().map(|row| (UserId::from_column(row.id), UserId::from_column(row.other))).collect())
}

/// Returns when each was last connected; those who never were are left out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn last_seen(db: &Database, users: &[UserId]) -> Result<Vec<(UserId, Timestamp)>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let set = db.backend.dialect().json_table("j", &[("id", Kind::Number)]);
    let text =
        format!("SELECT u.id, u.last_seen FROM {set} JOIN chat_users u ON u.id = j.id WHERE u.last_seen IS NOT NULL");
    let rows = (&db.readers).rows::<LastSeenRow>(&text, [ids(users)]).await.map_err(error)?;
    let seen = |row: LastSeenRow| (UserId::from_column(row.id), Timestamp::from_millis(row.last_seen));
    Ok(rows.into_iter().map(seen).collect())
}

async fn users(db: &Database, text: &str, values: Vec<Value>) -> Result<Vec<UserId>, DriverError> {
    let found = (&db.readers).rows::<i64>(text, values).await?;
    Ok(found.into_iter().map(UserId::from_column).collect())
}

/// Returns users as the parameter of a JSON table of one column.
pub(super) fn ids(users: &[UserId]) -> Value {
    let rows: Vec<(i64,)> = users.iter().map(|user| (user.column(),)).collect();
    sql::json(&rows)
}
