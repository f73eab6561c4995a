//! The statements that write rows: described once by sea-query, built once as text for each backend.
//!
//! What differs is where a row's values come from. On SQLite they are parameters, and the statement runs once for each row; for a
//! server they are columns of a JSON table, which is the one parameter, and the statement runs once for all rows.

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};

use super::kind::Backend;
use crate::written_row::RowShape;

/// A statement that writes rows of one table.
#[derive(Debug)]
pub(crate) struct RowStatement {
    pub(super) text: String,
    pub(super) table: &'static str,
    /// Whether it only inserts rows, and changes none.
    pub(super) inserts: bool,
}

impl RowStatement {
    fn inserts(shape: &RowShape, text: String) -> Self {
        Self { text, table: shape.table, inserts: true }
    }

    fn changes(shape: &RowShape, text: String) -> Self {
        Self { text, table: shape.table, inserts: false }
    }
}

/// The statements for rows that are inserted or, if they exist, updated.
///
/// MySQL does so for all rows in one statement. PostgreSQL would lock each row that an insert finds there, and log that,
/// before it updates it. SQLite takes each row by itself: a plain update costs it less than an insert that turns out to be
/// an update, and least if the row moves in no index.
#[derive(Debug)]
pub(crate) enum Rewrite {
    /// SQLite: one text for each kind of row.
    Each { made: RowStatement, moved: RowStatement, kept: RowStatement },
    /// MySQL: one text for all rows.
    All(RowStatement),
    /// PostgreSQL: one text for the rows that are not there, and one for those that are.
    Apart { made: RowStatement, present: RowStatement },
}

/// A column that takes the value of another one: its name, and the other's.
pub(crate) type CopiedColumn = (&'static str, &'static str);

/// Describes an insert; rows that are there already are an error.
pub(crate) fn insert(backend: Backend, shape: &RowShape, copies: &[CopiedColumn]) -> RowStatement {
    RowStatement::inserts(shape, text(backend, shape, copies, None))
}

/// Describes an insert that overwrites columns of rows that are there already.
pub(crate) fn upsert(backend: Backend, shape: &RowShape, overwritten: &[&'static str]) -> RowStatement {
    let mut conflict = OnConflict::columns(shape.key.iter().copied());
    conflict.update_columns(overwritten.iter().copied());
    RowStatement::changes(shape, text(backend, shape, &[], Some(conflict)))
}

/// Describes an insert that keeps the greater value of a column, a number that may be null, of rows that are there already.
pub(crate) fn upsert_greatest(backend: Backend, shape: &RowShape, column: &'static str) -> RowStatement {
    let present = format!("COALESCE({}.{column}, 0)", shape.table);
    let dialect = backend.dialect();
    let greatest = dialect.greatest(&present, &dialect.inserted(column));
    let mut conflict = OnConflict::columns(shape.key.iter().copied());
    conflict.value(column, Expr::cust(greatest));
    RowStatement::changes(shape, text(backend, shape, &[], Some(conflict)))
}

/// Describes an update of rows that are there, of all columns that are not of the primary key.
pub(crate) fn update(backend: Backend, shape: &RowShape) -> RowStatement {
    let changed: Vec<_> = shape.beside_key().collect();
    update_of(backend, shape, &changed, Vec::new())
}

/// Describes an update of some columns of rows that are there, and of further columns by their expressions.
pub(super) fn update_of(
    backend: Backend,
    shape: &RowShape,
    changed: &[&'static str],
    further: Vec<(&'static str, String)>,
) -> RowStatement {
    let dialect = backend.dialect();
    let mut update = Query::update();
    update.table(shape.table);
    if let Some(rows) = dialect.rows(&shape.columns) {
        update.from(rows);
    }
    for (at, column) in shape.columns.iter().enumerate() {
        let value = Expr::cust(dialect.row_value(at, *column));
        if shape.key.contains(&column.0) {
            update.and_where(Expr::col((shape.table, column.0)).eq(value));
        } else if changed.contains(&column.0) {
            update.value(column.0, value);
        }
    }
    update.values(further.into_iter().map(|(column, value)| (column, Expr::cust(value))));
    RowStatement::changes(shape, backend.build(&update).0)
}

/// Describes a delete of rows by the one column of the shape.
pub(crate) fn delete(backend: Backend, shape: &RowShape) -> RowStatement {
    RowStatement::changes(shape, backend.dialect().delete(shape))
}

fn text(backend: Backend, shape: &RowShape, copies: &[CopiedColumn], conflict: Option<OnConflict>) -> String {
    let dialect = backend.dialect();
    let value = |column: &str| {
        let at = shape.columns.iter().position(|(name, _)| *name == column)?;
        Some(dialect.row_value(at, shape.columns[at]))
    };
    let given = shape.columns.iter().filter(|(name, _)| dialect.has_column(shape.table, name));
    let given = given.filter_map(|(name, _)| Some((*name, value(name)?)));
    let copied = copies.iter().filter_map(|(name, source)| Some((*name, value(source)?)));
    let derived = dialect.derived(shape.table, &value);
    let (names, values): (Vec<_>, Vec<_>) =
        given.chain(copied).chain(derived).map(|(name, value)| (name, Expr::cust(value))).unzip();

    let mut insert = Query::insert();
    insert.into_table(shape.table).columns(names);
    let described = match dialect.rows(&shape.columns) {
        None => insert.values(values),
        Some(rows) => {
            let mut select = Query::select();
            select.exprs(values).from(rows);
            insert.select_from(select)
        }
    };
    debug_assert!(described.is_ok(), "as many values as columns");
    if let Some(conflict) = conflict {
        insert.on_conflict(conflict);
    }
    backend.build(&insert).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::used_ticket;
    use crate::written_row::written_row;

    written_row! {
        struct Ticket of used_ticket {
            id: String = Id,
            expires_at: i64 = ExpiresAt,
        }
    }

    const SET: &str = "JSON_TABLE(?, '$[*]' COLUMNS (\
         id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[0]', expires_at BIGINT PATH '$[1]')) AS `j`";

    #[test]
    fn a_row_is_parameters_on_sqlite_and_a_row_of_a_json_table_on_a_server() {
        let shape = RowShape::of::<Ticket>();
        assert_eq!(
            insert(Backend::Sqlite, &shape, &[]).text,
            r#"INSERT INTO "used_tickets" ("id", "expires_at") VALUES (?1, ?2)"#
        );
        assert_eq!(
            insert(Backend::MySql, &shape, &[]).text,
            format!(
                "INSERT INTO `used_tickets` (`id`, `expires_at`) SELECT CAST(j.id AS BINARY), j.expires_at FROM {SET}"
            )
        );
        assert_eq!(
            update(Backend::Sqlite, &shape).text,
            r#"UPDATE "used_tickets" SET "expires_at" = ?2 WHERE "used_tickets"."id" = (?1)"#
        );
        assert_eq!(
            update(Backend::MySql, &shape).text,
            format!(
                "UPDATE `used_tickets` JOIN {SET} ON `used_tickets`.`id` = (CAST(j.id AS BINARY)) \
                 SET `used_tickets`.`expires_at` = j.expires_at"
            )
        );
    }

    #[test]
    fn a_row_that_is_there_is_overwritten_or_keeps_what_is_greater() {
        let shape = RowShape::of::<Ticket>();
        let plain =
            r#"INSERT INTO "used_tickets" ("id", "expires_at") VALUES (?1, ?2) ON CONFLICT ("id") DO UPDATE SET"#;
        assert_eq!(
            upsert(Backend::Sqlite, &shape, &["expires_at"]).text,
            format!(r#"{plain} "expires_at" = "excluded"."expires_at""#)
        );
        assert_eq!(
            upsert_greatest(Backend::Sqlite, &shape, "expires_at").text,
            format!(r#"{plain} "expires_at" = max(COALESCE(used_tickets.expires_at, 0), excluded.expires_at)"#)
        );
        let server = upsert(Backend::MySql, &shape, &["expires_at"]).text;
        assert!(server.ends_with("AS `j` ON DUPLICATE KEY UPDATE `expires_at` = VALUES(`expires_at`)"), "{server}");
    }
}
