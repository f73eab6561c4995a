//! Which databases there are.

use sea_orm::{DatabaseBackend, Statement, StatementBuilder, Value};

use super::server::location::ServerKind;

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

impl From<ServerKind> for Backend {
    fn from(kind: ServerKind) -> Self {
        match kind {
            ServerKind::MySql => Self::MySql,
            ServerKind::Postgres => Self::Postgres,
        }
    }
}
