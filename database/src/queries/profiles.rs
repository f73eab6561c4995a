//! What the marketplace has said of users.

use sea_orm::Iterable as _;

use super::people::ids;
use crate::backend::column::Kind;
use crate::driver_error::error;
use crate::entities::profile;
use crate::ids::UserId;
use crate::objects::Profile;
use crate::rows::{Reads, select};
use crate::size::cut_to_page;
use crate::{Database, Error};

/// Returns the profiles of users, by user; those of whom nothing was said are left out. It does not ask who may see them.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of(db: &Database, users: &[UserId]) -> Result<Vec<Profile>, Error> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let set = db.backend.dialect().json_table("j", &[("id", Kind::Number)]);
    let columns = select("p", profile::Column::iter());
    let text = format!("SELECT {columns} FROM {set} JOIN profiles p ON p.user_id = j.id");
    let rows = (&db.readers).rows::<profile::Model>(&text, [ids(users)]).await.map_err(error)?;
    let mut found: Vec<Profile> = rows.into_iter().map(Profile::from).collect();
    found.sort_unstable_by_key(|profile| profile.user_id);
    Ok(found)
}

/// Returns profiles as [`of`] does, as many as a page has room for, and whether there are more.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(db: &Database, users: &[UserId]) -> Result<(Vec<Profile>, bool), Error> {
    let mut found = of(db, users).await?;
    let has_more = cut_to_page(&mut found);
    Ok((found, has_more))
}
