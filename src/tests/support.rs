//! The harness: a real hub in a process of its own, and people who use it.
//!
//! ```text
//!  hub       Hub::start(): the program itself, its data in a temporary folder; kill, restart, freeze, end
//!  person    hub.person(42): a user: a token, REST, and doors to both sockets
//!  device    alice.connect(): one socket; says, sends_to, expect, receives, resume
//!  raw       HTTP byte by byte, for requests that no client library would send
//!  receiver  a receiver of webhooks, whose answers are in the test's hand
//!  scene     Alice and Bob with two devices each
//!  contract  what every frame must look like, from PROTOCOL 3.2 and 5; each frame of every test is held against it
//! ```
//!
//! No test sleeps: every wait is for an event, with a deadline, and its failure prints what arrived instead.
//!
//! `CHAT_TEST_LONG=1` runs the counts that [`usual_or_long`] names: more faults, more histories, more load.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::print_stderr,
    reason = "each test uses a part of the harness"
)]

pub mod contract;
pub mod device;
pub mod dice;
pub mod hub;
pub mod person;
pub mod raw;
pub mod receiver;
pub mod scene;

pub use device::Device;
pub use dice::Dice;
pub use hub::Hub;
pub use person::{Answer, Person};
pub use receiver::Receiver;

use std::time::Duration;

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Returns how often or how many: the second number with `CHAT_TEST_LONG`, else the first.
pub fn usual_or_long<T>(usual: T, long: T) -> T {
    let wanted = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    if wanted { long } else { usual }
}

/// Waits for something that must come in time.
pub async fn in_time<T>(what: &str, event: impl Future<Output = T>) -> T {
    within(DEADLINE, what, event).await
}

async fn within<T>(deadline: Duration, what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {deadline:?}"),
    }
}

/// Asks again and again until an answer holds: for states that send no event, like metrics or a process's end.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_within(DEADLINE, what, ask).await
}

/// The same, under a deadline of the test's own.
pub async fn until_within<T, F>(deadline: Duration, what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(deadline, what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}
