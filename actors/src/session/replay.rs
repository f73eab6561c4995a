//! Catching up: what a connection has missed, from the database, before what is live.
//!
//! The connection is registered and its outbox held before anything is read: what is committed after the reading is pushed
//! behind it, and what was committed before is in it. So nothing falls between.

use chat_database::ids::CommitNo;
use chat_database::queries::changes::{self, Changes};
use chat_database::queries::unread;
use chat_database::time::Timestamp;

use super::State;
use crate::catch_up::{self, From, Hearer};
use crate::metrics;
use crate::outbox::Slow;
use crate::protocol::cursor::MAX_CHANGES;
use crate::protocol::{CloseCode, Cursor, ServerFrame, Socket};
use crate::refused::Refused;

/// More changes than are ever being told to one user at one moment.
const BEING_TOLD: usize = 1_000_000;

impl State {
    /// Says `auth_ok`, serves what was missed, and lets live frames go.
    pub(super) async fn begin(&mut self, cursor: Option<String>) {
        if let Err(error) = self.catch_up_first(cursor).await {
            self.give_up(error);
        }
        self.registration.outbox().release();
    }

    /// Serves what was missed since a cursor, on a connection that is live already.
    pub(super) async fn sync(&mut self, cursor: String) -> Result<(), Refused> {
        self.may(|limits| &limits.queries)?;
        self.registration.outbox().hold();
        let synced = self.catch_up_again(&cursor).await;
        if synced.is_err() {
            self.registration.outbox().release();
        }
        let synced = synced?;
        // Live frames wait for the last of the replay, not the other way round.
        let told = self.registration.outbox().replay(synced.encode()).await;
        self.registration.outbox().release();
        told.or(Ok(()))
    }

    async fn catch_up_first(&mut self, cursor: Option<String>) -> Result<(), chat_database::Error> {
        let (released, newest) = self.node.horizon.span();
        let here = self.node.horizon.cursor_at(released, self.user());
        let from = match cursor {
            None => From::Here,
            Some(text) => catch_up::from(&self.node, self.user(), &text, Timestamp::now()).await?,
        };
        let missed = match &from {
            From::Cursor(cursor) => {
                changes::of_user(&self.node.database, self.user(), cursor.commit, MAX_CHANGES).await?
            }
            From::Here | From::Reset => None,
        };
        match (from, missed) {
            (From::Cursor(cursor), Some(missed)) => {
                metrics::get().resumed.increment(1);
                let synced = self.node.horizon.onward(&cursor, released);
                let since = cursor.commit;
                let _ = self.hand(self.auth_ok(cursor, true, false)).await;
                self.hand_totals().await;
                self.hand_changes(missed, since, None).await;
                let _ = self.hand(ServerFrame::Synced { cursor: synced, reset: false }).await;
            }
            (from, _) => {
                let reset = !matches!(from, From::Here);
                metrics::get().resets.increment(u64::from(reset));
                let _ = self.hand(self.auth_ok(here.clone(), false, reset)).await;
                self.hand_totals().await;
                // What is being told right now was perhaps pushed before this connection was there to hear it.
                if released < newest
                    && let Some(missed) =
                        changes::of_user(&self.node.database, self.user(), released, BEING_TOLD).await?
                {
                    // For this connection they are live: there is no `synced` to say how far it is.
                    self.hand_changes(missed, released, Some(&here)).await;
                }
            }
        }
        Ok(())
    }

    async fn catch_up_again(&mut self, text: &str) -> Result<ServerFrame, Refused> {
        let (released, _) = self.node.horizon.span();
        if let From::Cursor(cursor) = catch_up::from(&self.node, self.user(), text, Timestamp::now()).await? {
            let since = cursor.commit;
            if let Some(missed) = changes::of_user(&self.node.database, self.user(), since, MAX_CHANGES).await? {
                self.hand_changes(missed, since, None).await;
                let cursor = self.node.horizon.onward(&cursor, released);
                return Ok(ServerFrame::Synced { cursor, reset: false });
            }
        }
        Ok(ServerFrame::Synced { cursor: self.node.horizon.cursor_at(released, self.user()), reset: true })
    }

    async fn hand_changes(&self, missed: Changes, since: CommitNo, cursor: Option<&Cursor>) {
        let hearer = Hearer { user: self.user(), chat: self.socket == Socket::Chat, notifications: self.notifications };
        for frame in catch_up::frames(hearer, &missed, since, cursor) {
            if self.hand(frame).await.is_err() {
                break;
            }
        }
    }

    async fn hand_totals(&self) {
        // Without a database there are no totals; they come with the next change.
        if let Ok(payload) = unread::totals(&self.node.database, self.user()).await {
            let _ = self.hand(ServerFrame::NavCounts { payload }).await;
        }
    }

    /// Puts a frame before everything that is held; a connection that is closed meanwhile needs no more.
    async fn hand(&self, frame: ServerFrame) -> Result<(), Slow> {
        metrics::get().frames_out.increment(1);
        let frame = self.node.images.links().encode(frame, self.user());
        self.registration.outbox().replay(frame).await
    }

    /// The database is away: the client comes back with its cursor.
    fn give_up(&self, error: chat_database::Error) {
        tracing::debug!(%error, "cannot serve a cursor");
        self.tell(&Refused::from(error).frame(Default::default()));
        self.registration.outbox().close(CloseCode::Internal);
    }
}
