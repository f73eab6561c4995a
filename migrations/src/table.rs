//! What the databases do differently when a table is made.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// The databases that there are migrations for. MariaDB is MySQL here.
///
/// Each `match` over them is exhaustive: a new one is a variant here, and the compiler names the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    MySql,
}

impl Backend {
    pub(crate) fn of(backend: DatabaseBackend) -> Result<Self, DbErr> {
        match backend {
            DatabaseBackend::Sqlite => Ok(Self::Sqlite),
            DatabaseBackend::MySql => Ok(Self::MySql),
            other => Err(DbErr::Migration(format!("there are no migrations for {other:?}"))),
        }
    }

    /// Text that is compared byte by byte, also its trailing spaces.
    ///
    /// Every text collation that MySQL and MariaDB share ignores trailing spaces, so it is bytes there.
    pub(crate) fn binary_text(self, name: &'static str, bytes: u32) -> ColumnDef {
        match self {
            Self::Sqlite => ColumnDef::new(name).text().take(),
            Self::MySql => ColumnDef::new(name).var_binary(bytes).take(),
        }
    }

    /// Text that may be longer than 64 KiB.
    pub(crate) fn long_text(self, name: &'static str) -> ColumnDef {
        match self {
            Self::Sqlite => ColumnDef::new(name).text().take(),
            Self::MySql => ColumnDef::new(name).custom("mediumtext").take(),
        }
    }
}

/// The database that is migrated.
pub(crate) struct Schema<'a> {
    manager: &'a SchemaManager<'a>,
    pub(crate) backend: Backend,
}

impl<'a> Schema<'a> {
    pub(crate) fn of(manager: &'a SchemaManager<'a>) -> Result<Self, DbErr> {
        Ok(Self { manager, backend: Backend::of(manager.get_database_backend())? })
    }

    /// Makes a table and its indexes, unless they are there: a migration that MySQL has broken off is run again.
    pub(crate) async fn create(
        &self,
        mut table: TableCreateStatement,
        indexes: Vec<IndexCreateStatement>,
    ) -> Result<(), DbErr> {
        table.if_not_exists();
        match self.backend {
            Backend::Sqlite => {
                let name = table.get_table_name().cloned();
                self.manager.create_table(table).await?;
                for mut index in indexes {
                    if let Some(name) = &name {
                        index.table(name.clone());
                    }
                    self.manager.create_index(index.if_not_exists().take()).await?;
                }
                Ok(())
            }
            Backend::MySql => {
                table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
                // One statement with the table, for MySQL commits each by itself and has no CREATE INDEX IF NOT EXISTS.
                for mut index in indexes {
                    table.index(&mut index);
                }
                self.manager.create_table(table).await
            }
        }
    }

    /// Writes a first row.
    pub(crate) async fn insert(&self, row: InsertStatement) -> Result<(), DbErr> {
        self.manager.execute(row).await
    }
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
