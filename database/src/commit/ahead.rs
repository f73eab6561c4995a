//! A transaction that was begun, and has waited for the counter's lock, before it is known what it will write.

use std::time::Instant;

use super::numbers::{self, LockedRow};
use super::statements::Statements;
use crate::backend::writer::{Transaction, WriterConnection};
use crate::driver_error::DriverError;

/// A transaction; with the counter's row if it was locked ahead.
#[derive(Debug)]
pub(super) struct Ahead<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) locked: Option<LockedRow>,
}

/// A transaction that was begun ahead, or why it could not be.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) outcome: Result<Ahead<'static>, DriverError>,
    /// Since when the lock was waited for.
    pub(super) since: Instant,
}

/// Begins a transaction and waits for the counter's lock; `None` with SQLite.
pub(super) async fn begin(
    connection: &mut WriterConnection,
    texts: &Statements,
) -> Result<Option<Ahead<'static>>, DriverError> {
    let Some(mut transaction) = connection.begin_ahead().await? else { return Ok(None) };
    let locked = numbers::lock(&mut transaction, &texts.numbers).await?;
    Ok(Some(Ahead { transaction, locked }))
}
