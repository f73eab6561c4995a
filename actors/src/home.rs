//! Threads with a runtime of their own, for what would hold up the hub's.
//!
//! Storage has one: SQLite is written on the thread that asks, so that thread must be nobody else's; and a commit that begins
//! on the thread where the last one ended waits for nobody's turn in between. Pages have some that give way: a page of history
//! takes a tenth of a millisecond to be read and written down, and messages would wait for it.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::{io, iter, thread};

use tokio::runtime::{self, Builder};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How many works may wait for each other on one thread while another has nothing to do: as long as one thread suffices, the
/// others would only want cores that messages could have.
const LITTLE: usize = 4;

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
    fn open_giving_way(name: &str) -> io::Result<Self> {
        Self::begin(name, give_way)
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
}

/// Several threads, any of which may do the work: what waits for the disk on one of them does not keep all from working.
#[derive(Debug)]
pub(crate) struct Homes {
    first: Worker,
    others: Vec<Worker>,
}

/// A thread, and what each work holds that is there.
#[derive(Debug)]
struct Worker {
    home: Home,
    works: Arc<()>,
}

impl Homes {
    /// Starts threads that give way to others: one, or as many as are asked for.
    pub(crate) fn open_giving_way(name: &str, threads: usize) -> io::Result<Self> {
        let open = || Ok(Worker { home: Home::open_giving_way(name)?, works: Arc::default() });
        Ok(Self { first: open()?, others: (1..threads).map(|_| open()).collect::<io::Result<_>>()? })
    }

    /// Runs something on the first thread that has little to do, or the one that has least, and waits for it. What nobody waits
    /// for any more is not begun; what is begun is done to its end.
    ///
    /// # Errors
    /// If it panics.
    pub(crate) async fn run<F>(&self, work: F) -> Result<F::Output, Broken>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let worker = self.worker();
        let (one, waits) = (Arc::clone(&worker.works), Arc::new(()));
        let waiting = Arc::downgrade(&waits);
        let done = worker.home.spawn(async move {
            let _one = one;
            if waiting.strong_count() == 0 { None } else { Some(work.await) }
        });
        let done = done.await;
        drop(waits);
        // Whoever has it panic says so.
        done.ok().flatten().ok_or(Broken)
    }

    fn worker(&self) -> &Worker {
        let works = |worker: &&Worker| Arc::strong_count(&worker.works) - 1;
        let mut all = iter::once(&self.first).chain(&self.others);
        let least = || self.others.iter().chain(iter::once(&self.first)).min_by_key(works);
        all.find(|worker| works(worker) < LITTLE).or_else(least).unwrap_or(&self.first)
    }
}

/// The work has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

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
    use std::collections::HashSet;
    use std::future;
    use std::sync::mpsc;
    use std::thread::ThreadId;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn thread_of(homes: &Homes) -> ThreadId {
        let done = timeout(Duration::from_secs(10), homes.run(async { thread::current().id() })).await;
        done.expect("it has a turn").expect("it is done")
    }

    #[tokio::test]
    async fn what_is_run_aside_is_run_on_a_thread_of_that_name_and_a_panic_is_told() {
        let homes = Homes::open_giving_way("aside", 1).expect("a thread");
        let name = homes.run(async { thread::current().name().map(str::to_owned) }).await;
        assert_eq!(name, Ok(Some("aside".to_owned())));
        assert_eq!(homes.run(async { assert!(thread::panicking(), "as work may") }).await, Err(Broken));
        assert_eq!(homes.run(async { "and the next one" }).await, Ok("and the next one"));
    }

    /// A page that reads in a transaction, and whose client hung up, left the connection with the transaction open.
    #[tokio::test]
    async fn what_is_begun_is_done_though_nobody_waits_for_it_any_more() {
        let homes = Homes::open_giving_way("aside", 1).expect("a thread");
        let (begun, has_begun) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let work = async move {
            let _ = begun.send(());
            let _ = may_go_on.await;
            let _ = done.send(());
        };
        let mut waiting = Box::pin(homes.run(work));
        tokio::select! {
            _ = &mut waiting => unreachable!("it waits"),
            begun = has_begun => begun.expect("it has begun"),
        }
        drop(waiting);
        go_on.send(()).expect("it is still there");
        is_done.await.expect("it was done");
    }

    /// Whoever asked and hung up, over and over, had pages made that nobody read.
    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_not_begun() {
        let homes = Arc::new(Homes::open_giving_way("aside", 1).expect("a thread"));
        let (free, disk) = mpsc::channel::<()>();
        let held = tokio::spawn({
            let homes = Arc::clone(&homes);
            async move { homes.run(async move { disk.recv().is_err() }).await }
        });
        tokio::task::yield_now().await;
        let (begun, mut has_begun) = oneshot::channel();
        tokio::select! {
            biased;
            _ = homes.run(async move { begun.send(()) }) => unreachable!("it is behind the other one"),
            () = future::ready(()) => {}
        }
        drop(free);
        assert_eq!(held.await.expect("done"), Ok(true));
        thread_of(&homes).await;
        assert!(has_begun.try_recv().is_err());
    }

    #[tokio::test]
    async fn one_thread_does_it_all_as_long_as_it_has_little_to_do() {
        let homes = Homes::open_giving_way("aside", 3).expect("threads");
        let first = thread_of(&homes).await;
        for _ in 0..20 {
            assert_eq!(thread_of(&homes).await, first);
        }
    }

    #[tokio::test]
    async fn work_goes_where_there_is_less_of_it_while_a_thread_waits_for_the_disk() {
        let homes = Arc::new(Homes::open_giving_way("aside", 2).expect("threads"));
        let (free, disk) = mpsc::channel::<()>();
        let at_the_disk = async move { disk.recv().is_err() };
        let mut held = vec![tokio::spawn({
            let homes = Arc::clone(&homes);
            async move { homes.run(at_the_disk).await }
        })];
        // They wait behind it, until there are more of them than may wait.
        for _ in 1..LITTLE {
            let homes = Arc::clone(&homes);
            held.push(tokio::spawn(async move { homes.run(async { true }).await }));
        }
        tokio::task::yield_now().await;
        let others: HashSet<ThreadId> = [thread_of(&homes).await, thread_of(&homes).await].into();
        assert_eq!(others.len(), 1, "the other thread does what comes");
        assert!(!held.iter().any(JoinHandle::is_finished));
        drop(free);
        for held in held {
            assert_eq!(held.await.expect("done"), Ok(true));
        }
    }
}
