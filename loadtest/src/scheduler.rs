//! The scheduler of an open loop: puts each request into its client's queue when it is due, and records how late that was.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::recorder::Recorder;
use crate::send_queue::SendQueue;
use crate::stats::schedule::Schedule;

/// The shortest sleep between two looks at the clock: a shorter one would cost more CPU time than its precision is worth.
const TICK: Duration = Duration::from_micros(200);

/// Runs a schedule that begins at `begin`, and closes the queues at its end.
///
/// # Errors
/// If the system has no timer for it.
pub async fn run(schedule: Schedule, begin: Instant, queues: &[Rc<SendQueue>], recorder: &Recorder) -> io::Result<()> {
    let timer = Timer::new()?;
    let mut arrivals = schedule.arrivals().iter().peekable();
    while let Some(next) = arrivals.peek() {
        let now = Instant::now();
        let due = begin + next.after();
        if due > now {
            timer.sleep((due - now).max(TICK)).await?;
            continue;
        }
        while let Some(arrival) = arrivals.next_if(|arrival| begin + arrival.after() <= now) {
            let due = begin + arrival.after();
            recorder.dispatched(due, now);
            if let Some(queue) = queues.get(arrival.client as usize) {
                queue.push(due);
            }
        }
        // The clients that were woken run now, and not after a whole backlog was put into the queues.
        tokio::task::yield_now().await;
    }
    queues.iter().for_each(|queue| queue.close());
    Ok(())
}

/// A timer with a precision of microseconds; that of tokio has milliseconds.
struct Timer {
    file: AsyncFd<rustix::fd::OwnedFd>,
}

impl Timer {
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "unsound for types whose descriptor changes; an OwnedFd's does not, and the other way is `unsafe`"
        )]
        let file = AsyncFd::new(file)?;
        Ok(Self { file })
    }

    async fn sleep(&self, length: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec::try_from(length).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(self.file.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        let mut guard = self.file.readable().await?;
        // Setting the timer again makes it unreadable, so its counter need not be read.
        guard.clear_ready();
        Ok(())
    }
}
