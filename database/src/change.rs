//! Changes: what can be written, and the outcome of each.
//!
//! ```text
//!  committed        a group commit that stands
//!  import           what is brought over from another service
//!  system_message   messages of the marketplace itself
//! ```

mod committed;
mod import;
mod system_message;

use crate::consumers::{Consumed, ConsumerChange};
use crate::ids::{MediaId, MessageId, NotificationId, Pair, ProductId, Rev, Seq, ThreadId, UserId};
use crate::objects::{Card, CardRef, Image, Message, Notification, Profile};
use crate::restrictions::AdminChange;
use crate::time::Timestamp;
pub use committed::{Committed, ThreadBefore};
pub use import::{Import, Imported, ImportedMessage, ImportedNotification, ReservedIds};
pub use system_message::{LocalText, SystemMessage};

/// One thing to write. A group commit is a list of them, applied in order.
#[derive(Debug, Clone)]
pub enum Change {
    /// A new message.
    Send(NewMessage),
    /// A new text for a message.
    Edit(Edit),
    /// The deletion of a message.
    Delete(Delete),
    /// "Received up to here" or "read up to here".
    Receipt(Receipt),
    /// A notification from the marketplace to one or many people.
    Notify(Notify),
    /// One notification was read.
    ReadNotification(OwnNotification),
    /// All notifications of a user were read, also those of type `chat`; the threads themselves stay as unread as they are.
    ReadAllNotifications(UserId),
    /// One notification is deleted.
    DeleteNotification(OwnNotification),
    /// When users were last connected, each user once; a later time that is stored already stays.
    LastSeen(Vec<(UserId, Timestamp)>),
    /// A ticket is being used.
    UseTicket(Ticket),
    /// Images whose renditions are about to be put into the store.
    Upload(Vec<Upload>),
    /// Images to give up: those that have expired by this time cannot be sent or seen any more.
    GiveUp(Vec<MediaId>, Timestamp),
    /// Images whose renditions have gone from the store.
    Forget(Vec<MediaId>),
    /// What the marketplace says of users; of each user the last one counts.
    PutProfiles(Vec<Profile>),
    /// Cards; one with a lower version than the present one is ignored.
    PutCards(Vec<Card>),
    /// A message of the marketplace itself.
    SystemMessage(SystemMessage),
    /// A change for consumers of events and webhooks.
    Consume(Box<ConsumerChange>),
    /// Something that another service had stored.
    Import(Box<Import>),
    /// An act of an operator.
    Administer(Box<AdminChange>),
}

impl Change {
    /// Returns the members of the thread that it is about.
    #[must_use]
    pub fn pair(&self) -> Option<Pair> {
        match self {
            Self::Send(send) => Some(send.pair),
            Self::Edit(edit) => Some(edit.pair),
            Self::Delete(delete) => Some(delete.pair),
            Self::Receipt(receipt) => Some(receipt.pair),
            Self::SystemMessage(message) => Some(message.pair),
            Self::Notify(_)
            | Self::ReadNotification(_)
            | Self::ReadAllNotifications(_)
            | Self::DeleteNotification(_)
            | Self::LastSeen(_)
            | Self::UseTicket(_)
            | Self::Upload(_)
            | Self::GiveUp(..)
            | Self::Forget(_)
            | Self::PutProfiles(_)
            | Self::PutCards(_)
            | Self::Consume(_)
            | Self::Import(_)
            | Self::Administer(_) => None,
        }
    }

    /// Tells whether it is refused if its user is suspended.
    pub(crate) fn needs_good_standing(&self) -> bool {
        matches!(self, Self::Send(_) | Self::Edit(_) | Self::Upload(_))
    }

    /// Returns when it arrived, if what it writes is in the order of time.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Send(send) => Some(send.at),
            Self::Edit(edit) => Some(edit.at),
            Self::Delete(delete) => Some(delete.at),
            Self::Receipt(receipt) => Some(receipt.at),
            Self::Notify(notify) => Some(notify.at),
            Self::SystemMessage(message) => Some(message.at),
            Self::Import(import) => import.at(),
            Self::ReadNotification(_)
            | Self::ReadAllNotifications(_)
            | Self::DeleteNotification(_)
            | Self::LastSeen(..)
            | Self::UseTicket(_)
            | Self::Upload(_)
            | Self::GiveUp(..)
            | Self::Forget(_)
            | Self::PutProfiles(_)
            | Self::PutCards(_)
            | Self::Consume(_)
            | Self::Administer(_) => None,
        }
    }
}

/// A new message.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The members of the thread. It is made if there is none yet, as far as the limit of new conversations allows.
    pub pair: Pair,
    /// The author; one of the pair.
    pub sender: UserId,
    /// The author's idempotency key, 1–128 bytes.
    pub temp_id: Option<String>,
    /// SHA-256 of what was sent: tells an honest repetition from another message under the same key.
    pub payload_hash: [u8; 32],
    /// The text.
    pub content: Option<String>,
    /// Uploaded images of the author, not yet attached, in order.
    pub media: Vec<MediaId>,
    /// The product that it is about.
    pub product_id: Option<ProductId>,
    /// The card that it shows. Without one it shows that of its product, if there is any.
    pub card: Option<CardRef>,
    /// The message of the same thread that it answers.
    pub reply_to: Option<MessageId>,
    /// When it arrived.
    pub at: Timestamp,
}

/// A new text for a message. Author and edit window were checked; that it still stands is checked in the commit.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The message.
    pub message: MessageId,
    /// The message's thread.
    pub pair: Pair,
    /// The new text.
    pub content: String,
    /// When the edit arrived.
    pub at: Timestamp,
}

/// The deletion of a message. The author was checked; that it still stands is checked in the commit.
#[derive(Debug, Clone)]
pub struct Delete {
    /// The message.
    pub message: MessageId,
    /// The message's thread.
    pub pair: Pair,
    /// When the deletion arrived.
    pub at: Timestamp,
}

/// A watermark moves.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The members of the thread.
    pub pair: Pair,
    /// The member whose watermark moves; one of the pair.
    pub user: UserId,
    /// The watermark that moves.
    pub kind: ReceiptKind,
    /// The place up to which it moves; `None`: the newest. The commit clamps it to the newest.
    pub up_to: Option<Seq>,
    /// When the receipt arrived.
    pub at: Timestamp,
}

/// One of the two watermarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptKind {
    /// A device has it.
    Delivered,
    /// A person has seen it. Raises delivered, too.
    Seen,
}

/// A notification from the marketplace.
#[derive(Debug, Clone)]
pub struct Notify {
    /// The receivers, 1–1,000 users, without repetition.
    pub users: Vec<UserId>,
    /// Its type (never `chat`).
    pub kind: String,
    /// The title: a line.
    pub title: String,
    /// The body: a paragraph.
    pub body: String,
    /// The thing it is about.
    pub related_id: Option<u64>,
    /// A user gets one notification per key, for ever.
    pub dedupe_key: Option<String>,
    /// When it arrived.
    pub at: Timestamp,
}

/// A notification, and whose it must be.
#[derive(Debug, Clone, Copy)]
pub struct OwnNotification {
    /// The notification.
    pub id: NotificationId,
    /// Its owner.
    pub user: UserId,
}

/// A ticket's identity.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// Its id (a UUID's text).
    pub id: String,
    /// From when on it need not be remembered.
    pub expires_at: Timestamp,
}

/// An image whose renditions are about to be put into the store.
///
/// Its row comes first, so that whatever is in the store has a row that the sweep finds. The uploader learns its id once
/// the renditions are there.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The user who uploads it.
    pub owner: UserId,
    /// What clients will see of it.
    pub image: Image,
    /// Under which key its renditions are in the store.
    pub object_key: String,
    /// When it was uploaded.
    pub at: Timestamp,
    /// From when on it is swept, unless it is sent before.
    pub expires_at: Timestamp,
}

/// The outcome of one [`Change`].
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The message was stored.
    Sent(Box<Sent>),
    /// The same message had been stored before.
    Duplicate(Box<Duplicate>),
    /// The key belongs to another message.
    TempIdConflict,
    /// The message would have begun a conversation, and its sender may begin none now: nothing was stored.
    NotOpened {
        /// The sender.
        sender: UserId,
    },
    /// There is no such card, or the message that it answers is not of this thread.
    NotFound(&'static str),
    /// The author may send nothing until then: nothing was stored.
    Suspended(Timestamp),
    /// This image is unknown, another user's or used already: nothing was stored.
    NoImage(MediaId),
    /// The text was changed.
    Edited(Edited),
    /// The message was deleted.
    Deleted(Deleted),
    /// The message to change is not there any more.
    Gone,
    /// Where the watermarks stand now.
    Watermarks(Watermarks),
    /// There is no such thread.
    NoThread,
    /// The notifications that were made; none for those who had the key already.
    Notified(Vec<Notification>),
    /// The notification was read or deleted, or all were read.
    NotificationsChanged,
    /// There is no such notification of that user.
    NoNotification,
    /// The times are noted.
    LastSeen,
    /// The ticket was good, and is used now.
    TicketUsed,
    /// The ticket had been used before.
    TicketReplayed,
    /// The ticket expired so long ago, by some clock, that it is not remembered whether it was used.
    TicketExpired,
    /// The images have rows.
    Uploaded,
    /// Those of the images that had expired, with their keys in the store.
    GivenUp(Vec<(MediaId, String)>),
    /// The images' rows are gone.
    Forgotten,
    /// The profiles stand.
    ProfilesPut(ProfilesPut),
    /// The cards that are new or have changed, ascending.
    CardsPut(Vec<CardRef>),
    /// The outcome of a change for consumers.
    Consumed(Consumed),
    /// It was imported.
    Imported(Imported),
    /// The operator's change stands; the number of rows that it was about.
    Administered(usize),
}

/// Which profiles changed. Unchanged ones are in neither list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfilesPut {
    /// The users whose profile is new or has changed, ascending.
    pub changed: Vec<UserId>,
    /// Those of them whose profile looks different to other users.
    pub seen: Vec<UserId>,
}

/// A stored message, and how its thread moved.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The message as it stands.
    pub message: Message,
    /// Whether this commit made the thread (said of its first message alone).
    pub opened: bool,
}

/// The first answer to a message that was sent again.
#[derive(Debug, Clone)]
pub struct Duplicate {
    /// The message in its present state.
    pub message: Message,
    /// The thread's change counter when it was created.
    pub created_rev: Rev,
}

/// A changed text.
#[derive(Debug, Clone)]
pub struct Edited {
    /// The message in its present state.
    pub message: Message,
}

/// A deleted message.
#[derive(Debug, Clone, Copy)]
pub struct Deleted {
    /// The message.
    pub id: MessageId,
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its place.
    pub seq: Seq,
    /// Its author; `None`: the marketplace itself.
    pub sender: Option<UserId>,
    /// The thread's change counter now.
    pub rev: Rev,
}

/// One member's watermarks after a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The thread.
    pub thread_id: ThreadId,
    /// The member whose watermarks they are.
    pub user: UserId,
    /// Received up to here.
    pub delivered_seq: Seq,
    /// Read up to here.
    pub read_seq: Seq,
    /// Messages of the other side above `read_seq` that are not deleted.
    pub unread: u64,
    /// Whether `delivered_seq` moved by this receipt.
    pub delivered_moved: bool,
    /// Whether `read_seq` moved by this receipt.
    pub read_moved: bool,
    /// When the watermark that the receipt is about last moved.
    pub at: Timestamp,
}
