//! Reads the old tables a part at a time, so that the old server need not hold a long statement open.

use std::collections::{HashMap, HashSet, VecDeque};

use sea_orm::Value;

use super::layout::{self, COLUMNS, ColumnRow, Layout, Table, field};
use super::old::{self, OldMessage, OldNotification, OldThread};
use crate::connect::{Location, Options, Server, ServerKind};
use crate::driver_error::error;
use crate::rows::{FromRow, Reads as _, row};
use crate::{Database, Error};

/// How many rows are read at a time where they are small; and how many of the largest.
const SMALL_ROWS: usize = 50_000;
const LARGE_ROWS: usize = 500;

/// How many notifications are read at a time: their texts may be long.
const NOTIFICATIONS: usize = 2_000;

/// A number below every id.
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
        shares_id: i64,
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
    /// By how many milliseconds its local times are ahead of UTC.
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
        let text = page(table, "t", &columns, SMALL_ROWS);
        let rows = self.pages::<ThreadRow>(&text, SMALL_ROWS, |row| row.id).await?;
        Ok(rows.into_iter().map(|ThreadRow { id, user1, user2 }| OldThread { id, user1, user2 }).collect())
    }

    /// Reads when all messages were written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn moments(&self) -> Result<Moments, Error> {
        let table = self.layout.messages()?;
        let columns = [table.number("m", field::ID), table.number("m", field::THREAD), table.time("m", field::TIME)];
        let text = page(table, "m", &columns, SMALL_ROWS);
        let mut moments = Moments::default();
        let mut before = 0;
        for row in self.pages::<MomentRow>(&text, SMALL_ROWS, |row| row.id).await? {
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
        let places = ["?"; LARGE_ROWS].join(", ");
        let text = format!("SELECT {} FROM {} m WHERE m.id IN ({places})", columns.join(", "), table.quoted());
        let mut messages = HashMap::with_capacity(ids.len());
        for part in ids.chunks(LARGE_ROWS) {
            let last = part.last().copied().unwrap_or_default();
            let asked = part.iter().copied().chain(std::iter::repeat(last)).take(LARGE_ROWS).map(Value::from);
            let rows = rows::<MessageRow>(&self.db, &text, asked.collect::<Vec<_>>()).await?;
            messages.extend(rows.into_iter().map(|row| (row.id, message(row))));
        }
        Ok(messages)
    }

    /// Returns the notifications: of `notifications`, of `user_notifications`, or of both, where the latter may give those
    /// of the former to users.
    #[must_use]
    pub fn notifications(&self) -> Notifications<'_> {
        Notifications { source: self, parts: self.parts().into(), place: None }
    }

    /// Returns the highest id of a notification up to `most`; 0 if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn highest_notification(&self, most: i64) -> Result<i64, Error> {
        let mut highest = 0;
        for Part { table, .. } in self.parts().into_iter().filter(|part| part.table.has(field::ID)) {
            let text = format!("SELECT CAST(MAX(id) AS SIGNED) FROM {} WHERE id BETWEEN 1 AND ?", table.quoted());
            let found = rows::<Option<i64>>(&self.db, &text, [most.into()]).await?;
            highest = found.into_iter().flatten().fold(highest, i64::max);
        }
        Ok(highest)
    }

    /// Returns the tables that give notifications to users.
    fn parts(&self) -> Vec<Part<'_>> {
        let texts = self.layout.table(&[layout::NOTIFICATIONS]);
        let given = self.layout.table(&[layout::USER_NOTIFICATIONS]).filter(|table| table.has(field::OWNER));
        let first = texts.filter(|table| table.has(field::OWNER));
        let second = given.map(|table| Part {
            table,
            texts: texts.filter(|texts| table.has(field::NOTIFICATION) && texts.has(field::ID)),
            before: first.filter(|before| before.has(field::ID) && table.has(field::ID)),
        });
        first.map(|table| Part { table, texts: None, before: None }).into_iter().chain(second).collect()
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

    /// Makes a notification of a row.
    fn notification(&self, part: Part<'_>, row: NotificationRow) -> OldNotification {
        OldNotification {
            table: part.table.name.clone(),
            id: row.id,
            of: row.of,
            user: row.user,
            kind: row.kind,
            title: row.title,
            body: row.body,
            related: row.related,
            read: row.read != 0,
            deleted: row.deleted != 0,
            at: row.at.map(|at| self.utc(part.timed().0, at)),
            shares_id: row.shares_id != 0,
        }
    }

    /// Returns a time of a table's column in UTC.
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

/// A table that gives notifications to users.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    table: &'a Table,
    /// Another table, which has the texts.
    texts: Option<&'a Table>,
    /// Another table, which is read first, and may have given out the same ids.
    before: Option<&'a Table>,
}

impl Part<'_> {
    /// Returns the statement that reads a page. Its parameter is the id behind which it goes on, or how many rows were read
    /// where rows have no id; these are sorted by all that tells one of them from another.
    fn text(&self) -> String {
        let Self { table, texts, before } = self;
        let (said, alias) = texts.map_or((*table, "u"), |texts| (texts, "n"));
        let timed = self.timed();
        let shared = before.map_or_else(
            || "CAST(0 AS SIGNED)".to_owned(),
            |before| format!("CAST(EXISTS (SELECT 1 FROM {} o WHERE o.id = u.id) AS SIGNED)", before.quoted()),
        );
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
            shared,
        ];
        let joined = texts.map_or_else(String::new, |texts| {
            format!(" JOIN {} n ON n.id = {}", texts.quoted(), table.number("u", field::NOTIFICATION))
        });
        let select = format!("SELECT {} FROM {} u{joined}", columns.join(", "), table.quoted());
        if table.has(field::ID) {
            format!("{select} WHERE u.id > ? ORDER BY u.id LIMIT {NOTIFICATIONS}")
        } else {
            format!("{select} ORDER BY 2, 3, 8, 9, 10 LIMIT {NOTIFICATIONS} OFFSET ?")
        }
    }

    /// Returns the table that says when, and its alias.
    fn timed(&self) -> (&Table, &'static str) {
        match self.texts {
            Some(texts) if !self.table.has(field::TIME) => (texts, "n"),
            _ => (self.table, "u"),
        }
    }
}

/// Notifications, read a page at a time, so that however many there are take no more memory.
#[derive(Debug)]
pub struct Notifications<'a> {
    source: &'a Source,
    /// The tables that are not read to their ends.
    parts: VecDeque<Part<'a>>,
    /// Where the first of them is to be gone on with; `None`: at its beginning.
    place: Option<i64>,
}

impl Notifications<'_> {
    /// Reads the next ones of a table, at most 2,000; `None`: there are no more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn next(&mut self) -> Result<Option<Vec<OldNotification>>, Error> {
        while let Some(part) = self.parts.front() {
            let has_ids = part.table.has(field::ID);
            let place = self.place.unwrap_or(if has_ids { BEFORE } else { 0 });
            let page = rows::<NotificationRow>(&self.source.db, &part.text(), [place.into()]).await?;
            let last = page.last().map_or(BEFORE, |row| row.id.unwrap_or(i64::MAX));
            let read = place + i64::try_from(page.len()).unwrap_or_default();
            let made = page.into_iter().map(|row| self.source.notification(*part, row)).collect::<Vec<_>>();
            if made.len() < NOTIFICATIONS {
                self.parts.pop_front();
                self.place = None;
            } else {
                self.place = Some(if has_ids { last } else { read });
            }
            if !made.is_empty() {
                return Ok(Some(made));
            }
        }
        Ok(None)
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
