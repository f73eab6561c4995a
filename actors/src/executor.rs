//! OS threads with a runtime of their own, for work that would hold up the hub's.
//!
//! Storage has one: SQLite is written on the thread that calls it, so that thread must run nothing else; and a commit that
//! begins on the thread where the last one ended waits for no other task in between. Pages have a pool of low priority: a
//! page of history takes a tenth of a millisecond to be read and encoded, and messages would wait for it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::{io, iter, thread};

use tokio::runtime::{self, Builder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How many tasks may queue on one worker before the next worker is used. While one worker suffices, others would only take
/// cores from messages.
const SHORT_QUEUE: usize = 4;

/// How much lower the priority of a low-priority OS thread is, as `nice` counts it.
const NICE: i32 = 10;

/// One OS thread with a runtime. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct DedicatedRuntime {
    runtime: runtime::Handle,
    _open: oneshot::Sender<Infallible>,
}

impl DedicatedRuntime {
    /// Starts the OS thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        Self::start_with(name, || {})
    }

    fn start_with(name: &str, prepare: fn()) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            prepare();
            // No value is ever sent: the runtime runs until the sender is dropped.
            let _: Result<Infallible, _> = runtime.block_on(closed);
        })?;
        Ok(Self { runtime: handle, _open: open })
    }

    /// Runs a task on the OS thread.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(task)
    }
}

/// Several OS threads of low priority, any of which may run a task: a task that waits for the disk on one of them does not
/// hold up the others.
#[derive(Debug)]
pub(crate) struct LowPriorityPool {
    first: Worker,
    others: Vec<Worker>,
}

/// An OS thread, and an `Arc` that each of its tasks holds, to count them.
#[derive(Debug)]
struct Worker {
    runtime: DedicatedRuntime,
    tasks: Arc<()>,
}

impl LowPriorityPool {
    /// Starts as many workers as are asked for, but at least one.
    pub(crate) fn start(name: &str, workers: usize) -> io::Result<Self> {
        let start = || {
            let runtime = DedicatedRuntime::start_with(name, lower_thread_priority)?;
            Ok(Worker { runtime, tasks: Arc::default() })
        };
        Ok(Self { first: start()?, others: (1..workers).map(|_| start()).collect::<io::Result<_>>()? })
    }

    /// Runs a task on the first worker with a short queue, or on the one with the shortest, and waits for it. If the caller
    /// stops waiting, a task that has not begun is skipped, and one that has begun runs to its end.
    ///
    /// # Errors
    /// If the task panics.
    pub(crate) async fn run<F>(&self, task: F) -> Result<F::Output, Panicked>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let worker = self.worker();
        let (counted, caller) = (Arc::clone(&worker.tasks), Arc::new(()));
        let waiting = Arc::downgrade(&caller);
        let done = worker.runtime.spawn(async move {
            let _counted = counted;
            if waiting.strong_count() == 0 { None } else { Some(task.await) }
        });
        let done = done.await;
        drop(caller);
        // The panic hook has logged it.
        done.ok().flatten().ok_or(Panicked)
    }

    fn worker(&self) -> &Worker {
        let tasks = |worker: &&Worker| Arc::strong_count(&worker.tasks) - 1;
        let mut all = iter::once(&self.first).chain(&self.others);
        let shortest = || self.others.iter().chain(iter::once(&self.first)).min_by_key(tasks);
        all.find(|worker| tasks(worker) < SHORT_QUEUE).or_else(shortest).unwrap_or(&self.first)
    }
}

/// The task has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Lowers the priority of the calling OS thread.
pub(crate) fn lower_thread_priority() {
    // On other systems than Linux, `nice` lowers the priority of the whole process.
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICE)
    {
        tracing::debug!(%error, "an OS thread keeps the usual priority");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::future;
    use std::sync::mpsc;
    use std::thread::ThreadId;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn thread_of(pool: &LowPriorityPool) -> ThreadId {
        let done = timeout(Duration::from_secs(10), pool.run(async { thread::current().id() })).await;
        done.expect("it has a turn").expect("it is done")
    }

    #[tokio::test]
    async fn work_runs_on_a_thread_of_the_pools_name_and_a_panic_is_an_error() {
        let pool = LowPriorityPool::start("pages", 1).expect("a thread");
        let name = pool.run(async { thread::current().name().map(str::to_owned) }).await;
        assert_eq!(name, Ok(Some("pages".to_owned())));
        assert_eq!(pool.run(async { assert!(thread::panicking(), "as work may") }).await, Err(Panicked));
        assert_eq!(pool.run(async { "and the next one" }).await, Ok("and the next one"));
    }

    /// A page that reads in a transaction, and whose client hung up, left the connection with the transaction open.
    #[tokio::test]
    async fn work_that_has_begun_is_done_though_its_caller_has_gone() {
        let pool = LowPriorityPool::start("pages", 1).expect("a thread");
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            let _ = begun.send(());
            let _ = may_go_on.await;
            let _ = done.send(());
        };
        let mut waiting = Box::pin(pool.run(work));
        tokio::select! {
            _ = &mut waiting => unreachable!("it waits"),
            begun = has_begun => begun.expect("it has begun"),
        }
        drop(waiting);
        go_on.send(()).expect("it is still there");
        is_done.await.expect("it was done");
    }

    /// A client that asked and hung up, over and over, had pages made that it did not read.
    #[tokio::test]
    async fn work_whose_caller_has_gone_is_not_begun() {
        let pool = Arc::new(LowPriorityPool::start("pages", 1).expect("a thread"));
        let (free, disk) = mpsc::channel::<()>();
        let held = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(async move { disk.recv().is_err() }).await }
        });
        tokio::task::yield_now().await;
        let (begun, mut has_begun) = oneshot::channel();
        tokio::select! {
            biased;
            _ = pool.run(async move { begun.send(()) }) => unreachable!("it is behind the other one"),
            () = future::ready(()) => {}
        }
        drop(free);
        assert_eq!(held.await.expect("done"), Ok(true));
        thread_of(&pool).await;
        assert!(has_begun.try_recv().is_err());
    }

    #[tokio::test]
    async fn one_thread_does_it_all_as_long_as_it_has_little_to_do() {
        let pool = LowPriorityPool::start("pages", 3).expect("threads");
        let first = thread_of(&pool).await;
        for _ in 0..20 {
            assert_eq!(thread_of(&pool).await, first);
        }
    }

    #[tokio::test]
    async fn work_goes_where_there_is_less_of_it_while_a_thread_waits_for_the_disk() {
        let pool = Arc::new(LowPriorityPool::start("pages", 2).expect("threads"));
        let (free, disk) = mpsc::channel::<()>();
        let at_the_disk = async move { disk.recv().is_err() };
        let mut held = vec![tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(at_the_disk).await }
        })];
        // They wait behind it, until there are more of them than may wait.
        for _ in 1..SHORT_QUEUE {
            let pool = Arc::clone(&pool);
            held.push(tokio::spawn(async move { pool.run(async { true }).await }));
        }
        tokio::task::yield_now().await;
        let others: HashSet<ThreadId> = [thread_of(&pool).await, thread_of(&pool).await].into();
        assert_eq!(others.len(), 1, "the other thread does what comes");
        assert!(!held.iter().any(JoinHandle::is_finished));
        drop(free);
        for held in held {
            assert_eq!(held.await.expect("done"), Ok(true));
        }
    }
}
