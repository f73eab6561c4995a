//! The thread that storage runs on.
//!
//! SQLite is written on the thread that asks, so that thread must be nobody else's; and a commit that begins on the thread
//! where the last one ended waits for nobody's turn in between. It has a runtime of its own, for a server's answers.

use std::convert::Infallible;
use std::future::Future;
use std::{io, thread};

use tokio::runtime::{self, Builder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The thread. It ends when this is dropped.
pub(super) struct Home {
    runtime: runtime::Handle,
    _open: oneshot::Sender<Infallible>,
}

impl Home {
    pub(super) fn open() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        thread::Builder::new().name("storage".to_owned()).spawn(move || {
            // Nothing is ever sent: it is the other end's going that ends this.
            let _: Result<Infallible, _> = runtime.block_on(closed);
        })?;
        Ok(Self { runtime: handle, _open: open })
    }

    /// Runs a task there.
    pub(super) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(task)
    }
}
