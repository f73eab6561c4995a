//! What users may not do, as this node knows it. The database is the truth: the commit itself refuses what a suspended user sends.
//! Here is what must be known without asking the database: which tokens are too old.
//!
//! It is read again when a commit has changed a restriction on whichever node: the other nodes say so over the relay, and the
//! follower sees it in the database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use chat_database::Database;
use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::restrictions;
use chat_database::restrictions::Restriction;
use chat_database::time::Timestamp;
use tokio::sync::Mutex;

use crate::connections::ConnectionTable;
use crate::error::Error;
use crate::protocol::{CloseCode, ErrorCode};

/// What users may not do. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Restrictions(Arc<Inner>);

struct Inner {
    database: Database,
    connections: ConnectionTable,
    known: RwLock<Known>,
    /// It is read by one task at a time.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Known {
    as_of: CommitNo,
    users: HashMap<UserId, Restriction>,
}

impl Restrictions {
    pub(crate) fn new(database: Database, connections: ConnectionTable) -> Self {
        Self(Arc::new(Inner { database, connections, known: RwLock::default(), turn: Arc::default() }))
    }

    /// Reads all restrictions, and closes the connections of users whose sessions were ended since.
    pub(crate) async fn read(&self) -> Result<(), chat_database::Error> {
        let _turn = self.0.turn.lock().await;
        self.read_in_turn().await
    }

    /// Reads them soon, unless that is being done.
    pub(crate) fn read_soon(&self) {
        let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let _turn = turn;
            if let Err(error) = this.read_in_turn().await {
                tracing::debug!(%error, "restrictions of users are read when the follower looks again");
            }
        });
    }

    /// Hears which commit changed a restriction last.
    pub(crate) fn notice(&self, as_of: CommitNo) {
        if self.known().as_of != as_of {
            self.read_soon();
        }
    }

    /// Tells whether a token counts that was issued then; one that does not say when is older than every end of sessions.
    pub(crate) fn admits(&self, user: UserId, issued_at: Option<Timestamp>) -> Result<(), Error> {
        let known = self.known();
        let Some(from) = known.users.get(&user).and_then(|restriction| restriction.tokens_from) else { return Ok(()) };
        // Tokens say whole seconds.
        if issued_at.is_some_and(|issued_at| issued_at.seconds() > from.seconds()) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Unauthorized, "the sessions of this user were ended; sign in again"))
    }

    async fn read_in_turn(&self) -> Result<(), chat_database::Error> {
        let read = restrictions::all(&self.0.database).await?;
        let users = read.all.into_iter().map(|restriction| (restriction.user, restriction)).collect();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *known, Known { as_of: read.as_of, users });
        let ended = |user: &UserId| before.users.get(user).and_then(|before| before.tokens_from);
        let ended = known.users.values().filter(|now| now.tokens_from > ended(&now.user));
        let ended: Vec<UserId> = ended.map(|restriction| restriction.user).collect();
        drop(known);
        // In this order: a connection that is opened meanwhile is either seen here, or sees what is known now.
        ended.into_iter().for_each(|user| self.0.connections.close(user, CloseCode::SessionsEnded));
        Ok(())
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}
