//! The messages of storage, and where the outcome of a write goes.

use std::time::Instant;

use chat_database::Error as DatabaseError;
use chat_database::change::{Change, Committed, Outcome};
use chat_database::commit::Writer;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::Error;
use crate::requester::Requester;

/// A change to write, and where the outcome goes.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) change: Change,
    pub(crate) reply: WriteReply,
}

/// Where the outcome of a write goes.
#[derive(Debug)]
pub(crate) enum WriteReply {
    /// The thread that the change is about, which replies to the requester.
    Thread(Requester),
    /// A call of the edge.
    Call(oneshot::Sender<Result<Outcome, Error>>),
    /// No receiver: the outcome is dropped.
    None,
}

impl WriteReply {
    /// Replies why the write was not done.
    pub(super) fn refuse(self, error: &Error) {
        match self {
            Self::Thread(requester) => requester.refuse(error.clone()),
            Self::Call(call) => drop(call.send(Err(error.clone()))),
            Self::None => {}
        }
    }
}

/// A message to the storage actor.
pub(crate) enum StorageMsg {
    /// A change to write.
    Write(WriteRequest, OwnedSemaphorePermit),
    /// A less urgent change to write.
    WriteLater(WriteRequest, OwnedSemaphorePermit),
    /// The running commit has ended.
    CommitEnded(Box<CommitEnded>),
    /// The running commit has panicked.
    CommitPanicked,
    /// The database has gone back to an earlier state: begin its history again, and say when that is done.
    RestartHistory(oneshot::Sender<Result<(), DatabaseError>>),
    /// Time to sweep.
    Sweep,
    /// Time to see whether the database takes writes again, if it did not.
    Probe,
    /// The database answers; whether it takes writes is still to be seen.
    Answers,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// What one commit writes, and where the outcomes go, in the order of arrival.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) replies: Vec<(WriteReply, OwnedSemaphorePermit)>,
    /// When the first one came.
    pub(super) since: Option<Instant>,
}

/// A commit that has ended.
pub(crate) struct CommitEnded {
    pub(super) writer: Writer,
    /// What it was to write.
    pub(super) batch: Batch,
    /// `None`: there was nothing to commit.
    pub(super) result: Option<Result<Committed, DatabaseError>>,
    /// Whether the database would take a commit, if that was tried.
    pub(super) probed: Option<Result<(), DatabaseError>>,
    /// When it ended; its outcomes are dispatched when the actor gets to them.
    pub(super) ended_at: Instant,
}
