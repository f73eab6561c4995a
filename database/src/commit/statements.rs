//! The texts of a commit's statements, one per table, made once.

use sea_orm::DatabaseBackend;

use crate::sql::{self, Column, Kind};
use crate::time_buckets;

use Kind::{BinaryText, Hex, Number, Text};

/// The texts. Their parameters: one row's columns for SQLite, all rows as one value elsewhere; see [`super::connection`].
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) messages: String,
    pub(super) amended: String,
    pub(super) amendments: String,
    pub(super) stripped: String,
    pub(super) images: String,
    pub(super) uploads: String,
    pub(super) media: String,
    pub(super) forgotten: String,
    pub(super) threads: Rewritten,
    pub(super) status: Rewritten,
    pub(super) notifications: String,
    pub(super) changed_notifications: String,
    pub(super) users: String,
    pub(super) last_seen: String,
    pub(super) tickets: String,
}

/// The texts for rows that are written over and over.
///
/// A server puts rows over those that are there, all in one statement. SQLite takes each row by itself, and a plain change
/// costs it less than an insert that turns out to be a change; least, if no index moves.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// Rows that are not there yet; to a server, all rows.
    pub(super) made: String,
    /// SQLite: rows that move in an index.
    pub(super) moved: String,
    /// SQLite: rows that do not.
    pub(super) kept: String,
}

const ID: Column = ("id", Number);

/// The commit's number.
const COMMIT: Column = ("commit_no", Number);

/// The message before, which only SQLite's table has (see [`crate::seq_range`]): a row's last column.
const PREVIOUS: Column = ("prev_id", Number);

impl Statements {
    /// Writes the texts in a backend's dialect.
    pub(super) fn new(backend: DatabaseBackend) -> Self {
        Self {
            messages: MESSAGES.insert(backend),
            amended: AMENDED.update(backend),
            amendments: AMENDMENTS.insert(backend),
            stripped: stripped(backend),
            images: IMAGES.insert(backend),
            uploads: UPLOADS.insert(backend),
            media: MEDIA.update(backend),
            forgotten: forgotten(backend),
            threads: THREADS.rewritten(backend, &[]),
            status: STATUS.rewritten(backend, &["has_unread"]),
            notifications: NOTIFICATIONS.insert(backend),
            changed_notifications: CHANGED_NOTIFICATIONS.update(backend),
            users: USERS.insert(backend),
            last_seen: last_seen(backend),
            tickets: TICKETS.insert(backend),
        }
    }
}

/// A column that holds the bucket of another one, and how it follows as an expression.
type Bucket = (&'static str, &'static str, fn(&str) -> String);

/// A table's part that is written as a set.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [Column],
    /// Columns that take the value of another one.
    copies: &'static [(&'static str, &'static str)],
    /// Columns that only SQLite's table has: the bucket of a time (see [`crate::time_buckets`]).
    buckets: &'static [Bucket],
    /// Columns that are overwritten where the row is there already.
    overwritten: &'static [&'static str],
}

const MESSAGES: Table = Table {
    name: "chat_messages",
    key: &["id"],
    columns: &[
        ID,
        ("thread_id", Number),
        ("seq", Number),
        ("rev", Number),
        ("sender_id", Number),
        ("temp_id", BinaryText),
        ("payload_hash", Hex),
        ("content", Text),
        ("product_id", Number),
        ("reply_to", Number),
        ("created_at", Number),
        COMMIT,
        PREVIOUS,
    ],
    copies: &[("created_rev", "rev"), ("created_commit", "commit_no")],
    buckets: &[],
    overwritten: &[],
};

const AMENDED: Table = Table {
    name: "chat_messages",
    key: &["id"],
    columns: &[ID, ("rev", Number), ("content", Text), ("edited_at", Number), ("deleted_at", Number), COMMIT],
    copies: &[],
    buckets: &[],
    overwritten: &["rev", "content", "edited_at", "deleted_at", "commit_no"],
};

const AMENDMENTS: Table = Table {
    name: "chat_amendments",
    key: &["thread_id", "rev"],
    columns: &[("thread_id", Number), ("rev", Number), ("message_id", Number), ("last_seq", Number), COMMIT],
    copies: &[],
    buckets: &[],
    overwritten: &[],
};

const IMAGES: Table = Table {
    name: "chat_message_batches",
    key: &["message_id", "position"],
    columns: &[("message_id", Number), ("position", Number), ("media_id", BinaryText)],
    copies: &[],
    buckets: &[],
    overwritten: &[],
};

const UPLOADS: Table = Table {
    name: "media",
    key: &["id"],
    columns: &[
        ("id", BinaryText),
        ("owner_id", Number),
        ("object_key", BinaryText),
        ("mime", Text),
        ("width", Number),
        ("height", Number),
        ("bytes", Number),
        ("blurhash", Text),
        ("created_at", Number),
        ("expires_at", Number),
    ],
    copies: &[],
    buckets: &[],
    overwritten: &[],
};

const MEDIA: Table = Table {
    name: "media",
    key: &["id"],
    columns: &[("id", BinaryText), ("attached_at", Number), ("expires_at", Number)],
    copies: &[],
    buckets: &[],
    overwritten: &["attached_at", "expires_at"],
};

const THREADS: Table = Table {
    name: "chat_threads",
    key: &["id"],
    columns: &[
        ID,
        ("user1_id", Number),
        ("user2_id", Number),
        ("last_seq", Number),
        ("rev", Number),
        ("last_message_id", Number),
        ("created_at", Number),
        ("updated_at", Number),
        COMMIT,
    ],
    copies: &[],
    buckets: &[
        ("updated_step", "updated_at", time_buckets::updated_text),
        ("commit_step", "commit_no", time_buckets::commit_text),
    ],
    overwritten: &["last_seq", "rev", "last_message_id", "updated_at", "commit_no"],
};

const STATUS: Table = Table {
    name: "chat_message_status",
    key: &["thread_id", "user_id"],
    columns: &[
        ("thread_id", Number),
        ("user_id", Number),
        ("delivered_seq", Number),
        ("read_seq", Number),
        ("unread", Number),
        ("has_unread", Number),
        ("delivered_at", Number),
        ("read_at", Number),
        ("delivered_commit", Number),
        ("read_commit", Number),
        COMMIT,
    ],
    copies: &[],
    buckets: &[],
    overwritten: &[
        "delivered_seq",
        "read_seq",
        "unread",
        "has_unread",
        "delivered_at",
        "read_at",
        "delivered_commit",
        "read_commit",
        "commit_no",
    ],
};

const NOTIFICATIONS: Table = Table {
    name: "notifications",
    key: &["id"],
    columns: &[
        ID,
        ("user_id", Number),
        ("type", Text),
        ("title", Text),
        ("body", Text),
        ("related_id", Number),
        ("dedupe_key", BinaryText),
        ("is_read", Number),
        ("created_at", Number),
        ("updated_at", Number),
        COMMIT,
    ],
    copies: &[("created_commit", "commit_no")],
    buckets: &[],
    overwritten: &[],
};

const CHANGED_NOTIFICATIONS: Table = Table {
    name: "notifications",
    key: &["id"],
    columns: &[ID, ("is_read", Number), ("updated_at", Number), ("deleted_at", Number), COMMIT],
    copies: &[],
    buckets: &[],
    overwritten: &["is_read", "updated_at", "deleted_at", "commit_no"],
};

const USERS: Table = Table {
    name: "chat_users",
    key: &["id"],
    columns: &[ID, ("unread_messages", Number), ("unread_notifications", Number)],
    copies: &[],
    buckets: &[],
    overwritten: &["unread_messages", "unread_notifications"],
};

const TICKETS: Table = Table {
    name: "used_tickets",
    key: &["id"],
    columns: &[("id", BinaryText), ("expires_at", Number)],
    copies: &[],
    buckets: &[],
    overwritten: &[],
};

impl Table {
    /// Writes rows, over those that are there where that is meant.
    fn insert(&self, backend: DatabaseBackend) -> String {
        let mut text = self.plain_insert(backend);
        if self.overwritten.is_empty() {
            return text;
        }
        match backend {
            DatabaseBackend::MySql => {
                let list = listed(self.overwritten, |column| format!("{column} = VALUES({column})"));
                text += &format!(" ON DUPLICATE KEY UPDATE {list}");
            }
            _ => {
                let list = listed(self.overwritten, |column| format!("{column} = excluded.{column}"));
                text += &format!(" ON CONFLICT ({}) DO UPDATE SET {list}", self.key.join(", "));
            }
        }
        text
    }

    /// Writes the texts for rows that are written over and over; `indexed` are the columns that an index of SQLite holds.
    fn rewritten(&self, backend: DatabaseBackend, indexed: &[&str]) -> Rewritten {
        if backend != DatabaseBackend::Sqlite {
            return Rewritten { made: self.insert(backend), moved: String::new(), kept: String::new() };
        }
        let place = |column: &str| self.columns.iter().position(|(name, _)| *name == column).map_or(0, |at| at + 1);
        let set = |column: &&str| format!("{column} = ?{}", place(column));
        let matched = self.key.iter().map(set).collect::<Vec<_>>().join(" AND ");
        let bucketed = |(column, of, bucket): &Bucket| format!("{column} = {}", bucket(&format!("?{}", place(of))));
        let all = self.overwritten.iter().map(set).chain(self.buckets.iter().map(bucketed));
        let kept = self.overwritten.iter().filter(|column| !indexed.contains(column)).map(set);
        let update = |list: Vec<String>| format!("UPDATE {} SET {} WHERE {matched}", self.name, list.join(", "));
        Rewritten { made: self.plain_insert(backend), moved: update(all.collect()), kept: update(kept.collect()) }
    }

    fn plain_insert(&self, backend: DatabaseBackend) -> String {
        let columns = match self.columns {
            [shared @ .., PREVIOUS] if backend != DatabaseBackend::Sqlite => shared,
            columns => columns,
        };
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let mut values: Vec<String> = (0..names.len()).map(|at| self.value(backend, at)).collect();
        for (name, source) in self.copies {
            values.extend(names.iter().position(|column| column == source).map(|at| values[at].clone()));
            names.push(name);
        }
        for (name, source, bucket) in self.buckets.iter().filter(|_| backend == DatabaseBackend::Sqlite) {
            let of = names.iter().position(|column| column == source).map(|at| values[at].clone());
            values.extend(of.map(|of| bucket(&of)));
            names.push(name);
        }
        let (names, values) = (names.join(", "), values.join(", "));
        if backend == DatabaseBackend::Sqlite {
            return format!("INSERT INTO {} ({names}) VALUES ({values})", self.name);
        }
        let set = sql::set(backend, "j", columns);
        format!("INSERT INTO {} ({names}) SELECT {values} FROM {set}", self.name)
    }

    /// Changes rows that are there.
    fn update(&self, backend: DatabaseBackend) -> String {
        let name = self.name;
        let assigned = |at: usize| {
            let column = self.columns[at].0;
            let value = self.value(backend, at);
            if backend == DatabaseBackend::Sqlite {
                format!("{column} = {value}")
            } else {
                format!("t.{column} = {value}")
            }
        };
        let (keys, rest): (Vec<usize>, Vec<usize>) =
            (0..self.columns.len()).partition(|at| self.key.contains(&self.columns[*at].0));
        let matched = keys.into_iter().map(assigned).collect::<Vec<_>>().join(" AND ");
        let list = rest.into_iter().map(assigned).collect::<Vec<_>>().join(", ");
        if backend == DatabaseBackend::Sqlite {
            return format!("UPDATE {name} SET {list} WHERE {matched}");
        }
        let set = sql::set(backend, "j", self.columns);
        format!("UPDATE {set} JOIN {name} AS t ON {matched} SET {list}")
    }

    /// Returns where a column's value comes from: a parameter, or the set of all rows.
    fn value(&self, backend: DatabaseBackend, at: usize) -> String {
        match backend {
            DatabaseBackend::Sqlite => format!("?{}", at + 1),
            _ => sql::value(backend, "j", self.columns[at]),
        }
    }
}

fn stripped(backend: DatabaseBackend) -> String {
    match backend {
        DatabaseBackend::Sqlite => "DELETE FROM chat_message_batches WHERE message_id = ?1".to_owned(),
        // MariaDB would walk the whole table for a subquery here.
        _ => {
            let set = sql::set(backend, "j", &[ID]);
            format!("DELETE b FROM {set} JOIN chat_message_batches AS b ON b.message_id = j.id")
        }
    }
}

fn forgotten(backend: DatabaseBackend) -> String {
    const ID: Column = ("id", BinaryText);
    if backend == DatabaseBackend::Sqlite {
        return "DELETE FROM media WHERE id = ?1".to_owned();
    }
    let set = sql::set(backend, "j", &[ID]);
    format!("DELETE m FROM {set} JOIN media AS m ON m.id = {}", sql::value(backend, "j", ID))
}

fn last_seen(backend: DatabaseBackend) -> String {
    const COLUMNS: &str = "INSERT INTO chat_users (id, last_seen)";
    match backend {
        DatabaseBackend::Sqlite => format!(
            "{COLUMNS} VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET \
             last_seen = max(coalesce(chat_users.last_seen, 0), excluded.last_seen)"
        ),
        _ => {
            let set = sql::set(backend, "j", &[ID, ("last_seen", Number)]);
            format!(
                "{COLUMNS} SELECT j.id, j.last_seen FROM {set} ON DUPLICATE KEY UPDATE \
                 last_seen = GREATEST(COALESCE(chat_users.last_seen, 0), VALUES(last_seen))"
            )
        }
    }
}

fn listed(columns: &[&str], each: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| each(column)).collect::<Vec<_>>().join(", ")
}
