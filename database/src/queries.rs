//! Everything that is read, one file per question. Each takes the asker, so that nobody reads what is not theirs.

pub mod changes;
pub mod inbox;
pub mod media;
pub mod messages;
pub mod notifications;
pub mod people;
pub mod threads;
pub mod unread;
