//! The old tables, read a part at a time: no statement of many that the old server would have to hold open.

use std::collections::{HashMap, HashSet};

use sea_orm::Value;

use super::layout::{self, COLUMNS, ColumnRow, Layout, Table, field};
use super::old::{self, OldMessage, OldNotification, OldThread};
use crate::connect::{Location, Options, Server, ServerKind};
use crate::driver_error::error;
use crate::rows::{FromRow, Reads as _, row};
use crate::{Database, Error};

/// How many rows are read at a time where they are small; and how many of the largest.
const SMALL: usize = 50_000;
const LARGE: usize = 500;

/// Before every id.
const BEFORE: i64 = -1;

row! {
    struct ThreadRow {
        id: i64,
        user1: Option<i64>,
        user2: Option<i64>,
    }
}

row! {
    struct MomentRow {
        id: i64,
        thread: Option<i64>,
        at: Option<i64>,
    }
}

row! {
    struct MessageRow {
        id: i64,
        thread: Option<i64>,
        sender: Option<i64>,
        receiver: Option<i64>,
        text: Option<String>,
        images: Option<String>,
        product: Option<i64>,
        extra: Option<String>,
        seen: i64,
        deleted: i64,
    }
}

row! {
    struct NotificationRow {
        id: Option<i64>,
        of: Option<i64>,
        user: Option<i64>,
        kind: Option<String>,
        title: Option<String>,
        body: Option<String>,
        related: Option<i64>,
        read: i64,
        deleted: i64,
        at: Option<i64>,
    }
}

/// When all messages were written, and which threads have any.
#[derive(Debug, Default)]
pub struct Moments {
    /// Time in Unix milliseconds and id of each message.
    pub of: Vec<(i64, i64)>,
    /// The threads that messages name.
    pub threads: HashSet<i64>,
    /// Messages without a time; they have that of the message before them by id.
    pub timeless: Vec<i64>,
}

/// The old service's database.
#[derive(Debug)]
pub struct Source {
    db: Database,
    layout: Layout,
    /// By how many milliseconds the clock on its wall was ahead of UTC.
    offset: i64,
}

impl Source {
    /// Connects, and looks which tables and columns there are. `offset` is by how many milliseconds the times without a time zone
    /// are ahead of UTC.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is no MySQL or MariaDB, or not the old service's; [`Error::Unavailable`].
    pub async fn connect(url: &str, offset: i64) -> Result<Self, Error> {
        let location: Location = url.parse().map_err(Error::Refused)?;
        if !matches!(location, Location::Server(Server { kind: ServerKind::MySql, .. })) {
            return Err(Error::Refused("the old service's database is MySQL or MariaDB: mysql://…".to_owned()));
        }
        let db = Database::connect(&Options { url: url.to_owned(), readers: 1 }).await?;
        let layout = Layout::of(rows::<ColumnRow>(&db, COLUMNS, []).await?)?;
        let messages = layout.messages()?;
        messages.needs(field::ID)?;
        messages.needs(field::SENDER)?;
        messages.needs(field::TIME)?;
        let threads = layout.threads();
        if threads.is_none() || !messages.has(field::THREAD) {
            messages.needs(field::RECEIVER)?;
        }
        if let Some(threads) = threads {
            [field::ID, field::USER1, field::USER2].into_iter().try_for_each(|names| threads.needs(names))?;
        }
        Ok(Self { db, layout, offset })
    }

    /// Returns where it is; shown without the password.
    #[must_use]
    pub fn location(&self) -> &Location {
        self.db.location()
    }

    /// Closes the connection.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Reads all threads, by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn threads(&self) -> Result<Vec<OldThread>, Error> {
        let Some(table) = self.layout.threads() else { return Ok(Vec::new()) };
        let columns = [field::ID, field::USER1, field::USER2].map(|names| table.number("t", names));
        let text = page(table, "t", &columns, SMALL);
        let rows = self.pages::<ThreadRow>(&text, SMALL, |row| row.id).await?;
        Ok(rows.into_iter().map(|ThreadRow { id, user1, user2 }| OldThread { id, user1, user2 }).collect())
    }

    /// Reads when all messages were written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn moments(&self) -> Result<Moments, Error> {
        let table = self.layout.messages()?;
        let columns = [table.number("m", field::ID), table.number("m", field::THREAD), table.time("m", field::TIME)];
        let text = page(table, "m", &columns, SMALL);
        let mut moments = Moments::default();
        let mut before = 0;
        for row in self.pages::<MomentRow>(&text, SMALL, |row| row.id).await? {
            match row.at {
                Some(at) => before = self.utc(table, at),
                None => moments.timeless.push(row.id),
            }
            moments.of.push((before, row.id));
            moments.threads.extend(row.thread);
        }
        Ok(moments)
    }

    /// Reads messages by their ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn messages(&self, ids: &[i64]) -> Result<HashMap<i64, OldMessage>, Error> {
        let table = self.layout.messages()?;
        let columns = [
            table.number("m", field::ID),
            table.number("m", field::THREAD),
            table.number("m", field::SENDER),
            table.number("m", field::RECEIVER),
            table.text("m", field::TEXT),
            table.text("m", field::IMAGES),
            table.number("m", field::PRODUCT),
            table.text("m", field::EXTRA),
            table.flag("m", field::SEEN),
            table.flag("m", field::DELETED),
        ];
        // One text, however many ids there are: it is prepared once.
        let places = ["?"; LARGE].join(", ");
        let text = format!("SELECT {} FROM {} m WHERE m.id IN ({places})", columns.join(", "), table.quoted());
        let mut messages = HashMap::with_capacity(ids.len());
        for part in ids.chunks(LARGE) {
            let last = part.last().copied().unwrap_or_default();
            let asked = part.iter().copied().chain(std::iter::repeat(last)).take(LARGE).map(Value::from);
            let rows = rows::<MessageRow>(&self.db, &text, asked.collect::<Vec<_>>()).await?;
            messages.extend(rows.into_iter().map(|row| (row.id, message(row))));
        }
        Ok(messages)
    }

    /// Reads all notifications: of `notifications`, of `user_notifications`, or of both together, where the latter gives those of
    /// the former to users.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn notifications(&self) -> Result<Vec<OldNotification>, Error> {
        let texts = self.layout.table(&[layout::NOTIFICATIONS]);
        let given = self.layout.table(&[layout::USER_NOTIFICATIONS]);
        let mut found = Vec::new();
        if let Some(table) = texts.filter(|table| table.has(field::OWNER)) {
            found.extend(self.of_table(table, None).await?);
        }
        if let Some(table) = given.filter(|table| table.has(field::OWNER)) {
            let texts = texts.filter(|texts| table.has(field::NOTIFICATION) && texts.has(field::ID));
            found.extend(self.of_table(table, texts).await?);
        }
        found.sort_by_key(|notification| (notification.at, notification.id));
        Ok(found)
    }

    /// Reads the notifications of a table, with their texts, which another table may have.
    async fn of_table(&self, table: &Table, texts: Option<&Table>) -> Result<Vec<OldNotification>, Error> {
        let (said, alias) = texts.map_or((table, "u"), |texts| (texts, "n"));
        let timed = if table.has(field::TIME) { (table, "u") } else { (said, alias) };
        let columns = [
            table.number("u", field::ID),
            table.number("u", field::NOTIFICATION),
            table.number("u", field::OWNER),
            said.text(alias, field::KIND),
            said.text(alias, field::TITLE),
            said.text(alias, field::BODY),
            said.number(alias, field::RELATED),
            table.flag("u", field::SEEN),
            table.flag("u", field::DELETED),
            timed.0.time(timed.1, field::TIME),
        ];
        let joined = texts.map_or_else(String::new, |texts| {
            format!(" JOIN {} n ON n.id = {}", texts.quoted(), table.number("u", field::NOTIFICATION))
        });
        let select = format!("SELECT {} FROM {} u{joined}", columns.join(", "), table.quoted());
        let rows = if table.has(field::ID) {
            let text = format!("{select} WHERE u.id > ? ORDER BY u.id LIMIT {SMALL}");
            self.pages::<NotificationRow>(&text, SMALL, |row| row.id.unwrap_or(i64::MAX)).await?
        } else {
            rows(&self.db, &select, []).await?
        };
        let made = |row: NotificationRow| OldNotification {
            table: table.name.clone(),
            id: row.id,
            of: row.of,
            user: row.user,
            kind: row.kind,
            title: row.title,
            body: row.body,
            related: row.related,
            read: row.read != 0,
            deleted: row.deleted != 0,
            at: row.at.map(|at| self.utc(timed.0, at)),
        };
        Ok(rows.into_iter().map(made).collect())
    }

    /// Reads all rows of a query that goes on behind an id.
    async fn pages<T: FromRow>(&self, text: &str, whole: usize, id: impl Fn(&T) -> i64) -> Result<Vec<T>, Error> {
        let (mut found, mut behind) = (Vec::new(), BEFORE);
        loop {
            let page: Vec<T> = rows(&self.db, text, [behind.into()]).await?;
            let is_last = page.len() < whole;
            behind = page.last().map_or(i64::MAX, &id);
            found.extend(page);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Returns a time as a column of a table holds it, in UTC.
    fn utc(&self, table: &Table, at: i64) -> i64 {
        if table.is_number(field::TIME) {
            old::millis(at)
        } else if table.is_wall_clock(field::TIME) {
            at - self.offset
        } else {
            at
        }
    }
}

fn page(table: &Table, alias: &str, columns: &[String], rows: usize) -> String {
    let columns = columns.join(", ");
    format!("SELECT {columns} FROM {} {alias} WHERE {alias}.id > ? ORDER BY {alias}.id LIMIT {rows}", table.quoted())
}

async fn rows<T: FromRow>(
    db: &Database,
    text: &str,
    values: impl IntoIterator<Item = Value> + Send,
) -> Result<Vec<T>, Error> {
    (&db.readers).rows(text, values).await.map_err(error)
}

fn message(row: MessageRow) -> OldMessage {
    OldMessage {
        id: row.id,
        thread: row.thread,
        sender: row.sender,
        receiver: row.receiver,
        text: row.text,
        images: old::images(row.images.as_deref()),
        product: row.product.or_else(|| old::product(row.extra.as_deref())),
        seen: row.seen != 0,
        deleted: row.deleted != 0,
    }
}
