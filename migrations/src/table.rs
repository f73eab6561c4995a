//! What the backends do differently when a table is made.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// Makes a table and its indexes, as often as it is asked.
///
/// MySQL commits each statement of a migration for itself; there table and indexes are one
/// statement, so that a step that was cut short can be taken again.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    mut table: TableCreateStatement,
    indexes: Vec<IndexCreateStatement>,
) -> Result<(), DbErr> {
    table.if_not_exists();
    if manager.get_database_backend() == DatabaseBackend::MySql {
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        for mut index in indexes {
            table.index(&mut index);
        }
        return manager.create_table(table).await;
    }
    let name = table.get_table_name().cloned();
    manager.create_table(table).await?;
    for mut index in indexes {
        if let Some(name) = &name {
            index.table(name.clone());
        }
        manager.create_index(index.if_not_exists().take()).await?;
    }
    Ok(())
}

/// Starts an index over `columns`.
pub(crate) fn index(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Starts a unique index over `columns`.
pub(crate) fn unique(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    index(name, columns).unique().take()
}

/// A number: an id, a counter, or a time in Unix milliseconds.
pub(crate) fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A number that starts at zero.
pub(crate) fn count(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().default(0).take()
}

/// A number that may be missing.
pub(crate) fn optional_number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

/// A number that is the table's key, and is given, not made.
pub(crate) fn key(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().primary_key().take()
}

/// Text that is compared byte by byte, also its trailing spaces.
///
/// Every text collation that MySQL and MariaDB share ignores trailing spaces, so it is bytes there.
pub(crate) fn exact_text(manager: &SchemaManager<'_>, name: &'static str, bytes: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match manager.get_database_backend() {
        DatabaseBackend::MySql => column.var_binary(bytes),
        _ => column.text(),
    };
    column.take()
}

/// Text that may be longer than 64 KiB.
pub(crate) fn long_text(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match manager.get_database_backend() {
        DatabaseBackend::MySql => column.custom("mediumtext"),
        _ => column.text(),
    };
    column.take()
}
