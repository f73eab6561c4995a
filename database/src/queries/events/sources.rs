//! A span of the commit log, and the tables that tell what happened in it.
//!
//! Ids of messages are given out in the order of commits, so the messages that a span created stand together in the primary key.
//! All else is found by the threads and users that the log's entries name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};

use crate::Error;
use crate::backend::column::Kind;
use crate::commit::CHAT;
use crate::driver_error::DriverError;
use crate::entities::{chat_message, hub_commit, hub_state};
use crate::events::{EventPosition, EventRef};
use crate::history::Nonce;
use crate::ids::{CommitNo, MessageId, NotificationId, Pair, Rev, Seq, ThreadId, UserId};
use crate::queries::threads::ThreadRow;
use crate::rows::{Reads, row};
use crate::sql;

/// How many entries of the log a span has at the most, and how many threads and users they name together, unless one alone names
/// more.
const ENTRIES: u64 = 200;
const TOUCHED: usize = 1_000;

/// How many new messages are read at a time, and how many a span has at the most, unless one commit alone has more.
const AT_A_TIME: u64 = 600;
const NEW_MESSAGES: usize = 1_200;

/// What happened, and its position.
pub(super) type Positioned = (EventPosition, EventRef);

row! {
    /// An entry of the log, as the database holds it.
    struct EntryRow {
        commit_no: i64,
        nonce: i64,
        at: i64,
        newest_at: Option<i64>,
        threads: String,
        users: String,
    }
}

/// An entry of the log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) no: i64,
    pub(super) nonce: Nonce,
    /// The newest time that it wrote, which goes back in no later entry; in an entry of an earlier release, the database's clock.
    pub(super) at: i64,
    threads: Vec<(i64, i64, i64)>,
    users: Vec<i64>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = Error;

    fn try_from(row: EntryRow) -> Result<Self, Error> {
        let damaged = |_| Error::Refused(format!("entry {} of the commit log is damaged", row.commit_no));
        let threads = serde_json::from_str(&row.threads).map_err(damaged)?;
        let users = serde_json::from_str(&row.users).map_err(damaged)?;
        let at = row.newest_at.unwrap_or(row.at);
        Ok(Self { no: row.commit_no, nonce: Nonce::from_column(row.nonce), at, threads, users })
    }
}

/// Reads the log from a commit on.
pub(super) async fn log(db: &mut impl Reads, first: i64) -> Result<Result<Vec<Entry>, Error>, DriverError> {
    use hub_commit::Column::{At, CommitNo, NewestAt, Nonce, Threads, Users};

    let query = Query::select()
        .columns([CommitNo, Nonce, At, NewestAt, Threads, Users])
        .from(hub_commit::Entity)
        .and_where(Expr::col(CommitNo).gte(first))
        .order_by(CommitNo, Order::Asc)
        .limit(ENTRIES)
        .take();
    let rows: Vec<EntryRow> = db.select(&query).await?;
    Ok(rows.into_iter().map(Entry::try_from).collect())
}

/// Returns the oldest commit of the log; the next one that there will be, if the log is empty.
pub(super) async fn oldest(db: &mut impl Reads) -> Result<i64, DriverError> {
    let first = Query::select()
        .column(hub_commit::Column::CommitNo)
        .from(hub_commit::Entity)
        .order_by(hub_commit::Column::CommitNo, Order::Asc)
        .limit(1)
        .take();
    let oldest: Option<i64> = match db.select_one(&first).await? {
        Some(oldest) => Some(oldest),
        None => {
            let newest = Query::select()
                .column(hub_state::Column::CommitNo)
                .from(hub_state::Entity)
                .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
                .take();
            db.select_one::<i64>(&newest).await?.map(|newest| newest + 1)
        }
    };
    Ok(oldest.unwrap_or(1))
}

/// Returns the members of threads.
pub(super) async fn members(
    db: &mut impl Reads,
    threads: impl Iterator<Item = ThreadId>,
) -> Result<HashMap<ThreadId, Pair>, DriverError> {
    let asked = each_once(threads.map(ThreadId::column));
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let set = db.backend().dialect().json_table("j", &[("id", Kind::Number)]);
    let text = format!("SELECT t.id, t.user1_id, t.user2_id FROM {set} JOIN chat_threads t ON t.id = j.id");
    let rows: Vec<ThreadRow> = db.rows(&text, [sql::json(&asked)]).await?;
    Ok(rows.iter().filter_map(ThreadRow::members).collect())
}

/// Returns rows of one column, each value once.
pub(super) fn each_once(values: impl Iterator<Item = i64>) -> Vec<(i64,)> {
    values.collect::<BTreeSet<_>>().into_iter().map(|value| (value,)).collect()
}

row! {
    /// A message as its commit made it.
    struct CreatedRow of chat_message {
        id: i64 = Id,
        thread_id: i64 = ThreadId,
        seq: i64 = Seq,
        created_rev: i64 = CreatedRev,
        created_commit: i64 = CreatedCommit,
    }
}

row! {
    /// A message or a notification, and the commit that made it.
    struct MadeRow {
        id: i64,
        created_commit: i64,
    }
}

row! {
    struct AmendedRow {
        thread_id: i64,
        rev: i64,
        message_id: i64,
        commit_no: i64,
        newest_rev: i64,
        deleted_at: Option<i64>,
    }
}

row! {
    struct SeenRow {
        thread_id: i64,
        user_id: i64,
        read_seq: i64,
        read_commit: i64,
    }
}

/// What a span created, and its newest message.
pub(super) struct Created {
    pub(super) event_refs: Vec<Positioned>,
    pub(super) newest: u64,
}

/// Whole commits one after another.
pub(super) struct Span {
    pub(super) entries: Vec<Entry>,
    /// The commit before the first.
    before: i64,
    pub(super) last: i64,
}

impl Span {
    /// Takes the first of some entries, of which there is one at least.
    pub(super) fn of(mut entries: Vec<Entry>, first: i64) -> Self {
        let mut touched = 0;
        let fit = entries.iter().take_while(|entry| {
            touched += entry.threads.len() + entry.users.len();
            touched <= TOUCHED
        });
        let fit = fit.count().max(1);
        entries.truncate(fit);
        let last = entries.last().map_or(first, |entry| entry.no);
        Self { entries, before: first - 1, last }
    }

    /// Reads the messages that the span created, and the threads with them. Ends the span earlier if they are many. `known` is
    /// the newest message of a reader, and whether the reader stands at the end of a commit.
    pub(super) async fn created(
        &mut self,
        db: &mut impl Reads,
        known: (u64, bool),
        top: i64,
    ) -> Result<Created, DriverError> {
        if self.entries.iter().all(|entry| entry.threads.is_empty()) {
            return Ok(Created { event_refs: Vec::new(), newest: known.0 });
        }
        let mut above = match known {
            (known, true) if known > 0 => known.cast_signed(),
            _ => newest_up_to(db, self.before, top).await?,
        };
        let start = above;
        let mut rows: Vec<CreatedRow> = Vec::new();
        loop {
            let query = Query::select()
                .columns(CreatedRow::COLUMNS.iter().copied())
                .from(chat_message::Entity)
                .and_where(Expr::col(chat_message::Column::Id).gt(above))
                .order_by(chat_message::Column::Id, Order::Asc)
                .limit(AT_A_TIME)
                .take();
            let page: Vec<CreatedRow> = db.select(&query).await?;
            let whole = page.len() as u64 == AT_A_TIME;
            above = page.last().map_or(above, |row| row.id);
            rows.extend(page.into_iter().filter(|row| row.created_commit > self.before));
            let reached = rows.last().map_or(self.before, |row| row.created_commit);
            if !whole || reached > self.last {
                break;
            }
            if rows.len() > NEW_MESSAGES && reached > self.before + 1 {
                // The commit of the last message may have more of them.
                self.end_at(reached - 1);
                break;
            }
        }
        rows.retain(|row| row.created_commit <= self.last);
        let newest = rows.last().map_or(start, |row| row.id).unsigned_abs();
        Ok(Created { event_refs: rows.iter().flat_map(created).collect(), newest })
    }

    /// Reads the edits and deletions of the span. A deletion can always be told from an edit: it is a message's last
    /// change.
    pub(super) async fn amended(&self, db: &mut impl Reads) -> Result<Vec<Positioned>, DriverError> {
        let Some(threads) = self.threads() else { return Ok(Vec::new()) };
        let dialect = db.backend().dialect();
        let set = dialect.json_table("j", &[("id", Kind::Number)]);
        let table = dialect.with_index("chat_amendments a", "chat_amendments_commit");
        let text = format!(
            "SELECT a.thread_id, a.rev, a.message_id, a.commit_no, m.rev, m.deleted_at FROM {set} \
             JOIN {table} ON a.thread_id = j.id AND a.commit_no > ? AND a.commit_no <= ? \
             JOIN chat_messages m ON m.id = a.message_id"
        );
        let rows: Vec<AmendedRow> = db.rows(&text, [threads, self.before.into(), self.last.into()]).await?;
        Ok(rows.iter().map(amended).collect())
    }

    /// Reads the watermarks that moved in the span, and not again since.
    pub(super) async fn seen(&self, db: &mut impl Reads) -> Result<Vec<Positioned>, DriverError> {
        let Some(threads) = self.threads() else { return Ok(Vec::new()) };
        let set = db.backend().dialect().json_table("j", &[("id", Kind::Number)]);
        let text = format!(
            "SELECT s.thread_id, s.user_id, s.read_seq, s.read_commit FROM {set} \
             JOIN chat_message_status s ON s.thread_id = j.id WHERE s.read_commit > ? AND s.read_commit <= ?"
        );
        let rows: Vec<SeenRow> = db.rows(&text, [threads, self.before.into(), self.last.into()]).await?;
        Ok(rows.iter().map(seen).collect())
    }

    /// Reads the notifications of the marketplace that the span created.
    pub(super) async fn notified(&self, db: &mut impl Reads) -> Result<Vec<Positioned>, DriverError> {
        let users = each_once(self.entries.iter().flat_map(|entry| entry.users.iter().copied()));
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let dialect = db.backend().dialect();
        let set = dialect.json_table("j", &[("id", Kind::Number)]);
        let text = format!(
            "SELECT n.id, n.created_commit FROM {set} JOIN notifications n ON n.user_id = j.id AND n.commit_no > ? \
             WHERE n.created_commit > ? AND n.created_commit <= ? AND n.type <> '{CHAT}'"
        );
        let values = [sql::json(&users), self.before.into(), self.before.into(), self.last.into()];
        let rows: Vec<MadeRow> = db.rows(&text, values).await?;
        let placed = |row: MadeRow| {
            let position = position(row.created_commit, 2, row.id, 0);
            (position, EventRef::NotificationCreated(NotificationId::from_column(row.id)))
        };
        Ok(rows.into_iter().map(placed).collect())
    }

    /// Ends it with an earlier commit.
    fn end_at(&mut self, last: i64) {
        self.entries.retain(|entry| entry.no <= last);
        self.last = last;
    }

    /// Returns the touched threads as a parameter, if there are any.
    fn threads(&self) -> Option<sea_orm::Value> {
        let touched: BTreeMap<i64, ()> =
            self.entries.iter().flat_map(|entry| &entry.threads).map(|(id, ..)| (*id, ())).collect();
        let rows: Vec<(i64,)> = touched.into_keys().map(|id| (id,)).collect();
        (!rows.is_empty()).then(|| sql::json(&rows))
    }
}

/// Finds the newest message that was created up to a commit: from the newest of all down by growing steps, then between.
async fn newest_up_to(db: &mut impl Reads, commit: i64, top: i64) -> Result<i64, DriverError> {
    let (mut low, mut high, mut step) = (0_i64, top, 0_i64);
    while high > 0 {
        match below(db, Ord::max(high - step, 0)).await? {
            None => break,
            Some(row) if row.created_commit <= commit => {
                low = Ord::max(high - step, row.id);
                break;
            }
            Some(row) => high = row.id - 1,
        }
        step = Ord::max(step * 4, 32);
    }
    while low < high {
        let middle = low + (high - low + 1) / 2;
        match below(db, middle).await? {
            Some(row) if row.created_commit > commit => high = row.id - 1,
            _ => low = middle,
        }
    }
    Ok(low)
}

async fn below(db: &mut impl Reads, id: i64) -> Result<Option<MadeRow>, DriverError> {
    let query = Query::select()
        .columns([chat_message::Column::Id, chat_message::Column::CreatedCommit])
        .from(chat_message::Entity)
        .and_where(Expr::col(chat_message::Column::Id).lte(id))
        .order_by(chat_message::Column::Id, Order::Desc)
        .limit(1)
        .take();
    db.select_one(&query).await
}

/// Returns the events of a message: a thread's creation comes before its first message.
fn created(row: &CreatedRow) -> impl Iterator<Item = Positioned> + use<> {
    let thread = ThreadId::from_column(row.thread_id);
    let opened =
        (row.seq == 1).then(|| (position(row.created_commit, 0, row.thread_id, 0), EventRef::ThreadCreated(thread)));
    let stored = EventRef::MessageCreated(thread, MessageId::from_column(row.id));
    opened.into_iter().chain([(position(row.created_commit, 0, row.thread_id, row.created_rev), stored)])
}

fn amended(row: &AmendedRow) -> Positioned {
    let (thread, message) = (ThreadId::from_column(row.thread_id), MessageId::from_column(row.message_id));
    let rev = Rev::from_column(row.rev);
    let deleted = row.deleted_at.is_some() && row.rev == row.newest_rev;
    let event_ref = if deleted {
        EventRef::MessageDeleted(thread, message, rev)
    } else {
        EventRef::MessageUpdated(thread, message, rev)
    };
    (position(row.commit_no, 0, row.thread_id, row.rev), event_ref)
}

fn seen(row: &SeenRow) -> Positioned {
    let (thread, user) = (ThreadId::from_column(row.thread_id), UserId::from_column(row.user_id));
    let event_ref = EventRef::ThreadSeen(thread, user, Seq::from_column(row.read_seq));
    (position(row.read_commit, 1, row.thread_id, row.user_id), event_ref)
}

fn position(commit: i64, class: u8, object: i64, part: i64) -> EventPosition {
    EventPosition {
        commit: CommitNo::from_column(commit),
        class,
        object: object.unsigned_abs(),
        part: part.unsigned_abs(),
    }
}
