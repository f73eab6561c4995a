//! The hub's schema, for every database that it runs on.
//!
//! ```text
//!  m20261129_000001_chat            threads, messages, watermarks, users
//!  m20261129_000002_media           uploaded images
//!  m20261129_000003_notifications   notifications
//!  m20261129_000004_hub             the commit counter and log, the names of the history, used tickets
//!  table                            what the databases do differently when a table is made
//! ```
//!
//! Nothing here imports an entity: a migration must mean tomorrow what it meant on the day it was
//! written. What the migrations add up to stands in `database/schema.sql`.
//!
//! There are no foreign keys. Every row is written by a group commit that holds the one counter
//! lock and has read what it refers to under it, so a dangling reference would be a defect that a
//! key could only turn into a failed batch; checking them would cost an index look-up for each row
//! of every commit.

mod m20261129_000001_chat;
mod m20261129_000002_media;
mod m20261129_000003_notifications;
mod m20261129_000004_hub;
mod table;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use table::Backend;

/// How long a node waits for another one that is migrating, in seconds.
const LOCK_SECONDS: u32 = 120;

/// Knows all migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261129_000001_chat::Migration),
            Box::new(m20261129_000002_media::Migration),
            Box::new(m20261129_000003_notifications::Migration),
            Box::new(m20261129_000004_hub::Migration),
        ]
    }
}

/// Runs all migrations that have not been run yet. Nodes that start together take turns.
///
/// `connection` must be a pool of one: on MySQL the lock belongs to the connection.
///
/// # Errors
/// Whatever the database says; also when another node migrates for too long.
pub async fn up(connection: &DatabaseConnection) -> Result<(), DbErr> {
    match Backend::of(connection.get_database_backend())? {
        Backend::Sqlite => up_in_one_transaction(connection).await,
        Backend::MySql => up_under_a_lock(connection).await,
    }
}

/// SQLite can roll tables back, and its transaction is the lock.
async fn up_in_one_transaction(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    let transaction = connection.begin_with_options(options).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

/// MySQL commits each statement that makes a table by itself.
async fn up_under_a_lock(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let lock = format!("SELECT GET_LOCK('softadastra_chat_migrations', {LOCK_SECONDS})");
    let Some(1) = ask(connection, &lock).await? else {
        return Err(DbErr::Migration("another node has been migrating for too long".to_owned()));
    };
    let outcome = Migrator::up(connection, None).await;
    let released = ask(connection, "SELECT RELEASE_LOCK('softadastra_chat_migrations')").await;
    outcome.and(released.map(drop))
}

async fn ask(connection: &DatabaseConnection, sql: &str) -> Result<Option<i64>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index(0))
}
