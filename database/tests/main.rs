//! What the crate promises, on each database. MariaDB takes part with `CHAT_TEST_MARIADB=1`, PostgreSQL with
//! `CHAT_TEST_POSTGRES=1`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop, and says what it measured")]

// First, for its macro.
#[macro_use]
mod support;

mod audit;
mod cards;
mod catching_up;
mod consumers;
mod events;
mod import;
mod media;
mod messages;
mod nodes;
mod notifications;
mod old_notifications;
mod pages;
mod postgres;
mod profiles;
mod readers;
mod receipts;
mod sabotage;
mod schema;
mod size;
mod system_messages;
mod time_buckets;
