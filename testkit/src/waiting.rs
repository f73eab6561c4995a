//! How tests wait: for an event, under a deadline. Where a span of time is itself what a test is about, [`passes`] lets it pass.
//!
//! No test sleeps in another way; a rule of the repository (`src/tests/house/waiting.rs`) holds that.
#![expect(clippy::disallowed_methods, reason = "there may be no runtime: tests start a server before theirs")]

use std::thread;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The first and the longest pause between two polls of a state that sends no event; each pause doubles the one before.
const AGAIN: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Waits for an event; panics if it does not come within [`DEADLINE`].
pub async fn in_time<T>(what: &str, event: impl Future<Output = T>) -> T {
    within(DEADLINE, what, event).await
}

/// Waits like [`in_time`], with another deadline.
pub async fn within<T>(deadline: Duration, what: &str, event: impl Future<Output = T>) -> T {
    match timeout(deadline, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {deadline:?}"),
    }
}

/// Polls until `ask` returns a value, for states that send no event, like metrics or a process's end. Panics after
/// [`DEADLINE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_within(DEADLINE, what, ask).await
}

/// Polls like [`until`], with another deadline.
pub async fn until_within<T, F>(deadline: Duration, what: &str, ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(deadline, what, comes(ask)).await
}

/// Polls like [`until`], without a deadline: for a test that has its own, with a message that says more.
pub async fn comes<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let mut again = AGAIN[0];
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        sleep(again).await;
        again = AGAIN[1].min(again * 2);
    }
}

/// Polls until `holds` returns true, where there is no runtime; fails if it does not within the deadline.
pub(crate) fn holds_within(deadline: Duration, holds: impl Fn() -> bool) -> Result<(), ()> {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > deadline {
            return Err(());
        }
        thread::sleep(AGAIN[1] / 2);
    }
    Ok(())
}

/// Lets a span of time pass. It is not for waiting until something happens, which takes as long as the machine needs
/// ([`until`]). It is for tests about the span itself: how long a fault lasts, when it begins, how fast a client sends, when
/// a client was told to come back, or how long nothing may happen.
pub async fn passes(span: Duration) {
    sleep(span).await;
}

/// Lets a span of time pass like [`passes`], on an OS thread that has no runtime.
pub fn passes_on_thread(span: Duration) {
    thread::sleep(span);
}
