//! The hub's schema, step by step, for every backend.
//!
//! ```text
//!  m20261122_000001_chat            threads, messages, watermarks, people
//!  m20261122_000002_media           uploaded images
//!  m20261122_000003_notifications   notifications
//!  m20261122_000004_hub             the commit counter and log, used tickets
//!  m20261122_000005_media_expiry    when an image may be swept
//!  m20261122_000006_amendments      edits and deletions, a table instead of an index
//!  m20261126_000007_keys_by_time    idempotency keys, found by the key first
//!  m20261126_000008_chain           SQLite: each message names the one before it
//!  m20261127_000009_whole_chain     SQLite: what an older hub wrote meanwhile is mended
//!  m20261127_000010_steps           SQLite: threads are found by times in steps; older hubs are refused
//!  m20261129_000011_history         which history a commit belongs to, the newest time, tickets that are forgotten
//! ```
//!
//! Nothing here imports an entity: a migration must mean tomorrow what it meant on the day it was
//! written. What the steps add up to stands in `database/schema.sql`.
//!
//! There are no foreign keys. Every row is written by a group commit that holds the one counter
//! lock and has read what it refers to under it, so a dangling reference would be a defect that a
//! key could only turn into a failed batch; checking them would cost an index look-up for each row
//! on the one path that everybody waits for.

mod m20261122_000001_chat;
mod m20261122_000002_media;
mod m20261122_000003_notifications;
mod m20261122_000004_hub;
mod m20261122_000005_media_expiry;
mod m20261122_000006_amendments;
mod m20261126_000007_keys_by_time;
mod m20261126_000008_chain;
mod m20261127_000009_whole_chain;
mod m20261127_000010_steps;
mod m20261129_000011_history;
mod table;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions,
};

/// How long a node waits for another one that is migrating, in seconds.
const LOCK_SECONDS: u32 = 120;

/// Knows all steps, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_chat::Migration),
            Box::new(m20261122_000002_media::Migration),
            Box::new(m20261122_000003_notifications::Migration),
            Box::new(m20261122_000004_hub::Migration),
            Box::new(m20261122_000005_media_expiry::Migration),
            Box::new(m20261122_000006_amendments::Migration),
            Box::new(m20261126_000007_keys_by_time::Migration),
            Box::new(m20261126_000008_chain::Migration),
            Box::new(m20261127_000009_whole_chain::Migration),
            Box::new(m20261127_000010_steps::Migration),
            Box::new(m20261129_000011_history::Migration),
        ]
    }
}

/// Takes all steps that have not been taken yet. Nodes that start together take turns.
///
/// `connection` must be a pool of one: on MySQL the turn belongs to the connection.
///
/// # Errors
/// Whatever the database says; on MySQL also when another node migrates for two minutes.
pub async fn up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    if connection.get_database_backend() != DatabaseBackend::MySql {
        return Migrator::up(connection, None).await;
    }
    lock(connection).await?;
    let outcome = Migrator::up(connection, None).await;
    let released = ask(connection, "SELECT RELEASE_LOCK('softadastra_chat_migrations')").await;
    outcome.and(released.map(drop))
}

async fn lock(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = format!("SELECT GET_LOCK('softadastra_chat_migrations', {LOCK_SECONDS})");
    match ask(connection, &sql).await? {
        Some(1) => Ok(()),
        _ => Err(DbErr::Migration("another node has been migrating for too long".to_owned())),
    }
}

async fn ask(connection: &DatabaseConnection, sql: &str) -> Result<Option<i64>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index(0))
}

/// On SQLite: a transaction that nobody writes beside, from its beginning.
fn immediately() -> TransactionOptions {
    TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() }
}
