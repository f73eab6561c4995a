//! The harness: a real hub in a process of its own, and people who use it.
//!
//! ```text
//!  hub         Hub::start(): the program itself, its data in a temporary folder; kill, restart, freeze, end
//!  person      hub.person(42): a user: a token, REST, and doors to both sockets
//!  device      alice.connect(): one socket; says, sends_to, expect, receives, resume
//!  raw         HTTP byte by byte, for requests that no client library would send
//!  receiver    a receiver of webhooks, whose answers are in the test's hand
//!  scene       Alice and Bob with two devices each
//!  table_copy  a copy of a server's tables, which is put back under hubs that run
//!  contract    what every frame must look like, from PROTOCOL 3.2 and 5; each frame of every test is held against it
//! ```
//!
//! Every wait is for an event, with a deadline, and its failure prints what arrived instead. A span of time alone is waited for where it
//! is the point: see `chat_testkit::waiting`, where the house has all of that.
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
pub mod table_copy;

pub use chat_testkit::waiting::{DEADLINE, comes, in_time, passes, until, until_within};
pub use device::Device;
pub use dice::Dice;
pub use hub::Hub;
pub use person::{Answer, Person};
pub use receiver::Receiver;

/// Returns how often or how many: the second number with `CHAT_TEST_LONG`, else the first.
pub fn usual_or_long<T>(usual: T, long: T) -> T {
    let wanted = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    if wanted { long } else { usual }
}
