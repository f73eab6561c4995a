//! What users may not do.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{EntityTrait, QueryTrait};

use crate::driver_error::{DriverError, error};
use crate::entities::{hub_state, user_restriction};
use crate::ids::{CommitNo, UserId};
use crate::restrictions::{EndedSessions, Restriction};
use crate::rows::{Reads as _, row};
use crate::time::Timestamp;
use crate::{Database, Error};

row! {
    struct EndedRow of user_restriction {
        user_id: i64 = UserId,
        tokens_from: i64 = TokensFrom,
    }
}

/// Returns all users whose sessions were ever ended. It walks the table: a node asks once as it starts, and when the
/// database was put back to an earlier state.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn ended_sessions(db: &Database) -> Result<EndedSessions, Error> {
    ended(db, None).await.map_err(error)
}

/// Returns those whose restrictions a later commit has changed.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn ended_sessions_since(db: &Database, commit: CommitNo) -> Result<EndedSessions, Error> {
    ended(db, Some(commit)).await.map_err(error)
}

async fn ended(db: &Database, since: Option<CommitNo>) -> Result<EndedSessions, DriverError> {
    let as_of = Query::select()
        .column(hub_state::Column::RestrictionsNo)
        .from(hub_state::Entity)
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .take();
    // Read first: what changes between the two queries is among the rows, and is looked for again.
    let as_of: Option<Option<i64>> = (&db.readers).select_one(&as_of).await?;
    let users = Query::select()
        .columns(EndedRow::COLUMNS.iter().copied())
        .from(user_restriction::Entity)
        .and_where_option(since.map(|commit| Expr::col(user_restriction::Column::CommitNo).gt(commit.column())))
        .and_where(Expr::col(user_restriction::Column::TokensFrom).is_not_null())
        .take();
    let users: Vec<EndedRow> = (&db.readers).select(&users).await?;
    let user = |row: EndedRow| (UserId::from_column(row.user_id), Timestamp::from_millis(row.tokens_from));
    Ok(EndedSessions {
        as_of: CommitNo::from_column(as_of.flatten().unwrap_or_default()),
        users: users.into_iter().map(user).collect(),
    })
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
