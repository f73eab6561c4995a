//! Threads, their messages, how far each member has come, and users.

use sea_orm_migration::prelude::*;

use crate::backend::Schema;
use crate::table::{count, index, key, number, optional_number, unique};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let schema = Schema::of(manager)?;
        threads(&schema).await?;
        messages(&schema).await?;
        amendments(&schema).await?;
        images(&schema).await?;
        status(&schema).await?;
        users(&schema).await
    }
}

async fn threads(schema: &Schema<'_>) -> Result<(), DbErr> {
    let mut table = Table::create()
        .table("chat_threads")
        .col(key("id"))
        .col(number("user1_id"))
        .col(number("user2_id"))
        .col(count("last_seq"))
        .col(count("rev"))
        .col(optional_number("last_message_id"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .col(number("commit_no"))
        .take();
    let mut indexes = vec![unique("chat_threads_pair", &["user1_id", "user2_id"])];
    if schema.backend.has_time_buckets() {
        // They hold only the upper bits of the time and of the commit, which most messages leave as they are.
        table.col(count("updated_step")).col(count("commit_step"));
        indexes.extend([
            index("chat_threads_user1_commit", &["user1_id", "commit_step"]),
            index("chat_threads_user2_commit", &["user2_id", "commit_step"]),
            index("chat_threads_user1_updated", &["user1_id", "updated_step"]),
            index("chat_threads_user2_updated", &["user2_id", "updated_step"]),
        ]);
    } else {
        indexes.extend([
            index("chat_threads_user1_commit", &["user1_id", "commit_no"]),
            index("chat_threads_user2_commit", &["user2_id", "commit_no"]),
            index("chat_threads_user1_updated", &["user1_id", "updated_at", "id"]),
            index("chat_threads_user2_updated", &["user2_id", "updated_at", "id"]),
        ]);
    }
    schema.create(table, indexes).await
}

async fn messages(schema: &Schema<'_>) -> Result<(), DbErr> {
    let mut table = Table::create()
        .table("chat_messages")
        .col(key("id"))
        .col(number("thread_id"))
        .col(number("seq"))
        .col(number("rev"))
        .col(number("created_rev"))
        .col(number("sender_id"))
        .col(schema.backend.binary_text("temp_id", 128))
        .col(ColumnDef::new("payload_hash").binary_len(32).not_null())
        .col(ColumnDef::new("content").text())
        .col(optional_number("product_id"))
        .col(optional_number("reply_to"))
        .col(number("created_at"))
        .col(optional_number("edited_at"))
        .col(optional_number("deleted_at"))
        .col(number("commit_no"))
        .col(number("created_commit"))
        .take();
    // The key comes first: keys that begin with the time, as the client library's do, then stand together whatever their
    // threads are, and a commit touches a page or two of the index.
    let keys = unique("chat_messages_key", &["temp_id", "sender_id", "thread_id"]);
    let places = if schema.backend.logs_whole_pages() {
        // The index holds every 16th message, and each message names the one before it.
        table.col(optional_number("prev_id"));
        let mut every_16th = unique("chat_messages_step", &["thread_id", "seq"]);
        every_16th.and_where(Expr::col("seq").modulo(16).eq(0)).take()
    } else {
        unique("chat_messages_seq", &["thread_id", "seq"])
    };
    schema.create(table, vec![places, keys]).await
}

/// Edits and deletions. A table costs the few messages that are ever changed again; an index over every message's `rev` would
/// cost each of them a page in its commit.
async fn amendments(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_amendments")
        .col(number("thread_id"))
        .col(number("rev"))
        .col(number("message_id"))
        .col(number("last_seq"))
        .col(number("commit_no"))
        .primary_key(&mut index("chat_amendments_key", &["thread_id", "rev"]))
        .take();
    schema.create(table, vec![index("chat_amendments_commit", &["thread_id", "commit_no"])]).await
}

async fn images(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_message_batches")
        .col(number("message_id"))
        .col(number("position"))
        .col(schema.backend.binary_text("media_id", 64).not_null())
        .primary_key(&mut index("chat_message_batches_key", &["message_id", "position"]))
        .take();
    schema.create(table, vec![unique("chat_message_batches_media", &["media_id"])]).await
}

async fn status(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_message_status")
        .col(number("thread_id"))
        .col(number("user_id"))
        .col(count("delivered_seq"))
        .col(count("read_seq"))
        .col(count("unread"))
        .col(count("has_unread"))
        .col(optional_number("delivered_at"))
        .col(optional_number("read_at"))
        .col(count("delivered_commit"))
        .col(count("read_commit"))
        .col(number("commit_no"))
        .primary_key(&mut index("chat_message_status_key", &["thread_id", "user_id"]))
        .take();
    // `has_unread` is 1 while `unread` is above 0: an index over the number itself would have to be
    // rewritten with each message, this one only when a thread becomes unread or read.
    let unread = index("chat_message_status_unread", &["user_id", "has_unread", "thread_id"]);
    schema.create(table, vec![unread]).await
}

async fn users(schema: &Schema<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_users")
        .col(key("id"))
        .col(optional_number("last_seen"))
        .col(count("unread_messages"))
        .col(count("unread_notifications"))
        .take();
    schema.create(table, Vec::new()).await
}
