//! Catching up: what a connection has missed, from the database, before what is live.
//!
//! The connection is registered and its outbox held before anything is looked up: what is committed after that is pushed
//! behind it, and what was committed before is found. So nothing falls between.
//!
//! What was found is kept by name, and read and handed over a window at a time: the outbox asks for the next one when the
//! client has read the last. A session never waits for its client. What has changed again by then, or could not be held
//! meanwhile, is found in another round, from where this one began. A connection that has fallen behind is caught up in the
//! same way.

use std::collections::VecDeque;

use bytes::Bytes;
use chat_database::ids::CommitNo;
use chat_database::queries::changes::{self, Backlog, Changes};
use chat_database::queries::unread;
use chat_database::time::Timestamp;

use super::State;
use crate::catch_up::{self, From, Hearer};
use crate::metrics;
use crate::origin::Permit;
use crate::protocol::cursor::MAX_CHANGES;
use crate::protocol::server::About;
use crate::protocol::{CloseCode, Cursor, ServerFrame, Socket};
use crate::refused::Refused;

/// How many bytes are read and handed over at a time.
const WINDOW: usize = 256 << 10;

/// More changes than are ever being told to one user at one moment.
const BEING_TOLD: usize = 1_000_000;

/// How many changes are looked up for a connection that has fallen behind: with more it reloads, as one that was away.
const BEHIND: usize = 10_000;

/// What a session has yet to hand over.
#[derive(Default)]
pub(super) struct Replays {
    running: Option<Replay>,
    /// The `sync` frames that wait for their turn.
    waiting: VecDeque<(String, Permit)>,
}

/// A replay that is under way.
struct Replay {
    /// What is left of this round; `None` before it was looked up.
    backlog: Option<Backlog>,
    /// Everything up to this commit has been handed over, if nothing was left out since.
    since: CommitNo,
    /// What was created after this commit may be new to the client.
    known: CommitNo,
    /// How it ends.
    end: End,
    /// The place of the frame that asked for it.
    _permit: Option<Permit>,
}

enum End {
    /// With `synced`: the reader of this cursor has everything that was released by then.
    Synced { from: Box<Cursor>, released: CommitNo },
    /// In silence: for the connection it is what is live. Whether it has fallen behind, and totals were perhaps dropped.
    Live { behind: bool },
}

impl Replay {
    fn new(backlog: Option<Backlog>, since: CommitNo, end: End) -> Self {
        Self { backlog, since, known: since, end, _permit: None }
    }
}

impl State {
    /// Says `auth_ok`, and begins to serve what was missed.
    pub(super) async fn begin(&mut self, cursor: Option<String>) {
        match self.catch_up_first(cursor).await {
            Ok(replay) => {
                self.replays.get_or_insert_default().running = Some(replay);
                self.go_on().await;
            }
            Err(error) => self.give_up(error),
        }
    }

    /// Serves what was missed since a cursor, on a connection that is live already.
    pub(super) async fn sync(&mut self, cursor: String, permit: Permit) {
        if let Err(refused) = self.may(|limits| &limits.queries) {
            return self.refuse_sync(refused);
        }
        self.replays.get_or_insert_default().waiting.push_back((cursor, permit));
        // What runs already, or is about to, comes first.
        let runs = self.replays.as_ref().is_some_and(|replays| replays.running.is_some());
        if !runs && self.registration.outbox().behind().is_none() {
            self.sync_next().await;
        }
    }

    /// Hands over the next window of what was missed.
    pub(super) async fn go_on(&mut self) {
        match self.next_window().await {
            Ok(false) => {}
            Ok(true) => Box::pin(self.sync_next()).await,
            Err(error) => self.give_up(error),
        }
    }

    /// Begins the next replay that was asked for, if there is one.
    async fn sync_next(&mut self) {
        while let Some((cursor, permit)) = self.replays.as_mut().and_then(|replays| replays.waiting.pop_front()) {
            self.registration.outbox().hold();
            match self.catch_up_again(&cursor).await {
                Ok(Some(replay)) => {
                    let replay = Replay { _permit: Some(permit), ..replay };
                    self.replays.get_or_insert_default().running = Some(replay);
                    return Box::pin(self.go_on()).await;
                }
                Ok(None) => {
                    let cursor = self.node.horizon.cursor();
                    self.lets_go_anyway(vec![self.encoded(ServerFrame::Synced { cursor, reset: true })]);
                }
                Err(error) => {
                    self.lets_go_anyway(Vec::new());
                    self.refuse_sync(error.into());
                }
            }
        }
        self.replays = None;
    }

    /// Begins with a connection: says `auth_ok` and the totals, and finds out what it has missed.
    async fn catch_up_first(&mut self, cursor: Option<String>) -> Result<Replay, chat_database::Error> {
        let (released, newest) = self.node.horizon.span();
        let here = self.node.horizon.cursor_at(released, self.user());
        let from = match cursor {
            None => From::Here,
            Some(text) => catch_up::from(&self.node, self.user(), &text, Timestamp::now()).await?,
        };
        let missed = match &from {
            From::Cursor(cursor) => self.found(cursor.commit, MAX_CHANGES).await?,
            From::Here | From::Reset => None,
        };
        let (greeting, replay) = match (from, missed) {
            (From::Cursor(cursor), Some(missed)) => {
                metrics::get().resumed.increment(1);
                let since = cursor.commit;
                let end = End::Synced { from: Box::new(cursor.clone()), released };
                (self.auth_ok(cursor, true, false), Replay::new(Some(missed), since, end))
            }
            (from, _) => {
                let reset = !matches!(from, From::Here);
                metrics::get().resets.increment(u64::from(reset));
                // What is being told right now was perhaps pushed before this connection was there to hear it. To it that is
                // live: there is no `synced` to say how far it is.
                let being_told = if released < newest { self.found(released, BEING_TOLD).await? } else { None };
                let live = End::Live { behind: false };
                let replay = Replay::new(Some(being_told.unwrap_or_default().as_live(released)), released, live);
                (self.auth_ok(here, false, reset), replay)
            }
        };
        let first = [Some(greeting), self.totals().await].into_iter().flatten();
        self.hand(first.map(|frame| self.encoded(frame)).collect());
        Ok(replay)
    }

    /// Finds out what was missed since a cursor; `None` if the client has to reload.
    async fn catch_up_again(&self, text: &str) -> Result<Option<Replay>, chat_database::Error> {
        let (released, _) = self.node.horizon.span();
        let from = catch_up::from(&self.node, self.user(), text, Timestamp::now()).await?;
        let From::Cursor(cursor) = from else { return Ok(None) };
        let since = cursor.commit;
        let missed = self.found(since, MAX_CHANGES).await?;
        let end = End::Synced { from: Box::new(cursor), released };
        Ok(missed.map(|missed| Replay::new(Some(missed), since, end)))
    }

    /// Hands over what comes next; tells whether that was the last of a replay.
    async fn next_window(&mut self) -> Result<bool, chat_database::Error> {
        let running = self.replays.as_mut().and_then(|replays| replays.running.take());
        let mut replay = match (running, self.registration.outbox().behind()) {
            (Some(replay), _) => replay,
            (None, Some(missed)) => Replay::new(None, missed.since, End::Live { behind: true }),
            (None, None) => return Ok(false),
        };
        let mut backlog = match replay.backlog.take() {
            Some(backlog) => backlog,
            None => match self.look_up(&mut replay).await? {
                Some(backlog) => backlog,
                None => {
                    self.registration.outbox().give_up();
                    return Ok(false);
                }
            },
        };
        let window = changes::next(&self.node.database, &mut backlog, WINDOW).await?;
        self.hand(self.frames(&window, &replay));
        if !backlog.is_empty() {
            replay.backlog = Some(backlog);
            self.replays.get_or_insert_default().running = Some(replay);
            return Ok(false);
        }
        replay.since = backlog.head();
        if !backlog.is_stale() {
            replay.known = backlog.head();
            let last = match &replay.end {
                End::Synced { from, released } => {
                    let cursor = self.node.horizon.onward(from, *released);
                    Some(ServerFrame::Synced { cursor, reset: false })
                }
                End::Live { behind: true } => self.totals().await,
                End::Live { behind: false } => None,
            };
            if self.lets_go(last.into_iter().map(|frame| self.encoded(frame)).collect()) {
                return Ok(true);
            }
        }
        self.replays.get_or_insert_default().running = Some(replay);
        Ok(false)
    }

    /// Looks up what is to be handed over in a round; `None` if it is too much.
    async fn look_up(&self, replay: &mut Replay) -> Result<Option<Backlog>, chat_database::Error> {
        let outbox = self.registration.outbox();
        let told = outbox.behind().map(|missed| missed.told).unwrap_or_default();
        outbox.catch_up();
        match &mut replay.end {
            End::Synced { released, .. } => *released = self.node.horizon.released(),
            End::Live { behind } => *behind = true,
        }
        let Some(mut backlog) = self.found(replay.since, BEHIND).await? else { return Ok(None) };
        if let End::Live { .. } = replay.end {
            backlog.forget(&told);
            backlog = backlog.as_live(replay.known);
        }
        Ok(Some(backlog))
    }

    /// Looks up what has changed, and has the outbox know that this is told; `None` if it is too much.
    async fn found(&self, since: CommitNo, most: usize) -> Result<Option<Backlog>, chat_database::Error> {
        let found = changes::backlog(&self.node.database, self.user(), since, most).await?;
        if let Some(found) = &found {
            self.registration.outbox().replays(found.head(), found.marks());
        }
        Ok(found)
    }

    fn frames(&self, window: &Changes, replay: &Replay) -> Vec<Bytes> {
        let hearer = Hearer { user: self.user(), chat: self.socket == Socket::Chat, notifications: self.notifications };
        // In a replay that says how far it went there are no cursors.
        let here = || {
            let horizon = &self.node.horizon;
            horizon.cursor_at(replay.since.min(horizon.released()), self.user())
        };
        let here = matches!(replay.end, End::Live { .. }).then(here);
        let frames = catch_up::frames(hearer, window, replay.known, here.as_ref());
        frames.into_iter().map(|frame| self.encoded(frame)).collect()
    }

    async fn totals(&self) -> Option<ServerFrame> {
        // Without a database there are no totals; they come with the next change.
        let payload = unread::totals(&self.node.database, self.user()).await.ok()?;
        Some(ServerFrame::NavCounts { payload })
    }

    fn encoded(&self, frame: ServerFrame) -> Bytes {
        self.node.images.links().encode(frame, self.user())
    }

    /// Puts frames before everything that is held; a connection that is closed meanwhile needs no more.
    fn hand(&self, frames: Vec<Bytes>) {
        metrics::get().frames_out.increment(frames.len() as u64);
        let _ = self.registration.outbox().replay(frames);
    }

    /// Lets live frames go, after the last ones of a replay; tells whether that may be: whether all of them were held.
    fn lets_go(&self, last: Vec<Bytes>) -> bool {
        let count = last.len() as u64;
        // A connection that is closed meanwhile needs no more.
        let gone = self.registration.outbox().release(last).unwrap_or(true);
        metrics::get().frames_out.increment(if gone { count } else { 0 });
        gone
    }

    /// The same at an end that says nothing of what has happened meanwhile: what could not be held comes next.
    fn lets_go_anyway(&self, last: Vec<Bytes>) {
        if !self.lets_go(last.clone()) {
            self.hand(last);
        }
    }

    fn refuse_sync(&self, refused: Refused) {
        metrics::get().error(refused.code).increment(1);
        self.tell(&refused.frame(About::default()));
    }

    /// The database is away: the client comes back with its cursor.
    fn give_up(&self, error: chat_database::Error) {
        tracing::debug!(%error, "cannot serve a cursor");
        self.hand(vec![Refused::from(error).frame(About::default()).encode()]);
        self.registration.outbox().close(CloseCode::Internal);
    }
}
