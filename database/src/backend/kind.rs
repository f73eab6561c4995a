//! Which databases there are.

use sea_orm::DatabaseBackend;

/// The databases that the hub runs on. MariaDB is MySQL here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    MySql,
}

impl Backend {
    /// Returns sea-orm's name for it.
    pub(crate) fn sea_orm(self) -> DatabaseBackend {
        match self {
            Self::Sqlite => DatabaseBackend::Sqlite,
            Self::MySql => DatabaseBackend::MySql,
        }
    }
}
