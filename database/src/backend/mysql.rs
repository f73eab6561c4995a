//! MySQL and MariaDB.
//!
//! ```text
//!  location        the server, and the database on it
//!  open            what each connection says first; why the server does not take us
//!  dialect, error  their SQL, their errors
//! ```

mod dialect;
mod error;
mod location;
mod open;
mod statements;

pub(crate) use dialect::MySqlDialect;
pub(super) use error::classify;
pub(super) use location::parse;
pub(super) use open::{connect_once, refusal, settings};
