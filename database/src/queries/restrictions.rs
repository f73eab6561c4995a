//! What users may not do.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{EntityTrait, QueryOrder, QueryTrait};

use crate::driver_error::error;
use crate::entities::{hub_state, user_restriction};
use crate::ids::{CommitNo, UserId};
use crate::restrictions::{Restriction, Restrictions};
use crate::rows::Reads as _;
use crate::time::Timestamp;
use crate::{Database, Error};

/// Returns all restrictions, by user: there are few.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn all(db: &Database) -> Result<Restrictions, Error> {
    let as_of = Query::select()
        .column(hub_state::Column::RestrictionsNo)
        .from(hub_state::Entity)
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .take();
    // First: what is changed in between is among the rows, and looked for again.
    let as_of: Option<Option<i64>> = (&db.readers).select_one(&as_of).await.map_err(error)?;
    let query = user_restriction::Entity::find().order_by_asc(user_restriction::Column::UserId).into_query();
    let rows = (&db.readers).select(&query).await.map_err(error)?;
    let as_of = CommitNo::from_column(as_of.flatten().unwrap_or_default());
    Ok(Restrictions { as_of, all: rows.into_iter().map(restriction).collect() })
}

/// Returns a user's restrictions, if there ever were any.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of(db: &Database, user: UserId) -> Result<Option<Restriction>, Error> {
    let query = user_restriction::Entity::find_by_id(user.column()).into_query();
    let row = (&db.readers).select_one(&query).await.map_err(error)?;
    Ok(row.map(restriction))
}

fn restriction(row: user_restriction::Model) -> Restriction {
    Restriction {
        user: UserId::from_column(row.user_id),
        suspended_until: row.suspended_until.map(Timestamp::from_millis),
        reason: row.reason,
        tokens_from: row.tokens_from.map(Timestamp::from_millis),
    }
}
