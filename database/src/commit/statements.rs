//! The texts of a commit's statements, built once for each writer.

use super::numbers::{self, CounterRow};
use super::write_set::{
    AmendedRow, AmendmentRow, AuditRow, CardRow, CardThreadRow, ChangedNotificationRow, DeliveryResultRow,
    ForgottenImage, ImportedMessageRow, LastSeenRow, LogEntryRow, MediaStateRow, MessageImageRow, NewDeliveryRow,
    NewMessageRow, NewNotificationRow, ProfileRow, StatusRow, StrippedMessage, ThreadRow, TicketRow, UploadRow,
    UserRow,
};
use crate::backend::kind::Backend;
use crate::backend::statements::{Rewrite, RowStatement, delete, insert, update, upsert, upsert_greatest};
use crate::written_row::RowShape;

/// The texts. Their parameters are those of [`crate::backend::statements`].
#[derive(Debug)]
pub(super) struct Statements {
    /// Waits for the counter's lock, and reads its row.
    pub(super) lock: String,
    /// Writes the counter's row.
    pub(super) counter: RowStatement,
    /// Inserts new messages.
    pub(super) messages: RowStatement,
    /// Inserts messages of another service.
    pub(super) imported: RowStatement,
    /// Changes messages that were edited or deleted.
    pub(super) amended: RowStatement,
    /// Inserts edits and deletions.
    pub(super) amendments: RowStatement,
    /// Takes deleted messages' images from them.
    pub(super) stripped: RowStatement,
    /// Gives messages their images.
    pub(super) images: RowStatement,
    /// Inserts uploaded images.
    pub(super) uploads: RowStatement,
    /// Changes when images were sent, and when they are swept.
    pub(super) media: RowStatement,
    /// Deletes images whose renditions have gone from the store.
    pub(super) forgotten: RowStatement,
    /// Writes threads.
    pub(super) threads: Rewrite,
    /// Writes members' watermarks.
    pub(super) status: Rewrite,
    /// Inserts notifications.
    pub(super) notifications: RowStatement,
    /// Changes notifications that were read or deleted, or say something new.
    pub(super) changed_notifications: RowStatement,
    /// Writes users' unread totals.
    pub(super) users: RowStatement,
    /// Writes when users were last connected; a later time stays.
    pub(super) last_seen: RowStatement,
    /// Inserts an entry of the commit log.
    pub(super) log: RowStatement,
    /// Inserts used tickets.
    pub(super) tickets: RowStatement,
    /// Writes profiles.
    pub(super) profiles: RowStatement,
    /// Writes cards.
    pub(super) cards: RowStatement,
    /// Writes when cards were sent last in which threads.
    pub(super) card_threads: RowStatement,
    /// Inserts deliveries to webhooks.
    pub(super) deliveries: RowStatement,
    /// Changes deliveries that were tried.
    pub(super) delivered: RowStatement,
    /// Inserts rows of the audit log.
    pub(super) audit: RowStatement,
}

impl Statements {
    /// Builds the texts for a backend.
    pub(super) fn new(backend: Backend) -> Self {
        let dialect = backend.dialect();
        let users = RowShape::of::<UserRow>();
        let status = RowShape::of::<StatusRow>();
        let profiles = RowShape::of::<ProfileRow<'_>>();
        let cards = RowShape::of::<CardRow<'_>>();
        Self {
            lock: numbers::lock(backend),
            counter: update(backend, &RowShape::of::<CounterRow>()),
            messages: insert(
                backend,
                &RowShape::of::<NewMessageRow<'_>>(),
                &[("created_rev", "rev"), ("created_commit", "commit_no")],
            ),
            imported: insert(backend, &RowShape::of::<ImportedMessageRow<'_>>(), &[("created_commit", "commit_no")]),
            amended: update(backend, &RowShape::of::<AmendedRow<'_>>()),
            amendments: insert(backend, &RowShape::of::<AmendmentRow>(), &[]),
            stripped: delete(backend, &RowShape::of::<StrippedMessage>()),
            images: insert(backend, &RowShape::of::<MessageImageRow<'_>>(), &[]),
            uploads: insert(backend, &RowShape::of::<UploadRow<'_>>(), &[]),
            media: update(backend, &RowShape::of::<MediaStateRow<'_>>()),
            forgotten: delete(backend, &RowShape::of::<ForgottenImage<'_>>()),
            threads: dialect.rewrite(
                &RowShape::of::<ThreadRow>(),
                &["last_seq", "rev", "last_message_id", "updated_at", "commit_no"],
            ),
            status: dialect.rewrite(&status, &status.beside_key().collect::<Vec<_>>()),
            notifications: insert(
                backend,
                &RowShape::of::<NewNotificationRow<'_>>(),
                &[("created_commit", "commit_no")],
            ),
            changed_notifications: update(backend, &RowShape::of::<ChangedNotificationRow>()),
            users: upsert(backend, &users, &users.beside_key().collect::<Vec<_>>()),
            last_seen: upsert_greatest(backend, &RowShape::of::<LastSeenRow>(), "last_seen"),
            log: insert(backend, &RowShape::of::<LogEntryRow>(), &[]),
            tickets: insert(backend, &RowShape::of::<TicketRow<'_>>(), &[]),
            profiles: upsert(backend, &profiles, &profiles.beside_key().collect::<Vec<_>>()),
            cards: upsert(backend, &cards, &cards.beside_key().collect::<Vec<_>>()),
            card_threads: upsert(backend, &RowShape::of::<CardThreadRow>(), &["sent_at"]),
            deliveries: insert(backend, &RowShape::of::<NewDeliveryRow<'_>>(), &[]),
            delivered: update(backend, &RowShape::of::<DeliveryResultRow<'_>>()),
            audit: insert(backend, &RowShape::of::<AuditRow<'_>>(), &[]),
        }
    }
}
