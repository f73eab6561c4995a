//! What the crate promises, on each database. MariaDB takes part with `CHAT_TEST_MARIADB=1`, PostgreSQL with
//! `CHAT_TEST_POSTGRES=1`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop, and says what it measured")]

// First, for its macro.
#[macro_use]
mod support;

mod catching_up;
mod media;
mod messages;
mod nodes;
mod notifications;
mod pages;
mod postgres;
mod readers;
mod receipts;
mod sabotage;
mod schema;
mod size;
mod time_buckets;
