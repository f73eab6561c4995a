//! The allocator of the hub's process.
//!
//! glibc's allocator keeps the memory of thousands of closed connections for as long as the hub runs; jemalloc returns memory that
//! has been free for a second (`.cargo/config.toml`), and is faster where memory crosses OS threads. SQLite and the image encoder,
//! which are C, use it, too.

use std::io;

use tikv_jemalloc_ctl::background_thread;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The nice value of jemalloc's background threads, which return memory: messages go first.
const NICE: i32 = 10;

/// Makes jemalloc return memory on background threads.
///
/// Returning the memory of a large photograph takes a few milliseconds at a time: on a busy machine, the workers that handle
/// messages would wait for it.
pub(crate) fn give_back_in_the_background() {
    let enabled = std::thread::spawn(|| {
        // On Linux a thread inherits the nice value of the thread that starts it: jemalloc's threads inherit this one's. If
        // the system refuses `nice`, returning memory at normal priority is still better than not returning it. On other
        // systems `nice` would apply to the whole process.
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
