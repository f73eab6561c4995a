//! Rows that are written: the columns that a struct fills, and how its values travel to a database.

use sea_orm::sea_query::ColumnType;
use sea_orm::{ColumnTrait, EntityName as _, EntityTrait, IdenStatic as _, Iterable as _};
use serde::Serialize;

use crate::backend::column::{Column, Kind};

/// A row that fills columns of a table, one with each field. To a server rows travel as JSON arrays; on SQLite each is bound to
/// a prepared statement, with the types that its fields have.
pub(crate) trait WrittenRow: Serialize + Send {
    type Entity: EntityTrait;

    /// The columns, in the order of the fields.
    const COLUMNS: &'static [<Self::Entity as EntityTrait>::Column];

    /// Binds the fields to a statement's parameters, which are numbered as the columns are.
    fn bind(&self, statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<()>;
}

/// Declares a [`WrittenRow`].
macro_rules! written_row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident $(<$life:lifetime>)? of $table:ident {
        $($(#[$about:meta])* $field_vis:vis $field:ident: $type:ty = $column:ident),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $name $(<$life>)? { $($(#[$about])* $field_vis $field: $type),+ }

        impl $(<$life>)? $crate::written_row::WrittenRow for $name $(<$life>)? {
            type Entity = $table::Entity;

            const COLUMNS: &'static [$table::Column] = &[$($table::Column::$column),+];

            fn bind(&self, statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<()> {
                let mut parameter: usize = 0;
                $(
                    parameter += 1;
                    statement.raw_bind_parameter(parameter, &self.$field)?;
                )+
                debug_assert_eq!(parameter, Self::COLUMNS.len());
                Ok(())
            }
        }

        impl $(<$life>)? serde::Serialize for $name $(<$life>)? {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple as _;

                let columns = <Self as $crate::written_row::WrittenRow>::COLUMNS.len();
                let mut row = to.serialize_tuple(columns)?;
                $(row.serialize_element(&self.$field)?;)+
                row.end()
            }
        }
    };
}
pub(crate) use written_row;

/// The table of written rows and the columns that they fill, by the table's description.
#[derive(Debug, Clone)]
pub(crate) struct RowShape {
    pub(crate) table: &'static str,
    /// The columns of the primary key.
    pub(crate) key: Vec<&'static str>,
    pub(crate) columns: Vec<Column>,
}

impl RowShape {
    /// Returns the shape of a row.
    pub(crate) fn of<Row: WrittenRow>() -> Self {
        let key = <Row::Entity as EntityTrait>::PrimaryKey::iter().map(|column| column.as_str());
        let columns = Row::COLUMNS.iter().map(|column| (column.as_str(), kind(column)));
        Self { table: Row::Entity::default().table_name(), key: key.collect(), columns: columns.collect() }
    }

    /// Returns the columns that are not of the primary key.
    pub(crate) fn beside_key(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name).filter(|name| !self.key.contains(name))
    }
}

/// Tells how a column travels in a JSON parameter.
fn kind(column: &impl ColumnTrait) -> Kind {
    match column.def().get_column_type() {
        ColumnType::BigInteger => Kind::Number,
        ColumnType::Text => Kind::Text,
        ColumnType::VarBinary(_) => Kind::BinaryText,
        ColumnType::Binary(_) => Kind::Hex,
        other => unreachable!("no table has a column of the type {other:?}"),
    }
}
