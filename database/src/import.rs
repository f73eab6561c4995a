//! The Node.js service that the hub replaces: what its tables hold, and what of it the hub has already.
//!
//! ```text
//!  source    the old tables, on MySQL or MariaDB: read a part at a time
//!  layout    under which names an installation has tables and columns, and the expressions that read them
//!  old       what the columns of a row say
//!  keys      the keys by which an import recognises what it has written
//!  present   what the hub's database has of it, and which ids are free there
//! ```
//!
//! The old tables are a foreign source, not a backend: everything here reads. [`crate::change::Import`] writes.

pub mod keys;
mod layout;
pub mod old;
mod present;
mod source;

pub use present::{IdOf, Present};
pub use source::{Moments, Notifications, Source};
