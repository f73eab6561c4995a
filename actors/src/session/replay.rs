//! What a session has yet to send of what its client has missed.

use std::collections::VecDeque;

use chat_database::ids::CommitNo;
use chat_database::queries::changes::Backlog;

use crate::protocol::Cursor;
use crate::requester::Permit;

/// The replays of a session.
#[derive(Default)]
pub(super) struct Replays {
    pub(super) running: Option<Replay>,
    /// The `sync` frames that wait for their turn.
    pub(super) waiting: VecDeque<(String, Permit)>,
}

/// A replay that is under way.
pub(super) struct Replay {
    /// What is left of this round; `None` before it was looked up.
    pub(super) backlog: Option<Backlog>,
    /// Everything up to this commit has been handed over, if nothing was left out since.
    pub(super) since: CommitNo,
    /// What was created after this commit may be new to the client.
    pub(super) known: CommitNo,
    /// How it ends.
    pub(super) end: End,
    /// The permit of the frame that asked for it: held, not read.
    pub(super) _permit: Option<Permit>,
}

/// How a replay ends.
pub(super) enum End {
    /// With `synced`: the reader of this cursor has everything that was released by then.
    Synced { from: Box<Cursor>, released: CommitNo },
    /// In silence: for the connection it is live. Whether the connection has fallen behind, and totals were perhaps dropped.
    Live { behind: bool },
}

impl Replay {
    pub(super) fn new(backlog: Option<Backlog>, since: CommitNo, end: End) -> Self {
        Self { backlog, since, known: since, end, _permit: None }
    }
}
