//! What was imported, and what was left out and why: counts, with examples by id, and no text of any message.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_database::change::Imported;

/// How many examples a line has.
const EXAMPLES: usize = 5;

/// Why something was left out, or is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// A thread without messages.
    NoMessages,
    /// A thread whose members are not two users.
    NotTwoUsers,
    /// A thread of a user with that same user.
    WithOneself,
    /// A message whose thread is not there.
    NoThread,
    /// A message of a thread that was left out.
    ThreadOfNoPair,
    /// A message whose author is no member of its thread.
    Stranger,
    /// A message of which nothing is left.
    Empty,
    /// The end of a text that is longer than a database holds.
    LongText,
    /// The time of a message that has none.
    NoTime,
    /// An image, for there is no uploads folder.
    NoUploads,
    /// An image whose file is not there.
    NoFile,
    /// An image whose address leads out of the uploads folder.
    OutsideUploads,
    /// An image that is none.
    NoImage,
    /// An image that is larger than the hub takes.
    LargeImage,
    /// An image that is damaged.
    BrokenImage,
    /// A notification whose user is none.
    NotificationOfNoUser,
    /// A notification that was deleted.
    DeletedNotification,
    /// A notification that told of a message.
    NotificationOfMessage,
    /// A notification without a text.
    EmptyNotification,
}

impl Reason {
    /// Returns the text of the report's line for it.
    fn text(self) -> &'static str {
        match self {
            Self::NoMessages => "threads without messages",
            Self::NotTwoUsers => "threads whose members are not two users",
            Self::WithOneself => "threads of a user with the same user",
            Self::NoThread => "messages whose thread is not there",
            Self::ThreadOfNoPair => "messages of threads that do not have two members",
            Self::Stranger => "messages whose author is no member of their thread",
            Self::Empty => "messages with neither text nor image nor product, or with none that can be brought over",
            Self::LongText => "ends of texts that are longer than 65,535 bytes; their messages were brought over",
            Self::NoTime => "times of messages that have none; they have the time of the message before them by id",
            Self::NoUploads => "images, for --uploads is not given; messages",
            Self::NoFile => "images whose file is not in the uploads folder; messages",
            Self::OutsideUploads => "images whose address leads out of the uploads folder; messages",
            Self::NoImage => "files that are none of JPEG, PNG, WebP and GIF; messages",
            Self::LargeImage => "images that are larger than CHAT_MAX_IMAGE… allows; messages",
            Self::BrokenImage => "images that are damaged; messages",
            Self::NotificationOfNoUser => "notifications without a user",
            Self::DeletedNotification => "notifications that were deleted",
            Self::NotificationOfMessage => "notifications of messages: the hub makes its own",
            Self::EmptyNotification => "notifications without a text",
        }
    }
}

/// A count, and some examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cases {
    count: u64,
    examples: Vec<i64>,
}

impl Cases {
    fn add(&mut self, id: i64) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(id);
        }
    }

    fn line(&self, what: &str) -> String {
        let examples: Vec<String> = self.examples.iter().map(i64::to_string).collect();
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        format!("{} {what}: {}{more}", self.count, examples.join(", "))
    }
}

/// What a run has done, or would have done as a dry run.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether nothing was written.
    pub is_dry: bool,
    /// Threads that were made.
    pub threads: u64,
    /// Messages that were imported.
    pub messages: u64,
    /// Images that were imported.
    pub images: u64,
    /// Notifications that were imported.
    pub notifications: u64,
    /// Messages that were there already.
    pub messages_there: u64,
    /// Notifications that were there already.
    pub notifications_there: u64,
    /// How long it took.
    pub took: Duration,
    deleted: u64,
    merged: Cases,
    new_ids: Cases,
    new_notification_ids: u64,
    unread_again: Cases,
    later: Cases,
    left_out: BTreeMap<Reason, Cases>,
}

impl Report {
    pub(super) fn new(is_dry: bool) -> Self {
        Self { is_dry, ..Self::default() }
    }

    pub(super) fn left_out(&mut self, reason: Reason, id: i64) {
        self.left_out.entry(reason).or_default().add(id);
    }

    pub(super) fn merged(&mut self, thread: i64) {
        self.merged.add(thread);
    }

    pub(super) fn message(&mut self, old: i64, keeps_id: bool, deleted: bool, imported: Imported) {
        self.messages += 1;
        self.threads += u64::from(imported.opened);
        self.deleted += u64::from(deleted);
        for (cases, is_one) in [
            (&mut self.new_ids, !keeps_id),
            (&mut self.unread_again, imported.unread_again),
            (&mut self.later, imported.later),
        ] {
            if is_one {
                cases.add(old);
            }
        }
    }

    pub(super) fn notification(&mut self, keeps_id: bool) {
        self.notifications += 1;
        self.new_notification_ids += u64::from(!keeps_id);
    }

    /// Returns the report as lines of text.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let Self { threads, messages, images, notifications, .. } = self;
        let done = if self.is_dry { "would be brought over" } else { "brought over" };
        let mut lines = vec![format!(
            "{done}: {threads} threads, {messages} messages ({} of them deleted), {images} images, {notifications} notifications",
            self.deleted
        )];
        if self.messages_there + self.notifications_there > 0 {
            let (messages, notifications) = (self.messages_there, self.notifications_there);
            lines.push(format!("there already: {messages} messages, {notifications} notifications"));
        }
        let cases = [
            (&self.merged, "old threads were merged with another one of the same two users"),
            (&self.new_ids, "messages have a new id, for the hub has given out their own"),
            (&self.unread_again, "messages that were seen are unread again, for one before them was not seen"),
            (&self.later, "messages have the time of the message before them, which is later than their own"),
        ];
        lines.extend(cases.into_iter().filter(|(cases, _)| cases.count > 0).map(|(cases, what)| cases.line(what)));
        if self.new_notification_ids > 0 {
            lines.push(format!("{} notifications have a new id", self.new_notification_ids));
        }
        let left_out = self.left_out.iter();
        lines.extend(left_out.map(|(reason, cases)| format!("left out: {}", cases.line(reason.text()))));
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = *messages as f64 / seconds.max(0.001);
        lines.push(format!("took {seconds:.1} s, {rate:.0} messages a second"));
        if self.is_dry {
            lines.push("this was a dry run: nothing was written".to_owned());
        }
        lines
    }
}
