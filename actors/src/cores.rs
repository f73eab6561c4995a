//! Which thread runs on which core, on a machine of two.
//!
//! The hub's thread and storage's hand work to each other thousands of times a second. When a thread wakes, Linux looks for
//! an idle core only while the cores are little used (`SIS_UTIL` in its `kernel/sched/fair.c`); beyond that it stays where
//! it was, or goes to where it was woken. So on two cores both are often found on one, in turn, with the other idle.
//! While commits are small, each is held to a core of its own. Large commits leave less to wait for, and whatever
//! else runs then does better with a free choice.

/// How many of the last commits count, about.
const MEMORY: f32 = 32.0;

/// With fewer writes in a commit the threads are held, with more of them they are free; in between nothing changes.
const HELD_BELOW: f32 = 64.0;
const FREE_ABOVE: f32 = 96.0;

/// The cores of the hub's thread and storage's.
pub(crate) struct Cores {
    machine: Option<Machine>,
    habit: Habit,
}

impl Cores {
    /// To be called on storage's thread. Without the hub's, nothing is ever held.
    pub(crate) fn new(hub: Option<Thread>) -> Self {
        Self { machine: hub.and_then(Machine::of_two), habit: Habit { writes: FREE_ABOVE, held: false } }
    }

    /// Another commit begins, with so many writes.
    pub(crate) fn commit(&mut self, writes: usize) {
        let Some(machine) = &self.machine else { return };
        let done = match self.habit.next(writes) {
            Some(true) => machine.hold(),
            Some(false) => machine.free(),
            None => return,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "threads run where the system puts them");
            // One of the two may be held by now.
            let _ = machine.free();
            self.machine = None;
        }
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        if self.habit.held
            && let Some(machine) = &self.machine
        {
            // What runs now did run: it goes on doing so, on one core if need be.
            let _ = machine.free();
        }
    }
}

/// How large commits are of late.
struct Habit {
    writes: f32,
    held: bool,
}

impl Habit {
    /// Returns whether to hold or to free the threads, if that is to change.
    fn next(&mut self, writes: usize) -> Option<bool> {
        // Nobody minds what is beyond a few thousand.
        let writes = f32::from(u16::try_from(writes).unwrap_or(u16::MAX));
        self.writes += (writes - self.writes) / MEMORY;
        let hold = if self.held { self.writes <= FREE_ABOVE } else { self.writes < HELD_BELOW };
        (hold != std::mem::replace(&mut self.held, hold)).then_some(hold)
    }
}

pub use system::anywhere;
pub(crate) use system::{Machine, Thread, of_the_hub};

#[cfg(target_os = "linux")]
mod system {
    use std::sync::OnceLock;

    use rustix::io;
    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};
    use tokio::runtime::{Handle, RuntimeFlavor};

    /// A thread, as the system calls it.
    pub(crate) type Thread = Pid;

    /// Where the process may run, once a thread of it has been held.
    static ALL: OnceLock<CpuSet> = OnceLock::new();

    /// Lets the calling thread run on every core that the process may use.
    ///
    /// To be called where a thread begins: it is held as the thread that started it is.
    pub fn anywhere() {
        if let Some(all) = ALL.get() {
            // A thread that cannot go elsewhere can still run.
            let _ = sched_setaffinity(None, all);
        }
    }

    /// Finds the thread that runs the hub, if it is one alone.
    pub(crate) async fn of_the_hub() -> Option<Thread> {
        let runtime = Handle::current();
        let alone = runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() == 1;
        if alone { tokio::spawn(async { gettid() }).await.ok() } else { None }
    }

    /// A machine of two cores, or two cores of one that are the process's.
    pub(crate) struct Machine {
        hub: Thread,
        all: CpuSet,
        first: CpuSet,
        second: CpuSet,
    }

    impl Machine {
        /// `None`: the process has another number of cores.
        pub(crate) fn of_two(hub: Thread) -> Option<Self> {
            // A predecessor may not have let go of it yet.
            let all = ALL.get().copied().map_or_else(|| sched_getaffinity(Some(hub)), Ok).ok()?;
            let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
            let (first, second) = (only(cores.next()?), only(cores.next()?));
            (cores.next().is_none()).then_some(Self { hub, all, first, second })
        }

        /// Holds the hub's thread to the first core, and the calling one to the second. If that fails, one of them may be
        /// held.
        pub(crate) fn hold(&self) -> io::Result<()> {
            let _ = ALL.set(self.all);
            sched_setaffinity(None, &self.second)?;
            sched_setaffinity(Some(self.hub), &self.first)
        }

        /// Lets both go where the system puts them.
        pub(crate) fn free(&self) -> io::Result<()> {
            let own = sched_setaffinity(None, &self.all);
            sched_setaffinity(Some(self.hub), &self.all).and(own)
        }
    }

    fn only(core: usize) -> CpuSet {
        let mut set = CpuSet::new();
        set.set(core);
        set
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test may stop")]
    mod tests {
        use super::super::Cores;
        use super::*;

        /// The other one used to stay held.
        #[test]
        fn if_one_thread_cannot_be_held_the_other_is_not() {
            let all = sched_getaffinity(None).unwrap();
            let one = only((0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap());
            let gone = std::thread::spawn(gettid).join().unwrap();
            let mut cores = Cores::new(None);
            cores.machine = Some(Machine { hub: gone, all, first: one, second: one });
            for _ in 0..100 {
                cores.commit(1);
            }
            assert!(cores.machine.is_none());
            assert!(sched_getaffinity(None).unwrap() == all, "this thread is free");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::convert::Infallible;
    use std::io;

    pub(crate) type Thread = Infallible;

    /// Threads are held on Linux alone.
    pub fn anywhere() {}

    pub(crate) async fn of_the_hub() -> Option<Thread> {
        None
    }

    pub(crate) struct Machine(Infallible);

    impl Machine {
        pub(crate) fn of_two(hub: Thread) -> Option<Self> {
            match hub {}
        }

        pub(crate) fn hold(&self) -> io::Result<()> {
            match self.0 {}
        }

        pub(crate) fn free(&self) -> io::Result<()> {
            match self.0 {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(habit: &mut Habit, writes: usize) -> Option<usize> {
        (1..=1_000).find(|_| habit.next(writes).is_some())
    }

    #[test]
    fn threads_are_held_while_commits_are_small() {
        let mut habit = Habit { writes: FREE_ABOVE, held: false };
        assert_eq!(after(&mut habit, 30), Some(21));
        assert!(habit.held);
        assert_eq!(after(&mut habit, 90), None, "a little more is no reason to let go");
        assert!(after(&mut habit, 200).is_some_and(|commits| commits < 10));
        assert!(!habit.held);
        assert_eq!(after(&mut habit, 70), None, "a little less is no reason to hold");
    }

    #[test]
    fn a_single_small_commit_changes_nothing() {
        let mut habit = Habit { writes: FREE_ABOVE, held: false };
        assert_eq!((habit.next(1), habit.next(4_096), habit.next(1)), (None, None, None));
    }
}
