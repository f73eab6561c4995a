//! The restrictions of users, as this node knows them. The database is the truth: the commit itself refuses what a
//! suspended user sends. Here is what must be known without asking the database: which tokens are too old.
//!
//! When a commit changes a restriction, on whichever node, each node reads what has changed since: the other nodes announce
//! it over the relay, and the follower sees it in the database. A node reads all of it as it starts, and when the database
//! was put back to an earlier state. A user whose sessions were ever ended takes at most 40 bytes of memory. Suspensions
//! are not kept here: the writer knows the present ones, see `chat_database::commit`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chat_database::Database;
use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::restrictions;
use chat_database::restrictions::EndedSessions;
use chat_database::time::Timestamp;
use tokio::sync::Mutex;

use crate::connections::ConnectionTable;
use crate::error::Error;
use crate::protocol::{CloseCode, ErrorCode};

/// The restrictions of users. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Restrictions(Arc<Inner>);

struct Inner {
    database: Database,
    connections: ConnectionTable,
    known: RwLock<Known>,
    /// Held by the one task that reads them.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Known {
    as_of: CommitNo,
    /// Whether `as_of` is a commit of the present history.
    stands: bool,
    /// Of users whose sessions were ended: from when on their tokens are valid.
    tokens_from: HashMap<UserId, Timestamp>,
}

impl Restrictions {
    pub(crate) fn new(database: Database, connections: ConnectionTable) -> Self {
        Self(Arc::new(Inner { database, connections, known: RwLock::default(), turn: Arc::default() }))
    }

    /// Reads what has changed, and closes the connections of users whose sessions were ended since. Returns how many rows
    /// were read.
    pub(crate) async fn read(&self) -> Result<usize, chat_database::Error> {
        let _turn = self.0.turn.lock().await;
        self.read_in_turn().await
    }

    /// Notes that the database was put back to an earlier state: everything is read again.
    pub(crate) fn went_back(&self) {
        self.known_mut().stands = false;
        self.read_soon();
    }

    /// Starts to read what has changed, unless a task is doing so.
    pub(crate) fn read_soon(&self) {
        let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = this.read_in_turn().await {
                tracing::debug!(%error, "restrictions of users are read when the follower polls again");
            }
        });
    }

    /// Takes in which commit changed a restriction last.
    pub(crate) fn notice(&self, as_of: CommitNo) {
        let is_known = {
            let known = self.known();
            known.stands && known.as_of == as_of
        };
        if !is_known {
            self.read_soon();
        }
    }

    /// Checks that a token issued then is valid; one without that time counts as older than every end of sessions.
    pub(crate) fn check_token(&self, user: UserId, issued_at: Option<Timestamp>) -> Result<(), Error> {
        let known = self.known();
        let Some(from) = known.tokens_from.get(&user) else { return Ok(()) };
        // Tokens name whole seconds.
        if issued_at.is_some_and(|issued_at| issued_at.seconds() > from.seconds()) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Unauthorized, "the sessions of this user were ended; sign in again"))
    }

    async fn read_in_turn(&self) -> Result<usize, chat_database::Error> {
        // If the database is put back from here on, `stands` is cleared, and the next read reads everything.
        let since = {
            let mut known = self.known_mut();
            std::mem::replace(&mut known.stands, true).then_some(known.as_of)
        };
        let read = self.changed(since).await;
        let mut known = self.known_mut();
        let (is_all, EndedSessions { as_of, users }) = read.inspect_err(|_| known.stands &= since.is_some())?;
        let before = if is_all { std::mem::take(&mut known.tokens_from) } else { HashMap::new() };
        let rows = users.len();
        let mut ended = Vec::new();
        for (user, from) in users {
            let known_from = known.tokens_from.insert(user, from).or_else(|| before.get(&user).copied());
            if Some(from) > known_from {
                ended.push(user);
            }
        }
        known.as_of = as_of;
        drop(known);
        // In this order: a connection that opens meanwhile is either found here, or is checked against the new state.
        ended.into_iter().for_each(|user| self.0.connections.close(user, CloseCode::SessionsEnded));
        Ok(rows)
    }

    /// Reads what commits after `since` have changed, or everything; tells whether it is everything.
    async fn changed(&self, since: Option<CommitNo>) -> Result<(bool, EndedSessions), chat_database::Error> {
        if let Some(since) = since {
            let changed = restrictions::ended_sessions_since(&self.0.database, since).await?;
            // The commit is earlier than the known one: the database was put back, which this node does not know yet.
            if changed.as_of >= since {
                return Ok((false, changed));
            }
        }
        Ok((true, restrictions::ended_sessions(&self.0.database).await?))
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chat_database::audit::{Act, NewEntry};
    use chat_database::change::Change;
    use chat_database::commit::Writer;
    use chat_database::connect::Options;
    use chat_database::history;
    use chat_database::nodes::NodeId;
    use chat_database::restrictions::AdminChange;

    use super::*;
    use crate::delivery_frontier::DeliveryFrontier;

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    async fn ends(writer: &mut Writer, id: u64) {
        let change = AdminChange::EndSessions(user(id), NewEntry::new("admin:2", Act::UserEndSessions));
        writer.commit(&[Change::Administer(Box::new(change))]).await.expect("committed");
    }

    /// All rows were read whenever one had changed.
    #[tokio::test]
    async fn what_changed_is_read_and_all_of_it_once_the_database_went_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/chat.db?mode=rwc", folder.path().display());
        let database = Database::connect(&Options { url, readers: 1 }).await.expect("a database");
        chat_migrations::up(database.for_migrations()).await.expect("migrated");
        let head = history::head_beside(&database, CommitNo(0)).await.expect("a head");
        let known = Restrictions::new(database.clone(), ConnectionTable::new(DeliveryFrontier::new(head)));
        assert_eq!(known.read().await.expect("read"), 0);
        let mut writer = Writer::new(database.clone(), NodeId::draw("one").expect("a name"));
        for id in 1..=50 {
            ends(&mut writer, id).await;
        }
        assert_eq!(known.read().await.expect("read"), 50);
        assert_eq!(known.read().await.expect("read"), 0);
        ends(&mut writer, 7).await;
        ends(&mut writer, 60).await;
        assert_eq!(known.read().await.expect("read"), 2);
        let old = Some(Timestamp::from_millis(1_000));
        for id in [1, 7, 50, 60] {
            known.check_token(user(id), old).expect_err("the token is too old");
        }
        known.check_token(user(51), old).expect("the sessions were not ended");
        known.known_mut().tokens_from.insert(user(51), Timestamp::now());
        known.known_mut().stands = false;
        assert_eq!(known.read().await.expect("read"), 51);
        known.check_token(user(51), old).expect("what is not there any more is forgotten");
        known.known_mut().as_of = CommitNo(1_000);
        assert_eq!(known.read().await.expect("read"), 51, "a database that went back unnoticed");
    }
}
