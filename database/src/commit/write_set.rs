//! What a commit writes: the rows of each table, by the columns that they fill.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::hex::Hex;
use crate::consumers::ConsumerChange;
use crate::entities::{
    audit_log, card, card_thread, chat_amendment, chat_message, chat_message_batch, chat_message_status, chat_thread,
    chat_user, hub_commit, media, notification, profile, used_ticket, webhook_delivery,
};
use crate::objects::CardRef;
use crate::restrictions::AdminChange;
use crate::written_row::written_row;

/// Rows to write that are not made from the cache.
#[derive(Default)]
pub(super) struct WriteSet<'a> {
    pub(super) messages: Vec<NewMessageRow<'a>>,
    /// Messages of another service.
    pub(super) imported: Vec<ImportedMessageRow<'a>>,
    /// Ids of messages that were edited or deleted.
    pub(super) amended: BTreeSet<i64>,
    pub(super) amendments: Vec<AmendmentRow>,
    /// Messages that lose their images.
    pub(super) stripped: Vec<StrippedMessage>,
    pub(super) images: Vec<MessageImageRow<'a>>,
    pub(super) uploads: Vec<UploadRow<'a>>,
    pub(super) media: Vec<MediaStateRow<'a>>,
    /// Images whose rows go.
    pub(super) forgotten: Vec<ForgottenImage<'a>>,
    pub(super) notifications: Vec<NewNotification<'a>>,
    pub(super) changed_notifications: Vec<ChangedNotificationRow>,
    /// Users who read all their notifications.
    pub(super) read_all: BTreeSet<i64>,
    /// When users were last connected.
    pub(super) last_seen: BTreeMap<i64, i64>,
    pub(super) tickets: Vec<TicketRow<'a>>,
    /// Profiles, by their users: each once, for PostgreSQL cannot write a row twice in one statement.
    pub(super) profiles: BTreeMap<i64, ProfileRow<'a>>,
    /// Cards, each once.
    pub(super) cards: BTreeMap<CardRef, CardRow<'a>>,
    /// Threads in which cards were sent, each once.
    pub(super) card_threads: BTreeMap<(CardRef, i64), CardThreadRow>,
    /// Changes for consumers, with the index of each outcome.
    pub(super) consumers: Vec<(usize, &'a ConsumerChange)>,
    /// Changes of operators, with the index of each outcome.
    pub(super) admin: Vec<(usize, &'a AdminChange)>,
}

written_row! {
    /// A new message.
    pub(super) struct NewMessageRow<'a> of chat_message {
        pub(super) id: i64 = Id,
        pub(super) thread_id: i64 = ThreadId,
        pub(super) seq: i64 = Seq,
        pub(super) rev: i64 = Rev,
        pub(super) sender_id: i64 = SenderId,
        pub(super) temp_id: Option<&'a str> = TempId,
        pub(super) payload_hash: Hex<'a> = PayloadHash,
        pub(super) content: Option<&'a str> = Content,
        pub(super) product_id: Option<i64> = ProductId,
        pub(super) reply_to: Option<i64> = ReplyTo,
        pub(super) created_at: i64 = CreatedAt,
        pub(super) commit_no: i64 = CommitNo,
        /// The message before it in its thread.
        pub(super) prev_id: Option<i64> = PrevId,
        /// The card that it shows, as JSON.
        pub(super) card: Option<String> = Card,
        /// The members' own texts in the place of `content`, as JSON.
        pub(super) texts: Option<String> = Texts,
    }
}

written_row! {
    /// A message of another service, in the state that it had there.
    pub(super) struct ImportedMessageRow<'a> of chat_message {
        pub(super) id: i64 = Id,
        pub(super) thread_id: i64 = ThreadId,
        pub(super) seq: i64 = Seq,
        pub(super) rev: i64 = Rev,
        pub(super) created_rev: i64 = CreatedRev,
        pub(super) sender_id: i64 = SenderId,
        pub(super) temp_id: &'a str = TempId,
        pub(super) payload_hash: Hex<'a> = PayloadHash,
        pub(super) content: Option<&'a str> = Content,
        pub(super) product_id: Option<i64> = ProductId,
        pub(super) created_at: i64 = CreatedAt,
        pub(super) deleted_at: Option<i64> = DeletedAt,
        pub(super) commit_no: i64 = CommitNo,
        /// The message before it in its thread.
        pub(super) prev_id: Option<i64> = PrevId,
    }
}

written_row! {
    /// A message that was edited or deleted.
    pub(super) struct AmendedRow<'a> of chat_message {
        pub(super) id: i64 = Id,
        pub(super) rev: i64 = Rev,
        pub(super) content: Option<&'a str> = Content,
        pub(super) edited_at: Option<i64> = EditedAt,
        pub(super) deleted_at: Option<i64> = DeletedAt,
        pub(super) commit_no: i64 = CommitNo,
        pub(super) card: Option<&'a str> = Card,
    }
}

written_row! {
    /// An edit or deletion.
    pub(super) struct AmendmentRow of chat_amendment {
        pub(super) thread_id: i64 = ThreadId,
        pub(super) rev: i64 = Rev,
        pub(super) message_id: i64 = MessageId,
        /// The thread's newest `seq` at that time.
        pub(super) last_seq: i64 = LastSeq,
        pub(super) commit_no: i64 = CommitNo,
    }
}

written_row! {
    /// A message that loses its images.
    pub(super) struct StrippedMessage of chat_message_batch {
        pub(super) message_id: i64 = MessageId,
    }
}

written_row! {
    /// An image of a message.
    pub(super) struct MessageImageRow<'a> of chat_message_batch {
        pub(super) message_id: i64 = MessageId,
        pub(super) position: i64 = Position,
        pub(super) media_id: &'a str = MediaId,
    }
}

written_row! {
    /// An uploaded image.
    pub(super) struct UploadRow<'a> of media {
        pub(super) id: &'a str = Id,
        pub(super) owner_id: i64 = OwnerId,
        pub(super) object_key: &'a str = ObjectKey,
        pub(super) mime: &'a str = Mime,
        pub(super) width: i64 = Width,
        pub(super) height: i64 = Height,
        pub(super) bytes: i64 = Bytes,
        pub(super) blurhash: &'a str = Blurhash,
        pub(super) created_at: i64 = CreatedAt,
        pub(super) expires_at: i64 = ExpiresAt,
    }
}

written_row! {
    /// Whether an image was sent, and when it is swept.
    pub(super) struct MediaStateRow<'a> of media {
        pub(super) id: Cow<'a, str> = Id,
        pub(super) attached_at: Option<i64> = AttachedAt,
        pub(super) expires_at: Option<i64> = ExpiresAt,
    }
}

written_row! {
    /// An image whose row goes.
    pub(super) struct ForgottenImage<'a> of media {
        pub(super) id: &'a str = Id,
    }
}

written_row! {
    /// A thread's present state.
    pub(super) struct ThreadRow of chat_thread {
        pub(super) id: i64 = Id,
        pub(super) user1_id: i64 = User1Id,
        pub(super) user2_id: i64 = User2Id,
        pub(super) last_seq: i64 = LastSeq,
        pub(super) rev: i64 = Rev,
        pub(super) last_message_id: Option<i64> = LastMessageId,
        pub(super) created_at: i64 = CreatedAt,
        pub(super) updated_at: i64 = UpdatedAt,
        pub(super) commit_no: i64 = CommitNo,
    }
}

written_row! {
    /// How far a member has come in a thread.
    pub(super) struct StatusRow of chat_message_status {
        pub(super) thread_id: i64 = ThreadId,
        pub(super) user_id: i64 = UserId,
        pub(super) delivered_seq: i64 = DeliveredSeq,
        pub(super) read_seq: i64 = ReadSeq,
        pub(super) unread: i64 = Unread,
        pub(super) has_unread: i64 = HasUnread,
        pub(super) delivered_at: Option<i64> = DeliveredAt,
        pub(super) read_at: Option<i64> = ReadAt,
        pub(super) delivered_commit: i64 = DeliveredCommit,
        pub(super) read_commit: i64 = ReadCommit,
        pub(super) commit_no: i64 = CommitNo,
    }
}

written_row! {
    /// A new notification.
    pub(super) struct NewNotificationRow<'a> of notification {
        pub(super) id: i64 = Id,
        pub(super) user_id: i64 = UserId,
        pub(super) kind: &'a str = Kind,
        pub(super) title: &'a str = Title,
        pub(super) body: &'a str = Body,
        pub(super) related_id: Option<i64> = RelatedId,
        pub(super) dedupe_key: Option<String> = DedupeKey,
        pub(super) is_read: i64 = IsRead,
        pub(super) created_at: i64 = CreatedAt,
        pub(super) updated_at: i64 = UpdatedAt,
        pub(super) commit_no: i64 = CommitNo,
    }
}

written_row! {
    /// A notification that was read or deleted, or says something new.
    #[derive(Clone, Copy)]
    pub(super) struct ChangedNotificationRow of notification {
        pub(super) id: i64 = Id,
        pub(super) is_read: i64 = IsRead,
        pub(super) updated_at: i64 = UpdatedAt,
        pub(super) deleted_at: Option<i64> = DeletedAt,
        pub(super) commit_no: i64 = CommitNo,
    }
}

written_row! {
    /// A user's unread totals.
    pub(super) struct UserRow of chat_user {
        pub(super) id: i64 = Id,
        pub(super) unread_messages: i64 = UnreadMessages,
        pub(super) unread_notifications: i64 = UnreadNotifications,
    }
}

written_row! {
    /// When a user was last connected.
    pub(super) struct LastSeenRow of chat_user {
        pub(super) id: i64 = Id,
        pub(super) last_seen: i64 = LastSeen,
    }
}

written_row! {
    /// A ticket that is used.
    pub(super) struct TicketRow<'a> of used_ticket {
        pub(super) id: &'a str = Id,
        pub(super) expires_at: i64 = ExpiresAt,
    }
}

written_row! {
    /// What the marketplace says of a user.
    pub(super) struct ProfileRow<'a> of profile {
        pub(super) user_id: i64 = UserId,
        pub(super) name: &'a str = Name,
        pub(super) avatar_url: Option<&'a str> = AvatarUrl,
        pub(super) locale: Option<&'a str> = Locale,
        pub(super) timezone: Option<&'a str> = Timezone,
        pub(super) verified: i64 = Verified,
        pub(super) role: Option<&'a str> = Role,
        pub(super) email: Option<&'a str> = Email,
        pub(super) contactable: String = Contactable,
    }
}

written_row! {
    /// A card.
    pub(super) struct CardRow<'a> of card {
        pub(super) kind: &'static str = Kind,
        pub(super) id: &'a str = Id,
        pub(super) version: i64 = Version,
        pub(super) body: String = Body,
    }
}

written_row! {
    /// A thread in which a card was sent.
    pub(super) struct CardThreadRow of card_thread {
        pub(super) kind: &'static str = Kind,
        pub(super) card_id: String = CardId,
        pub(super) thread_id: i64 = ThreadId,
        pub(super) user1_id: i64 = User1Id,
        pub(super) user2_id: i64 = User2Id,
        pub(super) sent_at: i64 = SentAt,
    }
}

written_row! {
    /// An entry of the commit log.
    pub(super) struct LogEntryRow of hub_commit {
        pub(super) commit_no: i64 = CommitNo,
        pub(super) nonce: i64 = Nonce,
        pub(super) node: String = Node,
        pub(super) at: i64 = At,
        pub(super) newest_at: i64 = NewestAt,
        pub(super) threads: String = Threads,
        pub(super) users: String = Users,
    }
}

written_row! {
    /// A row of the audit log.
    pub(super) struct AuditRow<'a> of audit_log {
        pub(super) id: i64 = Id,
        pub(super) at: i64 = At,
        pub(super) who: &'a str = Who,
        pub(super) what: &'a str = What,
        pub(super) whom: Option<&'a str> = Whom,
        pub(super) source: Option<&'a str> = Source,
        pub(super) why: Option<&'a str> = Why,
        pub(super) detail: Option<&'a str> = Detail,
        pub(super) previous: String = Previous,
        pub(super) hash: String = Hash,
    }
}

written_row! {
    /// An event that is to be sent to a webhook.
    pub(super) struct NewDeliveryRow<'a> of webhook_delivery {
        pub(super) id: i64 = Id,
        pub(super) webhook_id: i64 = WebhookId,
        pub(super) event_id: &'a str = EventId,
        pub(super) kind: &'a str = Kind,
        pub(super) thread_id: Option<i64> = ThreadId,
        pub(super) at: i64 = At,
    }
}

written_row! {
    /// The result of a delivery.
    pub(super) struct DeliveryResultRow<'a> of webhook_delivery {
        pub(super) id: i64 = Id,
        pub(super) status: i64 = Status,
        pub(super) attempts: i64 = Attempts,
        pub(super) next_at: Option<i64> = NextAt,
        pub(super) code: Option<i64> = Code,
        pub(super) ms: i64 = Ms,
        pub(super) reply: &'a str = Reply,
    }
}

/// A new notification of the marketplace.
#[derive(Debug)]
pub(super) struct NewNotification<'a> {
    pub(super) id: i64,
    pub(super) user: i64,
    pub(super) kind: &'a str,
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) related: Option<i64>,
    pub(super) key: Option<String>,
    pub(super) at: i64,
    pub(super) read: bool,
}
