//! Sends by the clock: hands what is due to whoever does it, and notes how late that was.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::recorder::Recorder;
use crate::stats::schedule::Schedule;

/// How often the clock is looked at, at most: more often would cost more CPU time than the precision is worth.
const TICK: Duration = Duration::from_micros(200);

/// What one client is to do, as it becomes due.
#[derive(Debug, Default)]
pub struct Lane {
    due: RefCell<VecDeque<Instant>>,
    waker: RefCell<Option<Waker>>,
    over: Cell<bool>,
}

impl Lane {
    /// Takes what is due, with the time at which it was meant to be done.
    pub fn take(&self) -> Option<Instant> {
        self.due.borrow_mut().pop_front()
    }

    /// Tells whether nothing is due now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.borrow().is_empty()
    }

    /// Tells whether nothing more will become due.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Returns all that was due and never taken.
    #[must_use]
    pub fn rest(&self) -> Vec<Instant> {
        self.due.borrow_mut().drain(..).collect()
    }

    /// Has a task woken when something becomes due, or nothing more will. The last one that asks is woken.
    pub fn wake_me(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Waits for what is due next; `None` when nothing more will be.
    pub async fn next(&self) -> Option<Instant> {
        std::future::poll_fn(|context| match self.take() {
            Some(due) => Poll::Ready(Some(due)),
            None if self.is_over() => Poll::Ready(None),
            None => {
                self.wake_me(context);
                Poll::Pending
            }
        })
        .await
    }

    fn push(&self, due: Instant) {
        self.due.borrow_mut().push_back(due);
        self.wake();
    }

    fn end(&self) {
        self.over.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Hands out a schedule that begins at a time.
///
/// # Errors
/// If the system gives no timer.
pub async fn drive(schedule: Schedule, begin: Instant, lanes: &[Rc<Lane>], recorder: &Recorder) -> io::Result<()> {
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
            if let Some(lane) = lanes.get(arrival.lane as usize) {
                lane.push(due);
            }
        }
        // Whoever was woken runs now, and not after a whole backlog has been handed out.
        tokio::task::yield_now().await;
    }
    lanes.iter().for_each(|lane| lane.end());
    Ok(())
}

/// A clock that wakes to the microsecond; tokio's own wakes to the millisecond.
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
        // Setting it again makes it unreadable: what it counted need not be read.
        guard.clear_ready();
        Ok(())
    }
}
