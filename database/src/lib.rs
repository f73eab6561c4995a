//! Every noun of the hub, and the only crate that knows SQL.
//!
//! ```text
//!  ids, time, objects     what things are called, as clients see them too
//!  connect                a database: opened, waited for, closed
//!  backup                 a copy of a database that is in use, and a copy that is put in place
//!  backend                what differs between databases, each in a folder of its own
//!  change                 what can be written, and what became of it
//!  commit                 the group commit: many changes, one transaction
//!  events                 what has happened, for consumers outside the hub
//!  consumers, webhooks    who reads events, how far each has come, and what was delivered
//!  import                 the tables of the service that the hub replaces, and what the hub has of them
//!  audit                  the audit log: who did what, as a chain of rows
//!  restrictions           what users may not do, and what operators write
//!  history                which history a commit belongs to: a database may go back
//!  nodes                  which nodes run on the database, and what each process is called
//!  identity               what nodes that share a database know each other by
//!  queries                everything that is read, one file per question
//!  rows                   the columns that make a value, and what answers queries with such values
//!  sabotage               ways to break the hub, for tests that show that tests would notice
//!  written_row            rows that are written: the columns that they fill
//!  size                   how large things are on the wire, and when a page is full
//!  seq_range              the messages of a thread between two places
//!  message_rows           messages as the tables hold them
//!  profile_rows           profiles as the tables hold them
//!  entities               the tables: one description of each
//!  media                  the store of images
//!  url_path, private      the path of a URL; files that only the hub's user may read
//! ```
//!
//! Nothing here decides: a [`change::Change`] says what to write, [`commit::Writer`] writes it
//! under the rules that the database alone can hold (once, dense, in order), and
//! [`change::Outcome`] says what stands now.

pub mod audit;
mod backend;
pub mod backup;
pub mod change;
pub mod commit;
pub mod connect;
pub mod consumers;
mod driver_error;
mod entities;
pub mod events;
pub mod history;
pub mod identity;
pub mod ids;
pub mod import;
pub mod media;
mod message_rows;
pub mod nodes;
pub mod objects;
pub mod private;
mod profile_rows;
pub mod queries;
pub mod restrictions;
mod rows;
pub mod sabotage;
mod seq_range;
pub mod size;
mod sql;
pub mod time;
mod url_path;
pub mod webhooks;
mod written_row;

pub use connect::Database;

/// Why the database did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or gave up waiting. Asking again later may work.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// It refused: a defect of ours, or a damaged database.
    #[error("the database refused: {0}")]
    Refused(String),
    /// The connection broke while the commit was on its way: it may or may not stand.
    #[error("the commit's answer was lost and could not be read back: {0}")]
    Unsettled(String),
    /// It has gone back to an earlier state: what was known of it is no more true. Nothing was written.
    #[error("the database has gone back to an earlier state")]
    WentBack,
}
