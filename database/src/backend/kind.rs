//! Which databases there are. A leaf: each folder may import it. What each of them does is chosen in [`super`].

use sea_orm::{DatabaseBackend, Statement, StatementBuilder, Value};

/// The databases that the hub runs on. MariaDB is MySQL here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    MySql,
    Postgres,
}

impl Backend {
    /// Returns sea-orm's name for it.
    pub(crate) fn sea_orm(self) -> DatabaseBackend {
        match self {
            Self::Sqlite => DatabaseBackend::Sqlite,
            Self::MySql => DatabaseBackend::MySql,
            Self::Postgres => DatabaseBackend::Postgres,
        }
    }

    /// Builds a statement as sea-query describes it: its text and its values.
    pub(crate) fn build(self, statement: &impl StatementBuilder) -> (String, Vec<Value>) {
        let Statement { sql, values, .. } = self.sea_orm().build(statement);
        (sql, values.map_or_else(Vec::new, |values| values.0))
    }
}

/// The servers among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// MySQL or MariaDB.
    MySql,
    /// PostgreSQL.
    Postgres,
}

impl ServerKind {
    /// Every server.
    pub(super) const ALL: [Self; 2] = [Self::MySql, Self::Postgres];
}

impl From<ServerKind> for Backend {
    fn from(kind: ServerKind) -> Self {
        match kind {
            ServerKind::MySql => Self::MySql,
            ServerKind::Postgres => Self::Postgres,
        }
    }
}
