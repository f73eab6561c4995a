//! The handle of storage, and the permits for writes that wait for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chat_database::Error as DatabaseError;
use chat_database::change::{Change, Outcome};
use ractor::ActorRef;
use tokio::sync::{Mutex, MutexGuard, Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::message::{StorageMsg, WriteReply, WriteRequest};
use crate::actor_slot::ActorSlot;
use crate::error::Error;
use crate::executor::DedicatedRuntime;
use crate::protocol::ErrorCode;
use crate::requester::Requester;

/// The handle of the storage actor, and the permits for writes that wait for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct StorageHandle(Arc<Shared>);

struct Shared {
    runtime: DedicatedRuntime,
    actor: ActorSlot<StorageMsg>,
    permits: Arc<Semaphore>,
    all_permits: usize,
    commit_lock: Mutex<()>,
    /// Why the last commit was not written, if it was not: readiness checks ask for it.
    failing: RwLock<Option<String>>,
    /// Whether `failing` is set, for a quick look by each commit.
    is_failing: AtomicBool,
}

impl StorageHandle {
    /// Starts storage's OS thread, for an actor to come. At most `permits` writes wait at a time.
    ///
    /// # Errors
    /// The system's, if it cannot start an OS thread.
    pub(crate) fn open(permits: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            runtime: DedicatedRuntime::start("storage")?,
            actor: ActorSlot::default(),
            permits: Arc::new(Semaphore::new(permits)),
            all_permits: permits,
            commit_lock: Mutex::default(),
            failing: RwLock::default(),
            is_failing: AtomicBool::new(false),
        })))
    }

    /// Runs a task on storage's OS thread.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.runtime.spawn(task)
    }

    /// Hands a write over. Refuses it with `overloaded` if there is no permit for it.
    pub(crate) fn write(&self, write: WriteRequest) {
        let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() else {
            let text = "more is waiting to be stored than this node takes; try again";
            write.reply.refuse(&Error::new(ErrorCode::Overloaded, text));
            return;
        };
        // While the actor is being started again, its mailbox is closed: a write that is dropped there replies with an
        // error.
        if let Err(StorageMsg::Write(write, _)) = self.0.actor.send(StorageMsg::Write(write, permit)) {
            write.reply.refuse(&Error::shutting_down());
        }
    }

    /// Hands over a change of a thread, which delivers the outcome and replies to the requester.
    pub(crate) fn request(&self, change: Change, requester: Requester) {
        self.write(WriteRequest { change, reply: WriteReply::Thread(requester) });
    }

    /// Hands a write over and waits for its outcome.
    pub(crate) async fn call(&self, change: Change) -> Result<Outcome, Error> {
        let (call, outcome) = oneshot::channel();
        self.write(WriteRequest { change, reply: WriteReply::Call(call) });
        outcome.await.unwrap_or_else(|_| Err(Error::internal()))
    }

    /// Hands a write over that is less urgent than what users wait for, and waits for its outcome.
    pub(crate) async fn call_later(&self, change: Change) -> Result<Outcome, Error> {
        let (call, outcome) = oneshot::channel();
        let write = WriteRequest { change, reply: WriteReply::Call(call) };
        match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => {
                if let Err(StorageMsg::WriteLater(write, _)) = self.0.actor.send(StorageMsg::WriteLater(write, permit))
                {
                    write.reply.refuse(&Error::shutting_down());
                }
            }
            Err(_) => write
                .reply
                .refuse(&Error::new(ErrorCode::Overloaded, "more is waiting to be stored than this node takes")),
        }
        outcome.await.unwrap_or_else(|_| Err(Error::internal()))
    }

    /// Returns why no commit is written, if the last one was not.
    pub(crate) fn failing(&self) -> Option<String> {
        self.0.failing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the database takes writes: a commit, or a probe, has succeeded.
    pub(super) fn can_write(&self) {
        if self.0.is_failing.load(Ordering::Relaxed) {
            tracing::info!("the database takes writes again");
            *self.0.failing.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.0.is_failing.store(false, Ordering::Relaxed);
        }
    }

    /// Notes that a commit, or a probe, has failed. A change that the database refuses says nothing of the next commit.
    pub(super) fn cannot_write(&self, error: &DatabaseError) {
        let (DatabaseError::Unavailable(why) | DatabaseError::Unsettled(why)) = error else { return };
        *self.0.failing.write().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        self.0.is_failing.store(true, Ordering::Relaxed);
    }

    /// Has storage restart the history, for the database has gone back to an earlier state; waits until that is done.
    ///
    /// # Errors
    /// `Unavailable`: nothing was done.
    pub(crate) async fn restart_history(&self) -> Result<(), DatabaseError> {
        let (done, restarted) = oneshot::channel();
        let _ = self.0.actor.send(StorageMsg::RestartHistory(done));
        restarted.await.unwrap_or_else(|_| Err(DatabaseError::Unavailable("storage is being started again".to_owned())))
    }

    /// Waits until no write waits for storage.
    pub(crate) async fn drained(&self) {
        let all = u32::try_from(self.0.all_permits).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _ = self.0.permits.acquire_many(all).await;
    }

    /// Waits for the lock that a commit holds while it runs.
    ///
    /// An actor that panics leaves its commit running. A commit of its successor that began meanwhile would wait for
    /// SQLite's lock on the very OS thread that the first commit needs to release it.
    pub(super) async fn lock_commit(&self) -> MutexGuard<'_, ()> {
        self.0.commit_lock.lock().await
    }

    pub(super) fn set_actor(&self, actor: ActorRef<StorageMsg>) {
        self.0.actor.set(actor);
    }

    #[cfg(feature = "failpoints")]
    pub(crate) fn fail(&self) {
        let _ = self.0.actor.send(StorageMsg::Fail);
    }
}
