//! A backlog: the keys of what has changed, small enough to be kept while its reader is slow.

use std::collections::{HashMap, VecDeque};

use super::changed::{ChangedMessage, ChangedNotification, ChangedWatermarks, Changes, Page};
use super::read::{self, NotificationKey};
use crate::driver_error::DriverError;
use crate::ids::{CommitNo, NotificationId, Rev, ThreadId, UserId};
use crate::message_rows::{MessageKey, StoredMessage};
use crate::rows::Reads;
use crate::size::{PAGE, Room, Size};

/// How many items are read at a time; those that do not fit are read again later.
const AT_A_TIME: usize = 16;

/// The most bytes that a member's watermarks take.
const RECEIPT: usize = 400;

/// The keys of what has changed for a user, oldest change first.
///
/// The items are read when they are [taken](super::next), in their present state. All keys were looked up in one snapshot,
/// so none is missing.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    names: VecDeque<Name>,
    head: CommitNo,
    stale: bool,
    live: bool,
}

/// The key of something that changed.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) commit: i64,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Message(MessageKey),
    Watermarks(Box<ChangedWatermarks>),
    Notification(NotificationKey),
}

impl What {
    fn named(&self) -> Option<&MessageKey> {
        if let Self::Message(name) = self { Some(name) } else { None }
    }

    fn message(&self) -> Option<i64> {
        if let Self::Message(name) = self { Some(name.id) } else { None }
    }

    fn notification(&self) -> Option<i64> {
        if let Self::Notification(key) = self { Some(key.id) } else { None }
    }
}

impl Backlog {
    /// Looks up everything of a user that changed; `None` if that is more than `most` things.
    pub(super) async fn find(
        db: &mut impl Reads,
        user: UserId,
        since: CommitNo,
        most: usize,
    ) -> Result<Option<Self>, DriverError> {
        let mut notifications = read::notifications_of_user(db, user, since, most).await?;
        if notifications.len() > most {
            return Ok(None);
        }
        let threads = read::changed_threads(db, user, since, most).await?;
        if threads.len() > most {
            return Ok(None);
        }
        let Some(messages) = read::changed_messages(db, &threads, since, most).await? else {
            return Ok(None);
        };
        let ids: Vec<(i64,)> = threads.iter().map(|thread| (thread.id,)).collect();
        let watermarks = read::watermarks(db, &ids, since).await?;
        if messages.len() + watermarks.len() + notifications.len() > most {
            return Ok(None);
        }
        let told = read::told_again(db, user, since, &ids, &notifications).await?;
        notifications.extend(told);
        let messages = messages.into_iter().map(|name| Name { commit: name.commit_no, what: What::Message(name) });
        let watermarks = watermarks
            .into_iter()
            .map(|one| Name { commit: one.commit.column(), what: What::Watermarks(Box::new(one)) });
        let notifications =
            notifications.into_iter().map(|key| Name { commit: key.commit_no, what: What::Notification(key) });
        Ok(Some(Self::new(messages.chain(watermarks).chain(notifications).collect(), since)))
    }

    /// Makes one of what was found after a commit.
    fn new(mut names: Vec<Name>, since: CommitNo) -> Self {
        names.sort_by_key(|name| name.commit);
        let head = names.last().map_or(since, |last| CommitNo::from_column(last.commit).max(since));
        Self { names: names.into(), head, stale: false, live: false }
    }

    /// Tells whether all of it has been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the newest commit of what was found: a reader that has taken everything has everything up to there, unless it
    /// [is stale](Backlog::is_stale).
    #[must_use]
    pub fn head(&self) -> CommitNo {
        self.head
    }

    /// Tells whether an item had changed again when it was to be taken, and was left out: it is found after
    /// [`Backlog::head`].
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Sorts it as if it were delivered live: a message that was created after `since` stands where it was created, in its
    /// present state, even if it has changed again since.
    #[must_use]
    pub fn as_live(mut self, since: CommitNo) -> Self {
        let place = |name: &Name| match &name.what {
            What::Message(message) if message.created_commit > since.column() => (message.created_commit, message.id),
            _ => (name.commit, 0),
        };
        self.names.make_contiguous().sort_by_key(place);
        self.live = true;
        self
    }

    /// Returns the latest change of each thread that is in it.
    #[must_use]
    pub fn marks(&self) -> HashMap<ThreadId, Rev> {
        let mut marks: HashMap<ThreadId, Rev> = HashMap::new();
        for message in self.names.iter().filter_map(|name| name.what.named()) {
            let mark = marks.entry(ThreadId::from_column(message.thread_id)).or_default();
            *mark = Rev::from_column(message.rev).max(*mark);
        }
        marks
    }

    /// Leaves out what is known already: each thread's changes up to a mark.
    pub fn forget(&mut self, known: &HashMap<ThreadId, Rev>) {
        self.names.retain(|name| {
            let known = |message: &MessageKey| {
                let mark = known.get(&ThreadId::from_column(message.thread_id));
                mark.is_some_and(|mark| message.rev <= mark.column())
            };
            !name.what.named().is_some_and(known)
        });
    }

    /// Takes the next items that fit into so many bytes.
    pub(super) async fn take(&mut self, db: &mut impl Reads, bytes: usize) -> Result<Changes, DriverError> {
        let (mut changes, mut room) = (Changes::default(), Room::of(bytes));
        while !self.names.is_empty() && self.take_some(db, AT_A_TIME, &mut room, &mut changes).await? {}
        if !self.live {
            changes.messages.sort_unstable_by_key(|one| (one.message.thread_id, one.message.rev));
        }
        Ok(changes)
    }

    /// Takes a page: whole commits, and one at least. The page ends with the commit of its `limit`th item, or before the commit that
    /// does not fit.
    pub(super) async fn page(&mut self, db: &mut impl Reads, limit: usize) -> Result<Page, DriverError> {
        let last = self.names.get(limit.saturating_sub(1)).map(|name| name.commit);
        let is_last_page = !last.is_some_and(|last| self.truncate_after(last));
        let mut changes = self.take(db, PAGE).await?;
        let Some(unfitting) = self.names.front().map(|name| name.commit) else {
            return Ok(Page::of(changes, last.filter(|_| !is_last_page)));
        };
        if let Some(before) = changes.commits().filter(|commit| commit.column() < unfitting).max() {
            changes.retain_up_to(before);
            return Ok(Page::of(changes, Some(before.column())));
        }
        // One commit alone is more than a page.
        let has_later = self.truncate_after(unfitting);
        changes.append(self.take(db, usize::MAX).await?);
        Ok(Page::of(changes, Some(unfitting).filter(|_| has_later || !is_last_page)))
    }

    /// Forgets the keys of all commits after this one; tells whether there were any.
    fn truncate_after(&mut self, commit: i64) -> bool {
        let end = self.names.partition_point(|name| name.commit <= commit);
        let has_later = end < self.names.len();
        self.names.truncate(end);
        has_later
    }

    /// Takes some of the next items; tells whether there is room for more.
    async fn take_some(
        &mut self,
        db: &mut impl Reads,
        most: usize,
        room: &mut Room,
        changes: &mut Changes,
    ) -> Result<bool, DriverError> {
        let next: Vec<Name> = self.names.drain(..most.min(self.names.len())).collect();
        let messages: Vec<(i64,)> = next.iter().filter_map(|name| Some((name.what.message()?,))).collect();
        let messages = read::messages(db, &messages).await?;
        let mut messages: HashMap<i64, StoredMessage> =
            messages.into_iter().map(|stored| (stored.row.id, stored)).collect();
        let asked: Vec<(i64,)> = next.iter().filter_map(|name| Some((name.what.notification()?,))).collect();
        let mut notifications = read::notifications(db, &asked).await?;
        let mut next = next.into_iter();
        while let Some(name) = next.next() {
            let fits = match &name.what {
                What::Message(message) => {
                    match messages.remove(&message.id).filter(|stored| self.live || stored.row.commit_no == name.commit)
                    {
                        None => {
                            self.stale = true;
                            continue;
                        }
                        Some(stored) => {
                            let fits = room.takes(&stored);
                            if fits {
                                changes.messages.push(read::changed(stored));
                            }
                            fits
                        }
                    }
                }
                What::Watermarks(watermarks) => {
                    let fits = room.takes(&**watermarks);
                    if fits {
                        changes.watermarks.push(**watermarks);
                    }
                    fits
                }
                What::Notification(key) => {
                    let notification = notifications.remove(&key.id);
                    let fits = room.takes(&notification);
                    if fits {
                        changes.notifications.push(ChangedNotification {
                            commit: CommitNo::from_column(name.commit),
                            created: CommitNo::from_column(key.created_commit),
                            id: NotificationId::from_column(key.id),
                            notification,
                        });
                    }
                    fits
                }
            };
            if !fits {
                let rest: Vec<Name> = std::iter::once(name).chain(next).collect();
                rest.into_iter().rev().for_each(|name| self.names.push_front(name));
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Size for ChangedWatermarks {
    fn size(&self) -> usize {
        RECEIPT
    }
}

impl Changes {
    /// Returns the commits of all changes.
    fn commits(&self) -> impl Iterator<Item = CommitNo> {
        let messages = self.messages.iter().map(|changed| changed.commit);
        let watermarks = self.watermarks.iter().map(|changed| changed.commit);
        messages.chain(watermarks).chain(self.notifications.iter().map(|changed| changed.commit))
    }

    fn retain_up_to(&mut self, end: CommitNo) {
        self.messages.retain(|changed| changed.commit <= end);
        self.watermarks.retain(|changed| changed.commit <= end);
        self.notifications.retain(|changed| changed.commit <= end);
    }

    fn append(&mut self, mut more: Self) {
        self.messages.append(&mut more.messages);
        self.watermarks.append(&mut more.watermarks);
        self.notifications.append(&mut more.notifications);
        self.messages.sort_unstable_by_key(|one: &ChangedMessage| (one.message.thread_id, one.message.rev));
    }
}
