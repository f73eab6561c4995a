//! The binary form of headers and contents, by `postcard`, which writes values one after the other and no names. So a
//! change of a type here, or of the order of its fields, gives the envelope another version; a test holds what is written.

mod cards;
mod users;

use chat_database::change::{Deleted, Edited, Outcome, Sent, ThreadBefore, Watermarks};
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, MediaId, MessageId, NotAnId, Pair, ProductId, Rev, Seq, ThreadId, UserId};
use chat_database::objects::{ExtraData, Image, Message, MessageKind};
use chat_database::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::commit::{Header, Malformed, ThreadContent, Touched};
use cards::WireCard;
pub(super) use users::WireUser;

/// Appends a value to bytes.
pub(super) fn encode(value: &impl Serialize, to: &mut Vec<u8>) {
    // Writing the types of this file into memory cannot fail.
    if let Ok(longer) = postcard::to_extend(value, std::mem::take(to)) {
        *to = longer;
    }
}

/// Reads a value, and returns the bytes behind it.
pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Malformed> {
    postcard::take_from_bytes(bytes).map_err(|_| Malformed)
}

/// A header.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireHeader<'a> {
    commit: u64,
    nonce: u32,
    epoch: &'a str,
    nonce_before: u32,
    newest: i64,
    threads: Vec<(u64, WirePair)>,
    users: Vec<u64>,
}

/// The number and the nonce of the commit that a content belongs to.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireName {
    pub(super) commit: u64,
    pub(super) nonce: u32,
}

/// An item of a content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireItem<'a> {
    #[serde(borrow)]
    Thread(WireThread<'a>),
    #[serde(borrow)]
    User(WireUser<'a>),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct WirePair(u64, u64);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireThread<'a> {
    pair: WirePair,
    thread: u64,
    rev: u64,
    commit: u64,
    #[serde(borrow)]
    outcomes: Vec<WireOutcome<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireOutcome<'a> {
    Sent {
        #[serde(borrow)]
        message: WireMessage<'a>,
        opened: bool,
    },
    Edited {
        #[serde(borrow)]
        message: WireMessage<'a>,
    },
    Deleted {
        message: u64,
        seq: u64,
        sender: u64,
        rev: u64,
    },
    Moved(WireWatermarks),
    /// A message with a card, or of the marketplace itself. A node of a release that does not know this variant reads the message
    /// from the database.
    SentWithMore {
        #[serde(borrow)]
        message: WireMessage<'a>,
        opened: bool,
        #[serde(borrow)]
        card: Option<WireCard<'a>>,
        #[serde(borrow)]
        texts: Vec<(u64, &'a str)>,
    },
}

/// A message without its card and its members' texts: a change of a message changes neither.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireMessage<'a> {
    id: u64,
    seq: u64,
    rev: u64,
    sender: u64,
    temp_id: Option<&'a str>,
    content: Option<&'a str>,
    #[serde(borrow)]
    images: Vec<WireImage<'a>>,
    extra_data: Option<Option<u64>>,
    reply_to: Option<u64>,
    created_at: i64,
    edited_at: Option<i64>,
    deleted: bool,
}

/// An image. Its links are the reader's own.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireImage<'a> {
    id: &'a str,
    width: u32,
    height: u32,
    bytes: u64,
    mime: &'a str,
    blurhash: &'a str,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireWatermarks {
    user: u64,
    delivered_seq: u64,
    read_seq: u64,
    unread: u64,
    delivered_moved: bool,
    read_moved: bool,
    at: i64,
}

impl<'a> WireHeader<'a> {
    pub(super) fn of(header: &'a Header) -> Self {
        let Header { commit_ref: CommitRef { epoch, commit, nonce }, nonce_before, newest, touched } = header;
        Self {
            commit: commit.0,
            nonce: nonce.0,
            epoch,
            nonce_before: nonce_before.0,
            newest: newest.millis(),
            threads: touched.threads.iter().map(|(thread, pair)| (thread.get(), (*pair).into())).collect(),
            users: touched.users.iter().map(|user| user.get()).collect(),
        }
    }

    pub(super) fn read(self) -> Result<Header, Malformed> {
        let threads = self.threads.into_iter().map(|(id, pair)| Ok((ThreadId::new(id)?, pair.read()?)));
        let threads = threads.collect::<Result<_, Malformed>>()?;
        let users = self.users.into_iter().map(UserId::new).collect::<Result<_, _>>()?;
        Ok(Header {
            commit_ref: CommitRef { epoch: self.epoch.into(), commit: CommitNo(self.commit), nonce: Nonce(self.nonce) },
            nonce_before: Nonce(self.nonce_before),
            newest: Timestamp::from_millis(self.newest),
            touched: Touched { threads, users },
        })
    }
}

impl From<Pair> for WirePair {
    fn from(pair: Pair) -> Self {
        let [low, high] = pair.members();
        Self(low.get(), high.get())
    }
}

impl WirePair {
    fn read(self) -> Result<Pair, Malformed> {
        Pair::new(UserId::new(self.0)?, UserId::new(self.1)?).ok_or(Malformed)
    }
}

impl<'a> WireThread<'a> {
    pub(super) fn new(before: &ThreadBefore, outcomes: Vec<WireOutcome<'a>>) -> Self {
        let ThreadBefore { pair, thread_id, rev, commit } = *before;
        Self { pair: pair.into(), thread: thread_id.get(), rev: rev.0, commit: commit.0, outcomes }
    }

    pub(super) fn read(self) -> Result<ThreadContent, Malformed> {
        let thread_id = ThreadId::new(self.thread)?;
        let (rev, commit) = (Rev(self.rev), CommitNo(self.commit));
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.read(thread_id)).collect::<Result<_, _>>()?;
        Ok(ThreadContent { before: ThreadBefore { pair: self.pair.read()?, thread_id, rev, commit }, outcomes })
    }
}

impl<'a> WireOutcome<'a> {
    /// Returns the form of an outcome; `None` if users of other nodes need not be told of it.
    pub(super) fn of(outcome: &'a Outcome) -> Option<Self> {
        match outcome {
            Outcome::Sent(sent) => {
                let (message, opened) = (WireMessage::of(&sent.message), sent.opened);
                if sent.message.card.is_none() && sent.message.sender_id.is_some() {
                    return Some(Self::Sent { message, opened });
                }
                let card = sent.message.card.as_deref().map(WireCard::of);
                let texts = sent.message.texts.iter().map(|(member, text)| (member.get(), text.as_str())).collect();
                Some(Self::SentWithMore { message, opened, card, texts })
            }
            Outcome::Edited(Edited { message }) => Some(Self::Edited { message: WireMessage::of(message) }),
            Outcome::Deleted(deleted) => Some(Self::Deleted {
                message: deleted.id.get(),
                seq: deleted.seq.0,
                sender: sender(deleted.sender),
                rev: deleted.rev.0,
            }),
            Outcome::Watermarks(moved) if moved.delivered_moved || moved.read_moved => {
                Some(Self::Moved(WireWatermarks::of(moved)))
            }
            // Nothing has happened in a thread.
            Outcome::Watermarks(_)
            | Outcome::Duplicate(_)
            | Outcome::TempIdConflict
            | Outcome::NotOpened { .. }
            | Outcome::NotFound(_)
            | Outcome::Suspended(_)
            | Outcome::NoImage(_)
            | Outcome::Gone
            | Outcome::NoThread
            | Outcome::Notified(_)
            | Outcome::NotificationsChanged
            | Outcome::NoNotification
            | Outcome::LastSeen
            | Outcome::TicketUsed
            | Outcome::TicketReplayed
            | Outcome::TicketExpired
            | Outcome::Uploaded
            | Outcome::GivenUp(_)
            | Outcome::Forgotten
            | Outcome::ProfilesPut(_)
            | Outcome::CardsPut(_)
            | Outcome::Consumed(_)
            | Outcome::Imported(_)
            | Outcome::Administered(_) => None,
        }
    }

    fn read(self, thread_id: ThreadId) -> Result<Outcome, Malformed> {
        Ok(match self {
            Self::Sent { message, opened } => {
                Outcome::Sent(Box::new(Sent { message: message.read(thread_id)?, opened }))
            }
            Self::SentWithMore { message, opened, card, texts } => {
                let card = card.map(WireCard::read).transpose()?.map(Box::new);
                let texts = texts.into_iter().map(|(member, text)| Ok((UserId::new(member)?, text.to_owned())));
                let texts = texts.collect::<Result<_, Malformed>>()?;
                let message = Message { card, texts, ..message.read(thread_id)? };
                Outcome::Sent(Box::new(Sent { message, opened }))
            }
            Self::Edited { message } => Outcome::Edited(Edited { message: message.read(thread_id)? }),
            Self::Deleted { message, seq, sender, rev } => Outcome::Deleted(Deleted {
                id: MessageId::new(message)?,
                thread_id,
                seq: Seq(seq),
                sender: read_sender(sender)?,
                rev: Rev(rev),
            }),
            Self::Moved(moved) => Outcome::Watermarks(moved.read(thread_id)?),
        })
    }
}

impl<'a> WireMessage<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            id: message.id.get(),
            seq: message.seq.0,
            rev: message.rev.0,
            sender: sender(message.sender_id),
            temp_id: message.temp_id.as_deref(),
            content: message.content.as_deref(),
            images: message.images.iter().map(WireImage::of).collect(),
            extra_data: message.extra_data.map(|extra| extra.product_id.map(ProductId::get)),
            reply_to: message.reply_to.map(MessageId::get),
            created_at: message.created_at.millis(),
            edited_at: message.edited_at.map(Timestamp::millis),
            deleted: message.deleted,
        }
    }

    fn read(self, thread_id: ThreadId) -> Result<Message, Malformed> {
        let sender_id = read_sender(self.sender)?;
        let extra_data = |product: Option<u64>| Ok(ExtraData { product_id: product.map(ProductId::new).transpose()? });
        Ok(Message {
            id: MessageId::new(self.id)?,
            thread_id,
            seq: Seq(self.seq),
            rev: Rev(self.rev),
            kind: MessageKind::of(sender_id),
            sender_id,
            temp_id: self.temp_id.map(str::to_owned),
            content: self.content.map(str::to_owned),
            image_urls: Vec::new(),
            images: self.images.into_iter().map(WireImage::read).collect(),
            extra_data: self.extra_data.map(extra_data).transpose().map_err(|NotAnId| Malformed)?,
            card: None,
            reply_to: self.reply_to.map(MessageId::new).transpose()?,
            created_at: Timestamp::from_millis(self.created_at),
            edited_at: self.edited_at.map(Timestamp::from_millis),
            deleted: self.deleted,
            texts: Vec::new(),
        })
    }
}

/// Returns the author of a message as a number: 0 is the marketplace itself.
fn sender(sender: Option<UserId>) -> u64 {
    sender.map_or(0, UserId::get)
}

fn read_sender(sender: u64) -> Result<Option<UserId>, Malformed> {
    if sender == 0 { Ok(None) } else { Ok(Some(UserId::new(sender)?)) }
}

impl<'a> WireImage<'a> {
    fn of(image: &'a Image) -> Self {
        let Image { id: MediaId(id), width, height, bytes, mime, blurhash, .. } = image;
        Self { id, width: *width, height: *height, bytes: *bytes, mime, blurhash }
    }

    fn read(self) -> Image {
        Image {
            id: MediaId(self.id.to_owned()),
            url: String::new(),
            thumb_url: String::new(),
            width: self.width,
            height: self.height,
            bytes: self.bytes,
            mime: self.mime.to_owned(),
            blurhash: self.blurhash.to_owned(),
        }
    }
}

impl WireWatermarks {
    fn of(moved: &Watermarks) -> Self {
        Self {
            user: moved.user.get(),
            delivered_seq: moved.delivered_seq.0,
            read_seq: moved.read_seq.0,
            unread: moved.unread,
            delivered_moved: moved.delivered_moved,
            read_moved: moved.read_moved,
            at: moved.at.millis(),
        }
    }

    fn read(self, thread_id: ThreadId) -> Result<Watermarks, Malformed> {
        Ok(Watermarks {
            thread_id,
            user: UserId::new(self.user)?,
            delivered_seq: Seq(self.delivered_seq),
            read_seq: Seq(self.read_seq),
            unread: self.unread,
            delivered_moved: self.delivered_moved,
            read_moved: self.read_moved,
            at: Timestamp::from_millis(self.at),
        })
    }
}
