//! The way to storage, and the places for what waits for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chat_database::Error as DatabaseError;
use chat_database::change::{Change, Outcome};
use ractor::actor::actor_cell::ActorCell;
use ractor::{ActorId, ActorProcessingErr, ActorRef, ActorRuntime};
use tokio::sync::{Mutex, MutexGuard, Semaphore, oneshot};

use super::{Message, Reply, Storage, Write};
use crate::home::Home;
use crate::node::Node;
use crate::protocol::ErrorCode;
use crate::refused::Refused;

/// The storage actor's address, and the places for writes that wait for it.
pub(crate) struct Handle {
    home: Home,
    actor: RwLock<Option<ActorRef<Message>>>,
    places: Arc<Semaphore>,
    all_places: usize,
    turn: Mutex<()>,
    /// Why the last commit was not written, if it was not: asked by who says whether this node is ready.
    failing: RwLock<Option<String>>,
    /// The same in short, for each commit looks.
    is_failing: AtomicBool,
}

impl Handle {
    /// Opens storage's thread, for an actor to come.
    ///
    /// # Errors
    /// What the system says against another thread.
    pub(crate) fn open(places: usize) -> io::Result<Self> {
        let home = Home::open("storage")?;
        let places_left = Arc::new(Semaphore::new(places));
        Ok(Self {
            home,
            actor: RwLock::default(),
            places: places_left,
            all_places: places,
            turn: Mutex::default(),
            failing: RwLock::default(),
            is_failing: AtomicBool::new(false),
        })
    }

    /// Starts the actor, on storage's thread.
    pub(crate) async fn start(&self, node: Arc<Node>, root: ActorCell) -> Result<ActorId, ActorProcessingErr> {
        let starting = async { ActorRuntime::spawn_linked(None, Storage, node, root).await };
        let (actor, _) = self.home.spawn(starting).await??;
        Ok(actor.get_id())
    }

    /// Hands a write over. Answers `overloaded` by itself if there is no place for it.
    pub(crate) fn write(&self, write: Write) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let refused =
                Refused::new(ErrorCode::Overloaded, "more is waiting to be stored than this node takes; try again");
            write.reply.refuse(&refused);
            return;
        };
        let actor = self.actor.read().unwrap_or_else(PoisonError::into_inner);
        let Some(actor) = actor.as_ref() else { return write.reply.refuse(&Refused::shutting_down()) };
        // While it is being started again, its mailbox is closed: what is dropped here answers for itself.
        let _ = actor.send_message(Message::Write(write, place));
    }

    /// Hands a write over and waits for what became of it.
    pub(crate) async fn call(&self, change: Change) -> Result<Outcome, Refused> {
        let (call, outcome) = oneshot::channel();
        self.write(Write { change, reply: Reply::Call(call) });
        outcome.await.unwrap_or_else(|_| Err(Refused::internal()))
    }

    /// Returns why nothing is written, if the last commit was not.
    pub(crate) fn failing(&self) -> Option<String> {
        self.failing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A commit was written, or would have been.
    pub(super) fn can_write(&self) {
        if self.is_failing.load(Ordering::Relaxed) {
            tracing::info!("the database takes writes again");
            *self.failing.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.is_failing.store(false, Ordering::Relaxed);
        }
    }

    /// A commit was not written. What the database refuses as such says nothing of the next one.
    pub(super) fn cannot_write(&self, error: &DatabaseError) {
        let (DatabaseError::Unavailable(why) | DatabaseError::Unsettled(why)) = error else { return };
        *self.failing.write().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        self.is_failing.store(true, Ordering::Relaxed);
    }

    /// Has the history begun anew that the database holds, for it has gone back to an earlier state; waits for it.
    ///
    /// # Errors
    /// `Unavailable`: nothing was done.
    pub(crate) async fn begin_anew(&self) -> Result<(), DatabaseError> {
        let (done, begun) = oneshot::channel();
        if let Some(actor) = self.actor.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = actor.send_message(Message::BeginAnew(done));
        }
        begun.await.unwrap_or_else(|_| Err(DatabaseError::Unavailable("storage is being started again".to_owned())))
    }

    /// Waits until nothing waits for storage.
    pub(crate) async fn settled(&self) {
        let all = u32::try_from(self.all_places).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.places.acquire_many(all).await;
    }

    /// Waits for the turn of a commit, or of what must not meet one.
    ///
    /// An actor that panics leaves its commit running; a successor that began meanwhile would wait for SQLite's lock on
    /// the thread that the first needs to let go of it.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn is(&self, actor: Option<ActorRef<Message>>) {
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    #[cfg(feature = "failpoints")]
    pub(crate) fn fail(&self) {
        if let Some(actor) = &*self.actor.read().unwrap_or_else(PoisonError::into_inner) {
            let _ = actor.send_message(Message::Fail);
        }
    }
}
