//! What the databases do differently when they are migrated. Each `match` over them is exhaustive: a new one is a variant
//! here, and the compiler names the places.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait, Value,
};

/// How long a node waits for another one that is migrating, in seconds.
const LOCK_SECONDS: u32 = 120;

/// The databases that there are migrations for. MariaDB is MySQL here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    MySql,
    Postgres,
}

impl Backend {
    pub(crate) fn of(backend: DatabaseBackend) -> Result<Self, DbErr> {
        match backend {
            DatabaseBackend::Sqlite => Ok(Self::Sqlite),
            DatabaseBackend::MySql => Ok(Self::MySql),
            DatabaseBackend::Postgres => Ok(Self::Postgres),
            other => Err(DbErr::Migration(format!("there are no migrations for {other:?}"))),
        }
    }

    /// Runs the migrations while no other node does.
    pub(crate) async fn up<M: MigratorTrait>(self, connection: &DatabaseConnection) -> Result<(), DbErr> {
        match self {
            Self::Sqlite => up_in_one_transaction::<M>(connection).await,
            Self::MySql => up_under_a_lock::<M>(connection).await,
            Self::Postgres => up_in_a_locked_transaction::<M>(connection).await,
        }
    }

    /// Tells whether each commit writes whole pages to the log. Then an index that moves with each message costs each of them a
    /// page; elsewhere only the changes of a page are logged.
    pub(crate) fn logs_whole_pages(self) -> bool {
        match self {
            Self::Sqlite => true,
            Self::MySql | Self::Postgres => false,
        }
    }

    /// Tells whether an update costs less if it leaves all indexed columns as they are: then indexes over a time hold its upper
    /// bits alone.
    pub(crate) fn has_time_buckets(self) -> bool {
        match self {
            Self::Sqlite | Self::Postgres => true,
            Self::MySql => false,
        }
    }

    /// Text that is compared byte by byte, also its trailing spaces.
    ///
    /// Every text collation that MySQL and MariaDB share ignores trailing spaces, so it is bytes there. PostgreSQL compares text
    /// as the database's locale does, unless each column says otherwise, and its indexes change with the system's library.
    pub(crate) fn binary_text(self, name: &'static str, bytes: u32) -> ColumnDef {
        match self {
            Self::Sqlite => ColumnDef::new(name).text().take(),
            Self::MySql | Self::Postgres => ColumnDef::new(name).var_binary(bytes).take(),
        }
    }

    /// Returns a value of a column of [binary text](Backend::binary_text).
    pub(crate) fn binary_value(self, text: String) -> Value {
        match self {
            Self::Sqlite | Self::MySql => text.into(),
            Self::Postgres => text.into_bytes().into(),
        }
    }

    /// Text that may be longer than 64 KiB.
    pub(crate) fn long_text(self, name: &'static str) -> ColumnDef {
        match self {
            Self::Sqlite | Self::Postgres => ColumnDef::new(name).text().take(),
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
            Backend::Sqlite => self.create_apart(table, indexes).await,
            Backend::Postgres => {
                if let Some(storage) = hot_table(&table) {
                    table.extra(storage);
                }
                self.create_apart(table, indexes).await
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

    /// Makes a table, and each index by a statement of its own.
    async fn create_apart(&self, table: TableCreateStatement, indexes: Vec<IndexCreateStatement>) -> Result<(), DbErr> {
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

    /// Adds a column that may be empty to a table, unless it is there.
    pub(crate) async fn add_column(&self, table: &'static str, mut column: ColumnDef) -> Result<(), DbErr> {
        if self.manager.has_column(table, column.get_column_name()).await? {
            return Ok(());
        }
        self.manager.alter_table(Table::alter().table(table).add_column(&mut column).take()).await
    }

    /// Adds an index to a table, unless it is there.
    pub(crate) async fn add_index(&self, table: &'static str, mut index: IndexCreateStatement) -> Result<(), DbErr> {
        let name = index.get_index_spec().get_name().unwrap_or_default().to_owned();
        if self.manager.has_index(table, name).await? {
            return Ok(());
        }
        self.manager.create_index(index.table(table).take()).await
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

/// PostgreSQL can roll tables back. The lock belongs to the transaction, which may take long and wait long.
async fn up_in_a_locked_transaction<M: MigratorTrait>(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    let patience = format!(
        "SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_xact_lock(hashtextextended('softadastra_chat_migrations', 0))"
    );
    transaction.execute_unprepared(&patience).await?;
    M::up(&transaction, None).await?;
    transaction.commit().await
}

/// How PostgreSQL stores a table whose rows are updated over and over: pages have room for a row's next version, so that no index
/// gets a new entry, and old versions are cleared away early.
fn hot_table(table: &TableCreateStatement) -> Option<&'static str> {
    const ROOM: &str =
        "WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02)";
    // One row, which each commit updates.
    const ONE_ROW: &str = "WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.01)";
    // Rows come and go, and are not updated.
    const LOG: &str = "WITH (autovacuum_vacuum_scale_factor = 0.01)";
    match name(table)?.as_str() {
        "chat_threads" | "chat_message_status" | "chat_users" => Some(ROOM),
        "hub_state" | "hub_consumers" | "audit_chain" => Some(ONE_ROW),
        "hub_commits" | "used_tickets" => Some(LOG),
        _ => None,
    }
}

fn name(table: &TableCreateStatement) -> Option<String> {
    match table.get_table_name()? {
        TableRef::Table(name, _) => Some(name.1.to_string()),
        _ => None,
    }
}

async fn ask(connection: &DatabaseConnection, sql: &str) -> Result<Option<i64>, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(None), |row| row.try_get_by_index(0))
}
