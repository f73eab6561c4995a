//! Threads, their messages, how far each member has come, and people.

use sea_orm_migration::prelude::*;

use crate::table::{count, create, exact_text, index, key, number, optional_number, unique};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        threads(manager).await?;
        messages(manager).await?;
        images(manager).await?;
        status(manager).await?;
        users(manager).await
    }
}

async fn threads(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
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
    let indexes = vec![
        unique("chat_threads_pair", &["user1_id", "user2_id"]),
        index("chat_threads_user1_commit", &["user1_id", "commit_no"]),
        index("chat_threads_user2_commit", &["user2_id", "commit_no"]),
        index("chat_threads_user1_updated", &["user1_id", "updated_at", "id"]),
        index("chat_threads_user2_updated", &["user2_id", "updated_at", "id"]),
    ];
    create(manager, table, indexes).await
}

async fn messages(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_messages")
        .col(key("id"))
        .col(number("thread_id"))
        .col(number("seq"))
        .col(number("rev"))
        .col(number("created_rev"))
        .col(number("sender_id"))
        .col(exact_text(manager, "temp_id", 128))
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
    let indexes = vec![
        unique("chat_messages_seq", &["thread_id", "seq"]),
        unique("chat_messages_temp_id", &["thread_id", "sender_id", "temp_id"]),
        unique("chat_messages_rev", &["thread_id", "rev"]),
    ];
    create(manager, table, indexes).await
}

async fn images(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_message_batches")
        .col(number("message_id"))
        .col(number("position"))
        .col(exact_text(manager, "media_id", 64).not_null())
        .primary_key(&mut index("chat_message_batches_key", &["message_id", "position"]))
        .take();
    create(manager, table, vec![unique("chat_message_batches_media", &["media_id"])]).await
}

async fn status(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
    create(manager, table, vec![unread]).await
}

async fn users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("chat_users")
        .col(key("id"))
        .col(optional_number("last_seen"))
        .col(count("unread_messages"))
        .col(count("unread_notifications"))
        .take();
    create(manager, table, Vec::new()).await
}
