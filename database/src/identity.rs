//! The identity of a database: nodes that share it know each other by it.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use uuid::Uuid;

use crate::driver_error::error;
use crate::rows::{BinaryText, Reads, row};
use crate::{Database, Error};

row! {
    /// The identity, as text.
    struct IdentityRow {
        database_id: BinaryText,
    }
}

/// Reads the identity of a database: drawn when it was made, never changed, and kept by its copies.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Refused`] if it is no identity.
pub async fn read(db: &Database) -> Result<[u8; 16], Error> {
    let query = Query::select().column("database_id").from("hub_identity").and_where(Expr::col("id").eq(1_i64)).take();
    let row: Option<IdentityRow> = (&db.readers).select_one(&query).await.map_err(error)?;
    let text = row.map(|row| row.database_id.into_text()).unwrap_or_default();
    let identity = Uuid::parse_str(&text).map_err(|_| Error::Refused("hub_identity holds no identity".to_owned()))?;
    Ok(identity.into_bytes())
}
