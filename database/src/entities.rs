//! The tables, for sea-orm: what is read a row at a time. Sets are read and written by [`crate::sql`].

pub(crate) mod chat_message;
pub(crate) mod chat_message_status;
pub(crate) mod chat_thread;
pub(crate) mod chat_user;
pub(crate) mod hub_commit;
pub(crate) mod notification;
