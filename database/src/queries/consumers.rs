//! Where consumers of events stand.

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QueryTrait};

use crate::consumers::Consumer;
use crate::driver_error::error;
use crate::entities::hub_consumer;
use crate::events::EventPosition;
use crate::ids::CommitNo;
use crate::rows::Reads as _;
use crate::{Database, Error};

/// Returns where a consumer stands, if it is known.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, name: &str) -> Result<Option<Consumer>, Error> {
    let name = Expr::col(hub_consumer::Column::Name).eq(db.backend.dialect().binary_text(name));
    let query = hub_consumer::Entity::find().filter(name).into_query();
    let Some(row) = (&db.readers).select_one::<hub_consumer::Model>(&query).await.map_err(error)? else {
        return Ok(None);
    };
    let now = db.clock().await?.millis();
    Ok(Some(consumer(row, now)))
}

/// Returns all consumers with their names: there are few.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn all(db: &Database) -> Result<Vec<(String, Consumer)>, Error> {
    let query = hub_consumer::Entity::find().order_by_asc(hub_consumer::Column::Name).into_query();
    let rows: Vec<hub_consumer::Model> = (&db.readers).select(&query).await.map_err(error)?;
    let now = db.clock().await?.millis();
    Ok(rows.into_iter().map(|row| (row.name.clone().into_text(), consumer(row, now))).collect())
}

fn consumer(row: hub_consumer::Model, now: i64) -> Consumer {
    let position = EventPosition {
        commit: CommitNo::from_column(row.commit_no),
        class: u8::try_from(row.class).unwrap_or(EventPosition::END),
        object: row.object.cast_unsigned(),
        part: row.part.cast_unsigned(),
    };
    let is_leased = row.lease_until > now;
    Consumer { position, enabled: row.enabled != 0, holder: row.holder.into_text(), is_leased }
}
