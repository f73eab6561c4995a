//! What the databases do differently when they are migrated. Each `match` over them is exhaustive: a new one is a variant here, and
//! the compiler names the places.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

/// How long a node waits for another one that is migrating, in seconds.
const LOCK_SECONDS: u32 = 120;

/// The databases that there are migrations for. MariaDB is MySQL here.
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

    /// Runs the migrations while no other node does.
    pub(crate) async fn up<M: MigratorTrait>(self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        match self {
            Self::Sqlite => up_in_one_transaction::<M>(connection).await,
            Self::MySql => up_under_a_lock::<M>(connection).await,
        }
    }

    /// Tells whether each commit writes whole pages to the log. Then an index that moves with each message costs each of them a
    /// page; elsewhere only the changes of a page are logged.
    pub(crate) fn logs_whole_pages(self) -> bool {
        match self {
            Self::Sqlite => true,
            Self::MySql => false,
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

/// SQLite can roll tables back, and its transaction is the lock.
async fn up_in_one_transaction<M: MigratorTrait>(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let options =
        TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    let transaction = connection.begin_with_options(options).await?;
    M::up(&transaction, None).await?;
    transaction.commit().await
}

/// MySQL commits each statement that makes a table by itself.
async fn up_under_a_lock<M: MigratorTrait>(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let lock = format!("SELECT GET_LOCK('softadastra_chat_migrations', {LOCK_SECONDS})");
    let Some(1) = ask(connection, &lock).await? else {
        return Err(DbErr::Migration("another node has been migrating for too long".to_owned()));
    };
    let outcome = M::up(connection, None).await;
    let released = ask(connection, "SELECT RELEASE_LOCK('softadastra_chat_migrations')").await;
    outcome.and(released.map(drop))
}

async fn ask(connection: &DatabaseConnection, sql: &str) -> Result<Option<i64>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index(0))
}
