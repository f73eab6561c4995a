//! The names that an installation of the old service gives to its tables and columns, by `information_schema`.
//!
//! Names are compared without underscores and case: `createdAt` is `created_at`. Of the possible names of a column, the
//! first one that exists counts.

use std::collections::BTreeMap;

use crate::Error;
use crate::rows::row;

/// The names that tables have.
const THREADS: [&str; 3] = ["chat_threads", "threads", "conversations"];
const MESSAGES: [&str; 2] = ["chat_messages", "messages"];
pub(super) const NOTIFICATIONS: &str = "notifications";
pub(super) const USER_NOTIFICATIONS: &str = "user_notifications";

/// A table that only a hub's database has.
const HUBS_OWN: &str = "hub_state";

/// The query for all columns.
pub(super) const COLUMNS: &str = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(data_type AS CHAR) \
     FROM information_schema.columns WHERE table_schema = DATABASE()";

row! {
    /// A column of a table.
    pub(super) struct ColumnRow {
        table: String,
        column: String,
        kind: String,
    }
}

/// What is looked for in a table, with the names that it has had.
pub(super) mod field {
    pub(crate) const ID: &[&str] = &["id"];
    pub(crate) const USER1: &[&str] = &["user1_id", "user1", "user_1", "user_one_id", "user_a", "buyer_id"];
    pub(crate) const USER2: &[&str] = &["user2_id", "user2", "user_2", "user_two_id", "user_b", "seller_id"];
    pub(crate) const THREAD: &[&str] = &["thread_id", "chat_thread_id", "conversation_id", "chat_id"];
    pub(crate) const SENDER: &[&str] = &["sender_id", "sender", "from_user_id", "from_id", "author_id", "user_id"];
    pub(crate) const RECEIVER: &[&str] = &["receiver_id", "receiver", "recipient_id", "to_user_id", "to_id"];
    pub(crate) const TEXT: &[&str] = &["content", "message", "body", "text"];
    pub(crate) const IMAGES: &[&str] = &["image_urls", "images", "image_url", "image", "attachments"];
    pub(crate) const PRODUCT: &[&str] = &["product_id"];
    pub(crate) const EXTRA: &[&str] = &["extra_data", "metadata", "meta"];
    pub(crate) const SEEN: &[&str] = &["seen", "is_seen", "is_read", "read", "seen_at", "read_at", "status"];
    pub(crate) const DELETED: &[&str] = &["deleted", "is_deleted", "deleted_at"];
    pub(crate) const TIME: &[&str] = &["created_at", "created", "sent_at", "timestamp", "created_on"];
    pub(crate) const OWNER: &[&str] = &["user_id", "receiver_id", "recipient_id"];
    pub(crate) const NOTIFICATION: &[&str] = &["notification_id"];
    pub(crate) const KIND: &[&str] = &["type", "kind", "category"];
    pub(crate) const TITLE: &[&str] = &["title", "subject"];
    pub(crate) const BODY: &[&str] = &["body", "message", "content", "text"];
    pub(crate) const RELATED: &[&str] = &["related_id", "reference_id", "entity_id", "ref_id"];
}

/// The tables of a database.
#[derive(Debug)]
pub(super) struct Layout(BTreeMap<String, Table>);

/// A table and its columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    columns: BTreeMap<String, Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
}

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    /// A point in time, independent of a time zone.
    Timestamp,
    /// A local time, without a time zone.
    Clock,
    Text,
}

impl Kind {
    fn of(kind: &str) -> Self {
        match kind.to_ascii_lowercase().as_str() {
            "timestamp" => Self::Timestamp,
            "datetime" | "date" => Self::Clock,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "decimal" | "double" | "float" => {
                Self::Number
            }
            _ => Self::Text,
        }
    }
}

fn plain(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

impl Layout {
    /// Takes all columns of a database.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is a hub's.
    pub(super) fn of(rows: Vec<ColumnRow>) -> Result<Self, Error> {
        let mut tables = BTreeMap::new();
        for ColumnRow { table, column, kind } in rows {
            let entry = tables.entry(plain(&table)).or_insert_with(|| Table { name: table, columns: BTreeMap::new() });
            entry.columns.insert(plain(&column), Column { name: column, kind: Kind::of(&kind) });
        }
        let layout = Self(tables);
        if layout.table(&[HUBS_OWN]).is_some() {
            return Err(Error::Refused("this is a hub's database, not that of the Node.js service".to_owned()));
        }
        Ok(layout)
    }

    /// Returns the table of messages.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is none.
    pub(super) fn messages(&self) -> Result<&Table, Error> {
        let absent = || Error::Refused(format!("the old database has no table {}", MESSAGES.join(" or ")));
        self.table(&MESSAGES).ok_or_else(absent)
    }

    /// Returns the table of threads, if there is one.
    pub(super) fn threads(&self) -> Option<&Table> {
        self.table(&THREADS)
    }

    /// Returns the first table of these names that is there.
    pub(super) fn table(&self, names: &[&str]) -> Option<&Table> {
        names.iter().find_map(|name| self.0.get(&plain(name)))
    }
}

impl Table {
    fn column(&self, names: &[&str]) -> Option<&Column> {
        names.iter().find_map(|name| self.columns.get(&plain(name)))
    }

    /// Tells whether one of these columns is there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.column(names).is_some()
    }

    /// Refuses a table without one of these columns.
    pub(super) fn needs(&self, names: &[&str]) -> Result<(), Error> {
        let absent = || Error::Refused(format!("the old table {} has no column {}", self.name, names.join(" or ")));
        self.has(names).then_some(()).ok_or_else(absent)
    }

    /// Returns the table as a query names it.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// Returns the expression of a number; NULL if there is no such column.
    pub(super) fn number(&self, alias: &str, names: &[&str]) -> String {
        self.cast(alias, names, "SIGNED")
    }

    /// Returns the expression of a text; NULL if there is no such column.
    pub(super) fn text(&self, alias: &str, names: &[&str]) -> String {
        self.cast(alias, names, "CHAR")
    }

    fn cast(&self, alias: &str, names: &[&str], kind: &str) -> String {
        let value = self.column(names).map_or_else(|| "NULL".to_owned(), |column| column.of(alias));
        format!("CAST({value} AS {kind})")
    }

    /// Returns the expression of a flag: true for a number that is not 0, a time that is set, or a word. 0 if there is no
    /// such column.
    pub(super) fn flag(&self, alias: &str, names: &[&str]) -> String {
        let Some(column) = self.column(names) else { return "CAST(0 AS SIGNED)".to_owned() };
        let value = column.of(alias);
        let says = match column.kind {
            Kind::Number => format!("COALESCE({value}, 0) <> 0"),
            Kind::Timestamp | Kind::Clock => format!("{value} IS NOT NULL"),
            Kind::Text => format!("LOWER(COALESCE({value}, '')) IN ('1', 'true', 'yes', 'seen', 'read', 'deleted')"),
        };
        format!("CAST({says} AS SIGNED)")
    }

    /// Returns the expression of a time: in milliseconds, or as the number that was stored. NULL if there is no such
    /// column.
    pub(super) fn time(&self, alias: &str, names: &[&str]) -> String {
        let Some(column) = self.column(names) else { return "CAST(NULL AS SIGNED)".to_owned() };
        let value = column.of(alias);
        match column.kind {
            Kind::Number => format!("CAST({value} AS SIGNED)"),
            // The session's time zone is UTC, as the driver sets it: a moment is shown in it.
            Kind::Timestamp | Kind::Clock => millis_of(&value),
            Kind::Text => millis_of(&format!("CAST({value} AS DATETIME(3))")),
        }
    }

    /// Tells whether a time is a local time, which depends on the server's time zone.
    pub(super) fn is_wall_clock(&self, names: &[&str]) -> bool {
        self.column(names).is_some_and(|column| matches!(column.kind, Kind::Clock | Kind::Text))
    }

    /// Tells whether a time is stored as a number.
    pub(super) fn is_number(&self, names: &[&str]) -> bool {
        self.column(names).is_some_and(|column| column.kind == Kind::Number)
    }
}

fn millis_of(value: &str) -> String {
    format!("CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', {value}) DIV 1000 AS SIGNED)")
}

impl Column {
    fn of(&self, alias: &str) -> String {
        format!("{alias}.{}", quoted(&self.name))
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(columns: &[(&str, &str, &str)]) -> Result<Layout, Error> {
        let row = |(table, column, kind): &(&str, &str, &str)| ColumnRow {
            table: (*table).to_owned(),
            column: (*column).to_owned(),
            kind: (*kind).to_owned(),
        };
        Layout::of(columns.iter().map(row).collect())
    }

    #[test]
    fn columns_are_found_under_the_names_that_they_have_had() {
        let layout = layout(&[
            ("chat_messages", "senderId", "int"),
            ("chat_messages", "Message", "text"),
            ("chat_messages", "seen_at", "datetime"),
            ("chat_messages", "status", "enum"),
            ("chat_messages", "createdAt", "timestamp"),
        ])
        .expect("a layout");
        let table = layout.messages().expect("the table");
        assert_eq!(table.number("m", field::SENDER), "CAST(m.`senderId` AS SIGNED)");
        assert_eq!(table.text("m", field::TEXT), "CAST(m.`Message` AS CHAR)");
        assert_eq!(table.flag("m", field::SEEN), "CAST(m.`seen_at` IS NOT NULL AS SIGNED)");
        assert_eq!(table.flag("m", field::DELETED), "CAST(0 AS SIGNED)");
        assert_eq!(table.number("m", field::PRODUCT), "CAST(NULL AS SIGNED)");
        assert!(table.time("m", field::TIME).contains("m.`createdAt`") && !table.is_wall_clock(field::TIME));
        assert!(table.needs(field::THREAD).expect_err("absent").to_string().contains("thread_id"));
        assert!(layout.threads().is_none());
    }

    #[test]
    fn a_hubs_own_database_is_refused() {
        let hubs = layout(&[("hub_state", "id", "bigint"), ("chat_messages", "id", "bigint")]);
        assert!(hubs.expect_err("refused").to_string().contains("a hub's database"));
        let empty = layout(&[]).expect("a layout");
        assert!(empty.messages().expect_err("none").to_string().contains("chat_messages"));
    }
}
