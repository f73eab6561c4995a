//! The present profiles.

use sea_orm::Iterable as _;

use super::{ID, Preload};
use crate::commit::preloaded::Preloaded;
use crate::commit::read_set::ReadSet;
use crate::driver_error::DriverError;
use crate::entities::profile;
use crate::rows::{Reads, select};

impl<R: Reads> Preload<'_, R> {
    /// Reads the profiles of users whose profiles are put, or to whom the marketplace writes.
    pub(super) async fn profiles(
        &mut self,
        read_set: &ReadSet<'_>,
        preloaded: &mut Preloaded,
    ) -> Result<(), DriverError> {
        if read_set.profiles.is_empty() {
            return Ok(());
        }
        let asked: Vec<(i64,)> = read_set.profiles.iter().map(|user| (*user,)).collect();
        let set = self.dialect.json_table("j", &ID);
        let columns = select("p", profile::Column::iter());
        let text = format!("SELECT {columns} FROM {set} JOIN profiles p ON p.user_id = j.id");
        for row in self.rows::<profile::Model, _>(text, &asked).await? {
            preloaded.profiles.insert(row.user_id, row.into());
        }
        Ok(())
    }
}
