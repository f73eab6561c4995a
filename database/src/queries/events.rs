//! What has happened, in the order of commits: read from the commit log and the tables, for there is no second log.

mod sources;

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};

use crate::driver_error::{DriverError, error};
use crate::entities::{hub_epoch, hub_state};
use crate::events::{Event, EventPosition, EventRef};
use crate::history::{CommitRef, Nonce};
use crate::ids::{CommitNo, MessageId, NotificationId, Pair, ThreadId};
use crate::objects::{Message, Notification};
use crate::queries::changes;
use crate::rows::{BinaryText, Reads, row};
use crate::size::{PAGE, Room, Size};
use crate::time::Timestamp;
use crate::{Database, Error, history};
use sources::{Entry, Span};

/// The most bytes that the names, numbers and times of an event take.
const FIELDS: usize = 400;

/// The position of a reader of events: the last event that it has, and the newest message up to there, if it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedPosition {
    /// The position of the last event that the reader has.
    pub event: EventPosition,
    /// The id of the newest message up to there, which spares a search for it; 0: unknown.
    pub newest_message: u64,
}

impl FeedPosition {
    /// Returns the position behind all events of a commit.
    #[must_use]
    pub const fn behind(commit: CommitNo) -> Self {
        Self { event: EventPosition::end_of(commit), newest_message: 0 }
    }
}

/// Events one after another, without a hole.
#[derive(Debug, Clone)]
pub struct Window {
    /// The events that were wanted.
    pub events: Vec<Event>,
    /// The position behind it.
    pub end: FeedPosition,
    /// The commit at its end; `None` if the log has nothing behind the reader.
    pub commit_ref: Option<CommitRef>,
    /// Whether there may be more behind it.
    pub has_more: bool,
}

/// What the log has behind a position.
#[derive(Debug, Clone)]
pub enum Found {
    /// What has happened.
    Window(Window),
    /// The log does not go back so far any more, or the position is beyond its end.
    Gone,
}

row! {
    /// How far the log and the messages go.
    struct HeadRow of hub_state {
        epoch: BinaryText = Epoch,
        commit_no: i64 = CommitNo,
        last_message_id: i64 = LastMessageId,
    }
}

row! {
    /// A name that the history had.
    struct NameRow of hub_epoch {
        epoch: BinaryText = Epoch,
        last_commit: i64 = LastCommit,
    }
}

/// The names of the history, by the commits that they stand for.
struct Names {
    present: Arc<str>,
    /// Last commit and name, ascending.
    earlier: Vec<(i64, Arc<str>)>,
}

impl Names {
    async fn read(db: &mut impl Reads, present: String) -> Result<Self, DriverError> {
        let names = Query::select().columns(NameRow::COLUMNS.iter().copied()).from(hub_epoch::Entity).take();
        let rows: Vec<NameRow> = db.select(&names).await?;
        let mut earlier: Vec<(i64, Arc<str>)> =
            rows.into_iter().map(|row| (row.last_commit, row.epoch.into_text().into())).collect();
        earlier.sort_unstable();
        Ok(Self { present: present.into(), earlier })
    }

    fn of(&self, commit: CommitNo) -> &Arc<str> {
        let at = self.earlier.partition_point(|(last, _)| *last < commit.column());
        self.earlier.get(at).map_or(&self.present, |(_, name)| name)
    }

    fn commit_ref(&self, commit: CommitNo, nonce: Nonce) -> CommitRef {
        CommitRef { epoch: Arc::clone(self.of(commit)), commit, nonce }
    }
}

/// Reads the events behind a position, `most` of those that are `wanted`. Looks at a bounded part of the log, so that there
/// may be more even if fewer were found.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn after(
    db: &Database,
    from: FeedPosition,
    most: usize,
    wanted: impl Fn(EventRef) -> bool + Send,
) -> Result<Found, Error> {
    // One snapshot: a message that changes while this is read would be in no window.
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let found = find(&mut snapshot, from, most, wanted).await.map_err(error)?;
    snapshot.close().await;
    found
}

async fn find(
    db: &mut impl Reads,
    from: FeedPosition,
    most: usize,
    wanted: impl Fn(EventRef) -> bool + Send,
) -> Result<Result<Found, Error>, DriverError> {
    let head = Query::select()
        .columns(HeadRow::COLUMNS.iter().copied())
        .from(hub_state::Entity)
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .take();
    let Some(head) = db.select_one::<HeadRow>(&head).await? else {
        return Ok(Err(Error::Refused("hub_state is empty".to_owned())));
    };
    let first = from.event.next_commit().column();
    if first > head.commit_no {
        let gone = first > head.commit_no + 1;
        let nothing = Window { events: Vec::new(), end: from, commit_ref: None, has_more: false };
        return Ok(Ok(if gone { Found::Gone } else { Found::Window(nothing) }));
    }
    let entries = match sources::log(db, first).await? {
        Ok(entries) => entries,
        Err(damaged) => return Ok(Err(damaged)),
    };
    if entries.first().is_none_or(|entry| entry.no != first) {
        return Ok(Ok(Found::Gone));
    }
    let mut span = Span::of(entries, first);
    let known = (from.newest_message, from.event.class >= EventPosition::END);
    let created = span.created(db, known, head.last_message_id).await?;
    let mut happened = created.event_refs;
    happened.extend(span.amended(db).await?);
    happened.extend(span.seen(db).await?);
    happened.extend(span.notified(db).await?);
    happened.retain(|(position, event_ref)| {
        *position > from.event && position.commit.column() <= span.last && wanted(*event_ref)
    });
    happened.sort_unstable_by_key(|(position, _)| *position);
    let full = happened.len() > most;
    happened.truncate(most);
    let end = match happened.last().filter(|_| full) {
        // The newest message up to the middle of a window is not known.
        Some((position, _)) => FeedPosition { event: *position, newest_message: 0 },
        None => FeedPosition {
            event: EventPosition::end_of(CommitNo::from_column(span.last)),
            newest_message: created.newest,
        },
    };
    let names = Names::read(db, head.epoch.into_text()).await?;
    let times: HashMap<i64, i64> = span.entries.iter().map(|entry| (entry.no, entry.at)).collect();
    let is_end = |entry: &&Entry| CommitNo::from_column(entry.no) == end.event.commit;
    let commit_ref = span.entries.iter().find(is_end).map(|entry| names.commit_ref(end.event.commit, entry.nonce));
    let event = |(position, event_ref): (EventPosition, EventRef)| Event {
        position,
        epoch: Arc::clone(names.of(position.commit)),
        at: Timestamp::from_millis(times.get(&position.commit.column()).copied().unwrap_or_default()),
        event_ref,
    };
    let events = happened.into_iter().map(event).collect();
    Ok(Ok(Found::Window(Window { events, end, commit_ref, has_more: full || span.last < head.commit_no })))
}

/// The objects of events, in their present state.
#[derive(Debug, Default)]
pub struct Objects {
    /// The members of threads.
    pub threads: HashMap<ThreadId, Pair>,
    /// Messages; a deleted one without its text and images.
    pub messages: HashMap<MessageId, Message>,
    /// Notifications that were not deleted.
    pub notifications: HashMap<NotificationId, Notification>,
}

/// Reads the objects of events.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn objects(db: &Database, of: &[EventRef]) -> Result<Objects, Error> {
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let objects = read_objects(&mut snapshot, of).await.map_err(error)?;
    snapshot.close().await;
    Ok(objects)
}

/// The object of one event.
struct Object<'a>(Option<&'a Message>, Option<&'a Notification>);

impl Size for Object<'_> {
    fn size(&self) -> usize {
        FIELDS + self.0.size() + self.1.size()
    }
}

impl Objects {
    /// Returns how many of the events, from the first on, have room in a page.
    #[must_use]
    pub fn fitting(&self, of: &[EventRef]) -> usize {
        let mut room = Room::of(PAGE);
        let object = |event_ref: &EventRef| {
            let notification = match event_ref {
                EventRef::NotificationCreated(id) => self.notifications.get(id),
                _ => None,
            };
            Object(event_ref.message().and_then(|id| self.messages.get(&id)), notification)
        };
        of.iter().position(|event_ref| !room.takes(&object(event_ref))).unwrap_or(of.len())
    }
}

async fn read_objects(db: &mut impl Reads, of: &[EventRef]) -> Result<Objects, DriverError> {
    let threads = sources::members(db, of.iter().filter_map(|event_ref| event_ref.thread())).await?;
    let ids = sources::each_once(of.iter().filter_map(|event_ref| event_ref.message()).map(MessageId::column));
    let messages = changes::messages(db, &ids).await?.into_iter().map(|stored| stored.message());
    let notified = of.iter().filter_map(|event_ref| match event_ref {
        EventRef::NotificationCreated(id) => Some(id.column()),
        _ => None,
    });
    let notifications = changes::notifications(db, &sources::each_once(notified)).await?.into_values();
    Ok(Objects {
        threads,
        messages: messages.map(|message| (message.id, message)).collect(),
        notifications: notifications.map(|notification| (notification.id, notification)).collect(),
    })
}

/// Returns the commit before the oldest entry that the log still has: a reader at that position can read on.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn oldest(db: &Database) -> Result<CommitRef, Error> {
    let head = history::head(db).await?;
    let mut readers = &db.readers;
    let oldest = sources::oldest(&mut readers).await.map_err(error)?;
    let names = Names::read(&mut readers, head.epoch.to_string()).await.map_err(error)?;
    // The log has no nonce to compare it with.
    Ok(names.commit_ref(CommitNo::from_column(oldest - 1), Nonce::default()))
}
