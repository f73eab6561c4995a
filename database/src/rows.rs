//! Rows: the columns that make a value, and the connections that answer a query with such values.
//!
//! A struct that is declared by [`row!`](row) takes its fields from a row's columns one after another, from whichever driver the
//! row comes. A query therefore selects the columns in the order of the fields.

use rusqlite::types::{FromSql, FromSqlResult, ValueRef};
use sea_orm::sea_query::SelectStatement;
use sea_orm::{DbErr, DeriveValueType, TryFromU64, TryGetable, Value};

use crate::backend::kind::Backend;
use crate::driver_error::DriverError;

/// The columns of one row, in order, as a driver gives them. Each backend implements it for its driver's rows.
pub(crate) trait Columns {
    /// Takes the next column.
    fn take<T: TryGetable + FromSql>(&mut self) -> Result<T, DriverError>;

    /// Tells whether the next column, a number, is NULL.
    fn is_null(&self) -> Result<bool, DriverError>;

    /// Passes over some columns.
    fn skip(&mut self, columns: usize);
}

/// A value that is made of a row's columns.
pub(crate) trait FromRow: Sized + Send + 'static {
    /// How many columns it takes.
    const WIDTH: usize;

    /// Takes its columns.
    fn take(columns: &mut impl Columns) -> Result<Self, DriverError>;
}

macro_rules! columns {
    ($($column:ty),+) => {
        $(impl FromRow for $column {
            const WIDTH: usize = 1;

            fn take(columns: &mut impl Columns) -> Result<Self, DriverError> {
                columns.take()
            }
        })+
    };
}

columns!(i64, Option<i64>, String, Option<String>, BinaryText, Option<BinaryText>, Vec<u8>);

/// Declares a struct whose fields are taken from a row, one after another: columns, or other such structs. An optional struct is
/// absent where its first column, which must be a number, is NULL, as an outer join leaves it.
///
/// `struct Name of table { field: Type = Column, … }` names the columns of an entity and lists them as `Name::COLUMNS`.
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident of $table:ident {
        $($(#[$about:meta])* $field_vis:vis $field:ident: $type:ty = $column:ident),+ $(,)?
    }) => {
        $crate::rows::row! {
            $(#[$meta])* $vis struct $name { $($(#[$about])* $field_vis $field: $type),+ }
        }

        impl $name {
            /// The table's columns, in the order in which the row takes them.
            pub(crate) const COLUMNS: &[$table::Column] = &[$($table::Column::$column),+];
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$about:meta])* $field_vis:vis $field:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$meta])* $vis struct $name { $($(#[$about])* $field_vis $field: $type),+ }

        impl $crate::rows::FromRow for $name {
            const WIDTH: usize = 0 $(+ <$type as $crate::rows::FromRow>::WIDTH)+;

            fn take(columns: &mut impl $crate::rows::Columns) -> Result<Self, $crate::driver_error::DriverError> {
                Ok(Self { $($field: $crate::rows::FromRow::take(columns)?),+ })
            }
        }

        impl $crate::rows::FromRow for Option<$name> {
            const WIDTH: usize = <$name as $crate::rows::FromRow>::WIDTH;

            fn take(columns: &mut impl $crate::rows::Columns) -> Result<Self, $crate::driver_error::DriverError> {
                if columns.is_null()? {
                    columns.skip(Self::WIDTH);
                    return Ok(None);
                }
                $crate::rows::FromRow::take(columns).map(Some)
            }
        }
    };
}
pub(crate) use row;

/// Returns columns of a table as a query selects them, with the table's alias before each.
pub(crate) fn select<Column: sea_orm::IdenStatic>(table: &str, columns: impl IntoIterator<Item = Column>) -> String {
    let columns: Vec<String> = columns.into_iter().map(|column| format!("{table}.{}", column.as_str())).collect();
    columns.join(", ")
}

/// A connection, or several, that answers queries.
pub(crate) trait Reads: Send {
    /// Returns the backend whose SQL it understands.
    fn backend(&self) -> Backend;

    /// Runs a query, and takes a `T` of each row.
    fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> impl Future<Output = Result<Vec<T>, DriverError>> + Send;

    /// Runs a query, and takes a `T` of the first row, if there is one.
    fn row<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> impl Future<Output = Result<Option<T>, DriverError>> + Send {
        async move { Ok(self.rows(text, values).await?.into_iter().next()) }
    }

    /// Runs a query as sea-query describes it, and takes a `T` of each row. The query selects the columns that `T` takes.
    fn select<T: FromRow>(
        &mut self,
        query: &SelectStatement,
    ) -> impl Future<Output = Result<Vec<T>, DriverError>> + Send {
        let (text, values) = self.backend().build(query);
        async move { self.rows(&text, values).await }
    }

    /// Runs a query as sea-query describes it, and takes a `T` of the first row, if there is one.
    fn select_one<T: FromRow>(
        &mut self,
        query: &SelectStatement,
    ) -> impl Future<Output = Result<Option<T>, DriverError>> + Send {
        let rows = self.select(query);
        async move { Ok(rows.await?.into_iter().next()) }
    }
}

/// Text that is compared byte by byte: `VARBINARY` on MySQL, `TEXT` on SQLite.
#[derive(Debug, Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub(crate) struct BinaryText(pub(crate) Vec<u8>);

impl BinaryText {
    /// Returns the text; what is stored was text when it was written.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.0).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl FromSql for BinaryText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_bytes().map(|bytes| Self(bytes.to_vec()))
    }
}

/// The key of a table, as sea-orm would make one of a number that a database has counted up: there is none.
impl TryFromU64 for BinaryText {
    fn try_from_u64(_: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("BinaryText"))
    }
}
