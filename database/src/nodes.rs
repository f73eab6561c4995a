//! The nodes that run on a database: which, how long ago each showed that it lives, and that no two share a name.
//!
//! ```text
//!  id              a node's name, and which process of that name it is
//!  row             the row of a name, on a connection
//!  other_process   whether another process that has the row of our name lives
//! ```
//!
//! Each process has the row of its name in `hub_nodes`, and beats in it by the database's clock. Only one process has it:
//! the second process waits for the first to end, and takes over the row of one that beats no more. A process that finds its
//! row with another one that lives has been taken for dead, and must end.
//!
//! All of this is for servers. Hubs on one SQLite file share nothing but the file; the [lock beside
//! it](crate::connect::ProcessLock) shows, without writing, whether there is another one. So SQLite's table stays empty.

mod id;
mod other_process;
mod row;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::{Expr, Query};
use tokio::time::{Instant, sleep, timeout};

pub use self::id::{InvalidName, NodeId};
use self::other_process::OtherProcess;
pub use self::other_process::SILENT;
use self::row::Row;
pub use self::row::RowOwner;
use crate::backend::writer::WriterConnection;
use crate::driver_error::{DriverError, error};
use crate::entities::hub_node::{self, Column};
use crate::rows::{BinaryText, Reads as _, row};
use crate::{Database, Error as DatabaseError};

/// How often a node beats.
pub const BEAT: Duration = Duration::from_secs(2);

/// How long a process waits for another one of its name, and for one that says that it is about to end.
const PATIENCE: Duration = Duration::from_secs(20);
const DRAINING: Duration = Duration::from_secs(60);

/// The pause between two looks at the row meanwhile.
const AGAIN: Duration = Duration::from_millis(500);

/// How long one beat may take before its connection is given up.
const ANSWER: Duration = Duration::from_secs(3);

/// Why a name could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process that lives has it.
    #[error(
        "another hub runs on this database under the node name {0:?}: end it first, or give this one a name of its own \
         (CHAT_NODE_NAME)"
    )]
    Taken(Arc<str>),
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A node as the others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The process.
    pub id: NodeId,
    /// How long it has run, by the database's clock.
    pub started: Duration,
    /// How long ago its latest beat is, by the same clock.
    pub beat: Duration,
    /// Whether it is about to end.
    pub draining: bool,
    /// The release that it runs.
    pub version: String,
    /// The check number of its key; `None`: it has no key, or is of a release without such numbers.
    pub key_check: Option<i64>,
}

row! {
    /// What a row says, and the database's clock.
    struct NodeRow {
        name: BinaryText,
        incarnation: i64,
        started_at: i64,
        beat_at: i64,
        draining: i64,
        version: BinaryText,
        key_check: Option<i64>,
        now: i64,
    }
}

/// Reads the nodes that have beaten within a day and have not ended in order: also those that are dead.
///
/// # Errors
/// [`DatabaseError::Unavailable`].
pub async fn all(db: &Database) -> Result<Vec<Node>, DatabaseError> {
    let now = db.backend.dialect().now_millis();
    let columns = [
        Column::Name,
        Column::Incarnation,
        Column::StartedAt,
        Column::BeatAt,
        Column::Draining,
        Column::Version,
        Column::KeyCheck,
    ];
    let query = Query::select().columns(columns).expr(Expr::cust(now)).from(hub_node::Entity).take();
    let rows: Vec<NodeRow> = (&db.readers).select(&query).await.map_err(error)?;
    Ok(rows.into_iter().map(node).collect())
}

fn node(row: NodeRow) -> Node {
    let since = |at: i64| Duration::from_millis(u64::try_from(row.now - at).unwrap_or_default());
    Node {
        id: NodeId::of(row.name.into_text().into(), row.incarnation.unsigned_abs()),
        started: since(row.started_at),
        beat: since(row.beat_at),
        draining: row.draining != 0,
        version: row.version.into_text(),
        key_check: row.key_check,
    }
}

/// The row of a process' name: taken, beaten in, given back. Beside the commits, on a connection of its own.
#[derive(Debug)]
pub struct Registration {
    database: Database,
    /// Opened at the first use.
    connection: Option<WriterConnection>,
    id: NodeId,
    key_check: Option<i64>,
    other_process: OtherProcess,
}

impl Registration {
    /// Makes the registration of a process, with the number of the key that it shares with the other nodes; `None` where nodes
    /// [do not register](self).
    #[must_use]
    pub fn of(database: &Database, id: &NodeId, key_check: Option<i64>) -> Option<Self> {
        let (database, id, other_process) = (database.clone(), id.clone(), OtherProcess::default());
        database.has_nodes().then(|| Self { database, connection: None, id, key_check, other_process })
    }

    /// Takes the name, and waits for another process that has it to end.
    ///
    /// # Errors
    /// [`Error::Taken`] by one that goes on; [`Error::Database`].
    pub async fn claim(&mut self) -> Result<(), Error> {
        let since = Instant::now();
        let mut waits = false;
        loop {
            let patience = match self.beat(false).await? {
                RowOwner::Ours => return Ok(self.answered(async |row| row.delete_old().await).await?),
                RowOwner::Taken { draining: true } | RowOwner::Unclear { draining: true } => DRAINING,
                RowOwner::Taken { draining: false } | RowOwner::Unclear { draining: false } => PATIENCE,
            };
            if since.elapsed() >= patience {
                return Err(Error::Taken(Arc::clone(self.id.name())));
            }
            if !waits {
                let (node, seconds) = (self.id.name(), PATIENCE.as_secs());
                tracing::info!(%node, seconds, "another hub has this node's name, or had it a moment ago; waiting for it to end");
                waits = true;
            }
            sleep(AGAIN).await;
        }
    }

    /// Writes a heartbeat, and whether the process is about to end.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`].
    pub async fn beat(&mut self, draining: bool) -> Result<RowOwner, DatabaseError> {
        self.answered(async |row| row.beat(draining).await).await
    }

    /// Gives the name back: the process ends.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`].
    pub async fn release(&mut self) -> Result<(), DatabaseError> {
        self.answered(async |row| row.delete().await).await
    }

    /// Runs a task on the row, on a new connection if the last one is broken or hangs.
    async fn answered<T>(
        &mut self,
        task: impl AsyncFnOnce(&mut Row<'_>) -> Result<T, DriverError>,
    ) -> Result<T, DatabaseError> {
        let answered = timeout(ANSWER, async {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(self.database.another_writer_connection().await?),
            };
            task(&mut Row::of(&self.id, self.key_check, &mut self.other_process, connection)).await
        });
        let failure = match answered.await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(failure)) => error(failure),
            Err(_) => DatabaseError::Unavailable("no answer in time".to_owned()),
        };
        self.connection = None;
        Err(failure)
    }
}
