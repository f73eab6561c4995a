//! How tests wait: for an event, under a deadline. Where a span of time is itself what a test is about, [`passes`] lets it pass.
//!
//! No test sleeps in another way; a rule of the repository (`src/tests/house/waiting.rs`) holds that.
#![expect(clippy::disallowed_methods, reason = "there may be no runtime: tests start a server before theirs")]

use std::thread;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How soon a state that sends no event is asked for again; twice as long each time, up to the second one.
const AGAIN: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Waits for something that must come in time.
pub async fn in_time<T>(what: &str, event: impl Future<Output = T>) -> T {
    within(DEADLINE, what, event).await
}

/// The same, under a deadline of the test's own.
pub async fn within<T>(deadline: Duration, what: &str, event: impl Future<Output = T>) -> T {
    match timeout(deadline, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {deadline:?}"),
    }
}

/// Asks again and again until an answer holds: for states that send no event, like metrics or a process's end.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_within(DEADLINE, what, ask).await
}

/// The same, under a deadline of the test's own.
pub async fn until_within<T, F>(deadline: Duration, what: &str, ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(deadline, what, comes(ask)).await
}

/// The same without a deadline: the test has one, and says more when it is over.
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

/// Waits until something holds, where there is no runtime; fails if it does not within a deadline.
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

/// Lets a span of time pass. It is no way to wait for something, which takes as long as the machine needs ([`until`]). It is for
/// what the span itself is the point of: how long a fault lasts, at which instant it comes, how fast a client sends, when a client was
/// told to come back; and how long nothing may happen.
pub async fn passes(span: Duration) {
    sleep(span).await;
}

/// The same for an OS thread that has no runtime.
pub fn passes_on_thread(span: Duration) {
    thread::sleep(span);
}
