//! Catching up: a connection is sent what it has missed, from the database, before live frames.
//!
//! The connection is registered and its outbox held before anything is looked up. What is committed after that is held in
//! the outbox, and what was committed before is found in the database: nothing is lost between the two.
//!
//! Of what was found the ids are kept; it is read and sent a window at a time. The outbox asks for the next window when the
//! client has read the last one, so a session never waits for its client. What has changed again by then, or could not be
//! held meanwhile, is found in another round, from where this one began. A connection that has fallen behind is caught up
//! in the same way.

use std::sync::Arc;

use bytes::Bytes;
use chat_database::ids::CommitNo;
use chat_database::queries::changes::{self, Backlog, ChangedMessage, Changes};
use chat_database::queries::unread;
use chat_database::time::Timestamp;

use super::State;
use super::replay::{End, Replay};
use crate::error::Error;
use crate::metrics;
use crate::protocol::cursor::MAX_CHANGES;
use crate::protocol::server::About;
use crate::protocol::{CloseCode, ServerFrame, Socket};
use crate::requester::Permit;
use crate::sync::{self, Reader, ResumePoint};

/// How many bytes are read and sent at a time.
const WINDOW: usize = 256 << 10;

/// More changes than are ever being delivered to one user at one moment.
const BEING_DELIVERED: usize = 1_000_000;

/// How many changes are looked up for a connection that has fallen behind: with more, it is closed as too slow.
const BEHIND: usize = 10_000;

impl State {
    /// Says `auth_ok`, and begins to serve what was missed.
    pub(super) async fn begin(&mut self, cursor: Option<String>) {
        let context = Arc::clone(&self.context);
        // The semaphore is never closed.
        let _turn = context.catch_ups.acquire().await;
        if self.registration.outbox().closing().is_some() {
            return; // the client did not wait
        }
        match self.catch_up_first(cursor).await {
            Ok(replay) => {
                self.replays.get_or_insert_default().running = Some(replay);
                self.continue_replay().await;
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
        // A replay that runs, or is due because the connection has fallen behind, comes first.
        let runs = self.replays.as_ref().is_some_and(|replays| replays.running.is_some());
        if !runs && self.registration.outbox().behind().is_none() {
            self.sync_next().await;
        }
    }

    /// Sends the next window of what was missed.
    pub(super) async fn continue_replay(&mut self) {
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
                    return Box::pin(self.continue_replay()).await;
                }
                Ok(None) => {
                    let cursor = self.context.frontier.cursor();
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

    /// Begins to serve a connection: sends `auth_ok` and the totals, and finds out what it has missed.
    async fn catch_up_first(&mut self, cursor: Option<String>) -> Result<Replay, chat_database::Error> {
        let (released, newest) = self.context.frontier.span();
        let here = self.context.frontier.cursor_at(released, self.user());
        let from = match cursor {
            None => ResumePoint::Here,
            Some(text) => sync::resume_point(&self.context.database, self.user(), &text, Timestamp::now()).await?,
        };
        let missed = match &from {
            ResumePoint::Cursor(cursor) => self.found(cursor.commit, MAX_CHANGES).await?,
            ResumePoint::Here | ResumePoint::Reset => None,
        };
        let (greeting, replay) = match (from, missed) {
            (ResumePoint::Cursor(cursor), Some(missed)) => {
                metrics::get().resumed.increment(1);
                let since = cursor.commit;
                let end = End::Synced { from: Box::new(cursor.clone()), released };
                (self.auth_ok(cursor, true, false), Replay::new(Some(missed), since, end))
            }
            (from, _) => {
                let reset = !matches!(from, ResumePoint::Here);
                metrics::get().resets.increment(u64::from(reset));
                // What is being delivered right now was perhaps pushed before this connection was registered. For the
                // client it is live: no `synced` follows it.
                let being_delivered =
                    if released < newest { self.found(released, BEING_DELIVERED).await? } else { None };
                let live = End::Live { behind: false };
                let replay = Replay::new(Some(being_delivered.unwrap_or_default().as_live(released)), released, live);
                (self.auth_ok(here, false, reset), replay)
            }
        };
        let first = [Some(greeting), self.totals().await].into_iter().flatten();
        self.hand(first.map(|frame| self.encoded(frame)).collect());
        Ok(replay)
    }

    /// Finds out what was missed since a cursor; `None` if the client has to reload.
    async fn catch_up_again(&self, text: &str) -> Result<Option<Replay>, chat_database::Error> {
        let (released, _) = self.context.frontier.span();
        let from = sync::resume_point(&self.context.database, self.user(), text, Timestamp::now()).await?;
        let ResumePoint::Cursor(cursor) = from else { return Ok(None) };
        let since = cursor.commit;
        let missed = self.found(since, MAX_CHANGES).await?;
        let end = End::Synced { from: Box::new(cursor), released };
        Ok(missed.map(|missed| Replay::new(Some(missed), since, end)))
    }

    /// Sends the next window; tells whether a replay has ended with it.
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
        let window = changes::next(&self.context.database, &mut backlog, WINDOW).await?;
        self.note_later_changes(&window, backlog.head());
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
                    let cursor = self.context.frontier.onward(from, *released);
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

    /// Looks up what a round has to send; `None` if it is too much.
    async fn look_up(&self, replay: &mut Replay) -> Result<Option<Backlog>, chat_database::Error> {
        let outbox = self.registration.outbox();
        let told = outbox.behind().map(|missed| missed.sent).unwrap_or_default();
        outbox.catch_up();
        match &mut replay.end {
            End::Synced { released, .. } => *released = self.context.frontier.released(),
            End::Live { behind } => *behind = true,
        }
        let Some(mut backlog) = self.found(replay.since, BEHIND).await? else { return Ok(None) };
        if let End::Live { .. } = replay.end {
            backlog.forget(&told);
            backlog = backlog.as_live(replay.known);
        }
        Ok(Some(backlog))
    }

    /// Looks up what has changed since a commit, and notes in the outbox that it is replayed; `None` if it is more than
    /// `most`.
    async fn found(&self, since: CommitNo, most: usize) -> Result<Option<Backlog>, chat_database::Error> {
        let found = changes::backlog(&self.context.database, self.user(), since, most).await?;
        if let Some(found) = &found {
            self.registration.outbox().replays(found.head(), found.marks());
        }
        Ok(found)
    }

    /// Notes in the outbox which messages of a window have changed since they were looked up.
    fn note_later_changes(&self, window: &Changes, looked_up: CommitNo) {
        let later = window.messages.iter().filter(|changed| changed.commit > looked_up);
        if let Some(up_to) = later.clone().map(|changed| changed.commit).max() {
            let changes = later.map(|ChangedMessage { message, .. }| (message.thread_id, message.rev)).collect();
            self.registration.outbox().replays_later(up_to, changes);
        }
    }

    fn frames(&self, window: &Changes, replay: &Replay) -> Vec<Bytes> {
        let reader = Reader { user: self.user(), chat: self.socket == Socket::Chat, notifications: self.notifications };
        // Frames of a replay that ends with `synced` have no cursors.
        let here = || {
            let frontier = &self.context.frontier;
            frontier.cursor_at(replay.since.min(frontier.released()), self.user())
        };
        let here = matches!(replay.end, End::Live { .. }).then(here);
        let frames = sync::frames(reader, window, replay.known, here.as_ref());
        frames.into_iter().map(|frame| self.encoded(frame)).collect()
    }

    async fn totals(&self) -> Option<ServerFrame> {
        // If the database is away, the totals come with the next change.
        let payload = unread::totals(&self.context.database, self.user()).await.ok()?;
        Some(ServerFrame::NavCounts { payload })
    }

    fn encoded(&self, frame: ServerFrame) -> Bytes {
        self.context.links.encode(frame, self.user())
    }

    /// Queues frames before everything that is held; a connection that was closed meanwhile does not need them.
    fn hand(&self, frames: Vec<Bytes>) {
        metrics::get().frames_out.increment(frames.len() as u64);
        let _ = self.registration.outbox().replay(frames);
    }

    /// Queues the last frames of a replay, and lets live frames through again; `false`, and nothing is done, if live frames
    /// could not all be held.
    fn lets_go(&self, last: Vec<Bytes>) -> bool {
        let count = last.len() as u64;
        // A connection that was closed meanwhile needs nothing more.
        let gone = self.registration.outbox().release(last).unwrap_or(true);
        metrics::get().frames_out.increment(if gone { count } else { 0 });
        gone
    }

    /// As `lets_go`, but sends the last frames in any case: live frames that could not be held are replayed next.
    fn lets_go_anyway(&self, last: Vec<Bytes>) {
        if !self.lets_go(last.clone()) {
            self.hand(last);
        }
    }

    fn refuse_sync(&self, refused: Error) {
        metrics::get().error(refused.code).increment(1);
        self.send(&refused.frame(About::default()));
    }

    /// Closes the connection, because the database is away: the client comes back with its cursor.
    fn give_up(&self, error: chat_database::Error) {
        tracing::debug!(%error, "cannot serve a cursor");
        self.hand(vec![Error::from(error).frame(About::default()).encode()]);
        self.registration.outbox().close(CloseCode::Internal);
    }
}
