//! The requests of one client that are due and not sent yet.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// The requests of one client that are due, by their intended times. The scheduler fills it; the client empties it.
#[derive(Debug, Default)]
pub struct SendQueue {
    due: RefCell<VecDeque<Instant>>,
    waker: RefCell<Option<Waker>>,
    closed: Cell<bool>,
}

impl SendQueue {
    /// Takes the first request that is due, if there is one, and returns its intended time.
    pub fn take(&self) -> Option<Instant> {
        self.due.borrow_mut().pop_front()
    }

    /// Takes all requests that are due.
    #[must_use]
    pub fn drain(&self) -> Vec<Instant> {
        self.due.borrow_mut().drain(..).collect()
    }

    /// Tells whether no request is due now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.borrow().is_empty()
    }

    /// Tells whether the schedule has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Waits for the next request that is due; `None` when the schedule has ended.
    pub async fn next(&self) -> Option<Instant> {
        std::future::poll_fn(|context| match self.take() {
            Some(due) => Poll::Ready(Some(due)),
            None if self.is_closed() => Poll::Ready(None),
            None => {
                self.register(context);
                Poll::Pending
            }
        })
        .await
    }

    /// Registers a task, to be woken when a request becomes due or the schedule ends. Only the task that registered last is
    /// woken.
    pub fn register(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Adds a request that is due.
    pub fn push(&self, due: Instant) {
        self.due.borrow_mut().push_back(due);
        self.wake();
    }

    /// Ends the queue: no request follows.
    pub fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
