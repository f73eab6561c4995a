//! The texts of a commit's statements, built once for each writer.

use super::numbers;
use super::write_set::{
    AmendedRow, AmendmentRow, ChangedNotificationRow, DeliveryResultRow, ForgottenImage, LastSeenRow, LogEntryRow,
    MediaStateRow, MessageImageRow, NewDeliveryRow, NewMessageRow, NewNotificationRow, StatusRow, StrippedMessage,
    ThreadRow, TicketRow, UploadRow, UserRow,
};
use crate::backend::Backend;
use crate::backend::statements::{ReturningUpdate, Rewrite};
use crate::backend::statements::{insert, update, upsert, upsert_greatest};
use crate::written_row::RowShape;

/// The texts. Their parameters are those of [`crate::backend::statements`].
#[derive(Debug)]
pub(super) struct Statements {
    /// Takes the commit's number and its ids.
    pub(super) numbers: ReturningUpdate,
    /// Inserts new messages.
    pub(super) messages: String,
    /// Changes messages that were edited or deleted.
    pub(super) amended: String,
    /// Inserts edits and deletions.
    pub(super) amendments: String,
    /// Takes deleted messages' images from them.
    pub(super) stripped: String,
    /// Gives messages their images.
    pub(super) images: String,
    /// Inserts uploaded images.
    pub(super) uploads: String,
    /// Changes when images were sent, and when they are swept.
    pub(super) media: String,
    /// Deletes images whose renditions have gone from the store.
    pub(super) forgotten: String,
    /// Writes threads.
    pub(super) threads: Rewrite,
    /// Writes members' watermarks.
    pub(super) status: Rewrite,
    /// Inserts notifications.
    pub(super) notifications: String,
    /// Changes notifications that were read or deleted, or say something new.
    pub(super) changed_notifications: String,
    /// Writes users' unread totals.
    pub(super) users: String,
    /// Writes when users were last connected; a later time stays.
    pub(super) last_seen: String,
    /// Inserts an entry of the commit log.
    pub(super) log: String,
    /// Inserts used tickets.
    pub(super) tickets: String,
    /// Inserts deliveries to webhooks.
    pub(super) deliveries: String,
    /// Changes deliveries that were tried.
    pub(super) delivered: String,
}

impl Statements {
    /// Builds the texts for a backend.
    pub(super) fn new(backend: Backend) -> Self {
        let dialect = backend.dialect();
        let users = RowShape::of::<UserRow>();
        let status = RowShape::of::<StatusRow>();
        Self {
            numbers: numbers::text(dialect),
            messages: insert(
                backend,
                &RowShape::of::<NewMessageRow<'_>>(),
                &[("created_rev", "rev"), ("created_commit", "commit_no")],
            ),
            amended: update(backend, &RowShape::of::<AmendedRow<'_>>()),
            amendments: insert(backend, &RowShape::of::<AmendmentRow>(), &[]),
            stripped: dialect.delete(&RowShape::of::<StrippedMessage>()),
            images: insert(backend, &RowShape::of::<MessageImageRow<'_>>(), &[]),
            uploads: insert(backend, &RowShape::of::<UploadRow<'_>>(), &[]),
            media: update(backend, &RowShape::of::<MediaStateRow<'_>>()),
            forgotten: dialect.delete(&RowShape::of::<ForgottenImage<'_>>()),
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
            deliveries: insert(backend, &RowShape::of::<NewDeliveryRow<'_>>(), &[]),
            delivered: update(backend, &RowShape::of::<DeliveryResultRow<'_>>()),
        }
    }
}
