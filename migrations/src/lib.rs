//! The hub's schema, for every database that it runs on.
//!
//! ```text
//!  m20261129_000001_chat            threads, messages, watermarks, users
//!  m20261129_000002_media           uploaded images
//!  m20261129_000003_notifications   notifications
//!  m20261129_000004_hub             the commit counter and log, the names of the history, used tickets
//!  m20261129_000005_nodes           the nodes that run on the database
//!  m20261129_000006_identity        the database's own identity
//!  m20261129_000007_profiles        what the marketplace's core says of users
//!  m20261129_000008_cards           cards, and what messages show of them
//!  m20261129_000009_system_messages messages of the marketplace itself
//!  m20261129_000010_consumers       readers of the commit log other than the nodes
//!  m20261129_000011_webhooks        the marketplace's endpoints, and deliveries to them
//!  m20261129_000012_audit           the audit log
//!  m20261129_000013_restrictions    who may send nothing, and whose tokens are too old
//!  m20261129_000014_key_checks      whether the nodes have the same secret
//!  m20261130_000015_restriction_changes  an index of restrictions by the commit that changed them
//!  m20261130_000016_times_of_events        when events happened
//!  backend                          what the databases do differently when they are migrated
//!  table                            columns and indexes
//! ```
//!
//! Nothing here imports an entity: a migration must mean tomorrow what it meant on the day it was
//! written. What the migrations add up to stands in `database/schema.sql`.
//!
//! There are no foreign keys. Every row is written by a group commit that holds the one counter
//! lock and has read what it refers to under it, so a dangling reference would be a defect that a
//! key could only turn into a failed batch; checking them would cost an index look-up for each row
//! of every commit.

mod backend;
mod m20261129_000001_chat;
mod m20261129_000002_media;
mod m20261129_000003_notifications;
mod m20261129_000004_hub;
mod m20261129_000005_nodes;
mod m20261129_000006_identity;
mod m20261129_000007_profiles;
mod m20261129_000008_cards;
mod m20261129_000009_system_messages;
mod m20261129_000010_consumers;
mod m20261129_000011_webhooks;
mod m20261129_000012_audit;
mod m20261129_000013_restrictions;
mod m20261129_000014_key_checks;
mod m20261130_000015_restriction_changes;
mod m20261130_000016_times_of_events;
mod table;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseConnection;

use backend::Backend;

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
            Box::new(m20261129_000005_nodes::Migration),
            Box::new(m20261129_000006_identity::Migration),
            Box::new(m20261129_000007_profiles::Migration),
            Box::new(m20261129_000008_cards::Migration),
            Box::new(m20261129_000009_system_messages::Migration),
            Box::new(m20261129_000010_consumers::Migration),
            Box::new(m20261129_000011_webhooks::Migration),
            Box::new(m20261129_000012_audit::Migration),
            Box::new(m20261129_000013_restrictions::Migration),
            Box::new(m20261129_000014_key_checks::Migration),
            Box::new(m20261130_000015_restriction_changes::Migration),
            Box::new(m20261130_000016_times_of_events::Migration),
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
    Backend::of(connection.get_database_backend())?.up::<Migrator>(connection).await
}

/// Returns the names of the migrations that have not been run yet; it changes nothing.
///
/// # Errors
/// Whatever the database says; also when it has seen migrations that are not known here, because a later version of the hub made
/// them.
pub async fn pending(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let pending = Migrator::get_pending_migrations_read_only(connection).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}
