//! The allocator of the hub's process.
//!
//! The system's own keeps what thousands of connections had for as long as the hub lives; jemalloc gives back what has been
//! free for a second (`.cargo/config.toml`), and is faster where messages cross threads. SQLite and the image encoder,
//! which are C, have it, too.

use std::io;

use tikv_jemalloc_ctl::background_thread;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How much less urgent giving back is than messages are, as `nice` counts it.
const NICE: i32 = 10;

/// Has memory given back by threads of its own.
///
/// What a large photograph took is given back in a few milliseconds at a stretch: on a busy machine, time that the threads
/// of messages would wait for.
pub(crate) fn give_back_in_the_background() {
    let enabled = std::thread::spawn(|| {
        // A thread begins as urgent as the one that starts it; these are started by this one. Where the system does not let
        // it be less urgent, giving back as urgently is still better than not at all.
        // Elsewhere than on Linux it is the whole process that would be less urgent.
        if cfg!(target_os = "linux") {
            let _ = rustix::process::nice(NICE);
        }
        background_thread::write(true).map_err(io::Error::other)
    });
    let outcome = enabled.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
    if let Err(error) = outcome {
        tracing::warn!(%error, "memory is given back only when there is more to allocate");
    }
}
