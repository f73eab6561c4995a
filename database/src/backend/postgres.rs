//! PostgreSQL.
//!
//! ```text
//!  location        the server, and the database on it
//!  open            whether the server is one to write to; session: what each connection says first
//!  dialect, error  its SQL, its errors
//!  gathered        several tables' rows, written by one statement
//!  plans           (test) no statement walks a table
//! ```

mod dialect;
mod error;
mod gathered;
mod location;
mod open;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod plans;
mod session;

pub(crate) use dialect::PostgresDialect;
pub(super) use error::classify;
pub(super) use gathered::Gathered;
pub(super) use location::parse;
pub(super) use open::{connect_once, refusal, settings};
pub(super) use session::{BEFORE_COMMIT, wait_for_lock};
