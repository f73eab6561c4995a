//! Columns and indexes.

use sea_orm_migration::prelude::*;

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
