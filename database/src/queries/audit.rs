//! The audit log.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::audit::{Chain, Entry};
use crate::driver_error::error;
use crate::entities::{audit_chain, audit_log};
use crate::ids::AuditId;
use crate::rows::Reads as _;
use crate::time::Timestamp;
use crate::{Database, Error};

/// Returns rows, newest first: before one of them, at most so many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(db: &Database, before: Option<AuditId>, limit: u32) -> Result<Vec<Entry>, Error> {
    let before = before.map_or(i64::MAX, AuditId::column);
    let query = audit_log::Entity::find()
        .filter(audit_log::Column::Id.lt(before))
        .order_by_desc(audit_log::Column::Id)
        .limit(u64::from(limit))
        .into_query();
    let rows = (&db.readers).select(&query).await.map_err(error)?;
    Ok(rows.into_iter().map(entry).collect())
}

/// Returns the rows behind one, oldest first, at most so many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn after(db: &Database, id: u64, limit: u32) -> Result<Vec<Entry>, Error> {
    let query = audit_log::Entity::find()
        .filter(audit_log::Column::Id.gt(id.cast_signed()))
        .order_by_asc(audit_log::Column::Id)
        .limit(u64::from(limit))
        .into_query();
    let rows = (&db.readers).select(&query).await.map_err(error)?;
    Ok(rows.into_iter().map(entry).collect())
}

/// Returns where the log begins and ends.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn chain(db: &Database) -> Result<Chain, Error> {
    let query = audit_chain::Entity::find_by_id(1_i64).into_query();
    let row: Option<audit_chain::Model> = (&db.readers).select_one(&query).await.map_err(error)?;
    let row = row.ok_or_else(|| Error::Refused("audit_chain is empty".to_owned()))?;
    Ok(Chain {
        removed: row.removed_id.unsigned_abs(),
        removed_hash: row.removed_hash.into_text(),
        last: row.last_id.unsigned_abs(),
        last_hash: row.last_hash.into_text(),
    })
}

fn entry(row: audit_log::Model) -> Entry {
    Entry {
        id: AuditId::from_column(row.id),
        at: Timestamp::from_millis(row.at),
        who: row.who,
        what: row.what,
        whom: row.whom,
        from: row.source,
        why: row.why,
        detail: row.detail,
        previous: row.previous.into_text(),
        hash: row.hash.into_text(),
    }
}
