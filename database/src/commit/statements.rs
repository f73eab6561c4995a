//! The texts of a commit's statements, one per table, made once.

use sea_orm::DatabaseBackend;

use crate::sql::{self, Column, Kind};

use Kind::{Exact, Hex, Number, Text};

/// The texts. The parameters of each: the commit's number as often as it is asked for, and the rows.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) messages: String,
    pub(super) amended: String,
    pub(super) stripped: String,
    pub(super) images: String,
    pub(super) uploads: String,
    pub(super) media: String,
    pub(super) forgotten: String,
    pub(super) threads: String,
    pub(super) status: String,
    pub(super) notes: String,
    pub(super) changed_notes: String,
    pub(super) users: String,
    pub(super) last_seen: String,
    pub(super) tickets: String,
}

const ID: Column = ("id", Number);

impl Statements {
    /// Writes the texts in a backend's dialect.
    pub(super) fn new(backend: DatabaseBackend) -> Self {
        Self {
            messages: MESSAGES.insert(backend),
            amended: AMENDED.update(backend),
            stripped: stripped(backend),
            images: IMAGES.insert(backend),
            uploads: UPLOADS.insert(backend),
            media: MEDIA.update(backend),
            forgotten: forgotten(backend),
            threads: THREADS.insert(backend),
            status: STATUS.insert(backend),
            notes: NOTES.insert(backend),
            changed_notes: CHANGED_NOTES.update(backend),
            users: USERS.insert(backend),
            last_seen: last_seen(backend),
            tickets: TICKETS.insert(backend),
        }
    }
}

/// A table's part that is written as a set.
struct Table {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [Column],
    /// Columns that take the commit's number.
    commits: &'static [&'static str],
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
        ("created_rev", Number),
        ("sender_id", Number),
        ("temp_id", Exact),
        ("payload_hash", Hex),
        ("content", Text),
        ("product_id", Number),
        ("reply_to", Number),
        ("created_at", Number),
    ],
    commits: &["commit_no", "created_commit"],
    overwritten: &[],
};

const AMENDED: Table = Table {
    name: "chat_messages",
    key: &["id"],
    columns: &[ID, ("rev", Number), ("content", Text), ("edited_at", Number), ("deleted_at", Number)],
    commits: &["commit_no"],
    overwritten: &["rev", "content", "edited_at", "deleted_at"],
};

const IMAGES: Table = Table {
    name: "chat_message_batches",
    key: &["message_id", "position"],
    columns: &[("message_id", Number), ("position", Number), ("media_id", Exact)],
    commits: &[],
    overwritten: &[],
};

const UPLOADS: Table = Table {
    name: "media",
    key: &["id"],
    columns: &[
        ("id", Exact),
        ("owner_id", Number),
        ("object_key", Exact),
        ("mime", Text),
        ("width", Number),
        ("height", Number),
        ("bytes", Number),
        ("blurhash", Text),
        ("created_at", Number),
        ("expires_at", Number),
    ],
    commits: &[],
    overwritten: &[],
};

const MEDIA: Table = Table {
    name: "media",
    key: &["id"],
    columns: &[("id", Exact), ("attached_at", Number), ("expires_at", Number)],
    commits: &[],
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
    ],
    commits: &["commit_no"],
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
    ],
    commits: &["commit_no"],
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

const NOTES: Table = Table {
    name: "notifications",
    key: &["id"],
    columns: &[
        ID,
        ("user_id", Number),
        ("type", Text),
        ("title", Text),
        ("body", Text),
        ("related_id", Number),
        ("dedupe_key", Exact),
        ("is_read", Number),
        ("created_at", Number),
        ("updated_at", Number),
    ],
    commits: &["commit_no", "created_commit"],
    overwritten: &[],
};

const CHANGED_NOTES: Table = Table {
    name: "notifications",
    key: &["id"],
    columns: &[ID, ("is_read", Number), ("updated_at", Number), ("deleted_at", Number)],
    commits: &["commit_no"],
    overwritten: &["is_read", "updated_at", "deleted_at"],
};

const USERS: Table = Table {
    name: "chat_users",
    key: &["id"],
    columns: &[ID, ("unread_messages", Number), ("unread_notifications", Number)],
    commits: &[],
    overwritten: &["unread_messages", "unread_notifications"],
};

const TICKETS: Table = Table {
    name: "used_tickets",
    key: &["id"],
    columns: &[("id", Exact), ("expires_at", Number)],
    commits: &[],
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

    fn plain_insert(&self, backend: DatabaseBackend) -> String {
        let mut names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.extend(self.commits);
        let mut values: Vec<String> = self.columns.iter().map(|column| sql::value(backend, "j", *column)).collect();
        values.extend(self.commits.iter().map(|_| "?".to_owned()));
        let set = sql::set(backend, "j", self.columns);
        // Without the condition SQLite would take ON CONFLICT for the join's ON.
        format!("INSERT INTO {} ({}) SELECT {} FROM {set} WHERE 1 = 1", self.name, names.join(", "), values.join(", "))
    }

    /// Changes rows that are there. On MySQL the rows come first among the parameters, elsewhere last.
    fn update(&self, backend: DatabaseBackend) -> String {
        let name = self.name;
        let set = sql::set(backend, "j", self.columns);
        let key = self.columns.iter().filter(|column| self.key.contains(&column.0));
        let matched: Vec<String> =
            key.map(|column| format!("t.{} = {}", column.0, sql::value(backend, "j", *column))).collect();
        let matched = matched.join(" AND ");
        match backend {
            DatabaseBackend::MySql => {
                let mut list = listed(self.overwritten, |column| format!("t.{column} = j.{column}"));
                list += &listed_after(self.commits, |column| format!("t.{column} = ?"));
                format!("UPDATE {set} JOIN {name} AS t ON {matched} SET {list}")
            }
            _ => {
                let commits = listed(self.commits, |column| format!("{column} = ?"));
                let mut list = listed(self.overwritten, |column| format!("{column} = j.{column}"));
                if !commits.is_empty() {
                    list = format!("{commits}, {list}");
                }
                format!("UPDATE {name} AS t SET {list} FROM {set} WHERE {matched}")
            }
        }
    }
}

fn stripped(backend: DatabaseBackend) -> String {
    let set = sql::set(backend, "j", &[ID]);
    match backend {
        // MariaDB would walk the whole table for a subquery here.
        DatabaseBackend::MySql => {
            format!("DELETE b FROM {set} JOIN chat_message_batches AS b ON b.message_id = j.id")
        }
        _ => format!("DELETE FROM chat_message_batches WHERE message_id IN (SELECT j.id FROM {set})"),
    }
}

fn forgotten(backend: DatabaseBackend) -> String {
    const ID: Column = ("id", Exact);
    let set = sql::set(backend, "j", &[ID]);
    let id = sql::value(backend, "j", ID);
    match backend {
        DatabaseBackend::MySql => format!("DELETE m FROM {set} JOIN media AS m ON m.id = {id}"),
        _ => format!("DELETE FROM media WHERE id IN (SELECT {id} FROM {set})"),
    }
}

fn last_seen(backend: DatabaseBackend) -> String {
    let set = sql::set(backend, "j", &[ID, ("last_seen", Number)]);
    let insert = format!("INSERT INTO chat_users (id, last_seen) SELECT j.id, j.last_seen FROM {set} WHERE 1 = 1");
    match backend {
        DatabaseBackend::MySql => format!(
            "{insert} ON DUPLICATE KEY UPDATE \
             last_seen = GREATEST(COALESCE(chat_users.last_seen, 0), VALUES(last_seen))"
        ),
        _ => format!(
            "{insert} ON CONFLICT (id) DO UPDATE SET \
             last_seen = max(coalesce(chat_users.last_seen, 0), excluded.last_seen)"
        ),
    }
}

fn listed(columns: &[&str], each: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| each(column)).collect::<Vec<_>>().join(", ")
}

fn listed_after(columns: &[&str], each: impl Fn(&str) -> String) -> String {
    columns.iter().map(|column| format!(", {}", each(column))).collect()
}
