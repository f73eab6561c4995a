//! The replays that a session still has to send.

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
    /// A message that was created after this commit counts as new to the client.
    pub(super) known: CommitNo,
    /// How it ends.
    pub(super) end: End,
    /// The permit of the frame that asked for it: held, not read.
    pub(super) _permit: Option<Permit>,
}

/// How a replay ends.
pub(super) enum End {
    /// With `synced`: the reader of `from` has everything up to `released`.
    Synced { from: Box<Cursor>, released: CommitNo },
    /// Without a frame of its own, for its events count as live. `behind`: the connection had fallen behind, and may lack
    /// totals.
    Live { behind: bool },
}

impl Replay {
    pub(super) fn new(backlog: Option<Backlog>, since: CommitNo, end: End) -> Self {
        Self { backlog, since, known: since, end, _permit: None }
    }
}
