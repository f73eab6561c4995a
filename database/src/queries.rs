//! Everything that the hub reads, one file per question. A query on behalf of a user takes that user, who
//! thus never reads what is not theirs.

pub mod audit;
pub mod cards;
pub mod changes;
pub mod consumers;
pub mod events;
pub mod inbox;
pub mod media;
pub mod messages;
pub mod notifications;
pub mod people;
mod position;
pub mod profiles;
pub mod restrictions;
pub mod threads;
pub mod unread;
pub mod webhooks;

pub use position::Position;
