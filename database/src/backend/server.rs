//! What the servers share: they are spoken to through sea-orm's connections, and find messages by an index over their places.
//!
//! ```text
//!  rows       queries, and the rows that a server sends; placeholders: where a text has parameters
//!  seq_range  finds messages by their place; nearest: those next to one
//! ```

mod nearest;
mod placeholders;
mod rows;
pub(super) mod seq_range;

pub(crate) use nearest::nearest;
pub(crate) use rows::{rows, run};
