//! Threads with a runtime of their own, for what would hold up the hub's.
//!
//! Storage has one: SQLite is written on the thread that asks, so that thread must be nobody else's; and a commit that begins
//! on the thread where the last one ended waits for nobody's turn in between. Pages have one that gives way: a page of history
//! takes a tenth of a millisecond to be made from what the database has said, and messages would wait for it.

use std::convert::Infallible;
use std::future::Future;
use std::{io, panic, thread};

use tokio::runtime::{self, Builder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::cores;

/// How much less urgent a thread is that gives way, as `nice` counts it.
const NICE: i32 = 10;

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Home {
    runtime: runtime::Handle,
    _open: oneshot::Sender<Infallible>,
}

impl Home {
    /// Starts a thread.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        Self::begin(name, || {})
    }

    /// Starts a thread that gives way to others.
    pub(crate) fn open_giving_way(name: &str) -> io::Result<Self> {
        Self::begin(name, || {
            cores::anywhere();
            give_way();
        })
    }

    fn begin(name: &str, prepare: fn()) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            prepare();
            // Nothing is ever sent: it is the other end's going that ends this.
            let _: Result<Infallible, _> = runtime.block_on(closed);
        })?;
        Ok(Self { runtime: handle, _open: open })
    }

    /// Runs a task there.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(task)
    }

    /// Runs something there and waits for it; whoever stops to wait ends it.
    pub(crate) async fn run<F>(&self, work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        match AbortOnDropHandle::new(self.spawn(work)).await {
            Ok(done) => done,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                Err(_) => unreachable!("it is open as long as somebody waits here"),
            },
        }
    }
}

/// Makes the calling thread less urgent than others.
pub(crate) fn give_way() {
    // Elsewhere it is the whole process that would be less urgent.
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICE)
    {
        tracing::debug!(%error, "a thread is as urgent as all others");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_run_aside_is_run_on_the_thread_and_a_panic_comes_back() {
        let home = Home::open_giving_way("aside").expect("a thread");
        let name = home.run(async { thread::current().name().map(str::to_owned) }).await;
        assert_eq!(name.as_deref(), Some("aside"));
        let broken = tokio::spawn(async move { home.run(async { panic!("as work may") }).await });
        assert!(broken.await.is_err_and(|error| error.is_panic()));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_ended() {
        let home = Home::open("aside").expect("a thread");
        let (held, ended) = oneshot::channel::<Infallible>();
        let endless = home.run(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(10), endless).await.is_err());
        assert!(ended.await.is_err());
    }
}
