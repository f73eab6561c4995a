//! OS threads that read a database or look after it, with a lower priority than those that messages pass through.

use std::thread::{Builder, JoinHandle};

use crate::Error;

/// How much lower their priority is, as `nice` counts it.
const NICE: i32 = 10;

/// Starts a worker. Threads that it starts inherit its priority.
pub(crate) fn start(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let started = Builder::new().name(name.to_owned()).spawn(move || {
        lower_priority();
        run();
    });
    started.map_err(|error| Error::Unavailable(format!("cannot start the thread {name}: {error}")))
}

/// Sets the calling OS thread to the low priority, whatever it has inherited.
pub(super) fn lower_priority() {
    // Elsewhere the call would lower the priority of the whole process.
    if cfg!(target_os = "linux")
        && let Err(error) = go_below(rustix::process::getpid())
    {
        tracing::debug!(%error, "database workers have the priority of the threads that messages pass through");
    }
}

/// Sets the calling thread's priority below that of a process, which is its first thread's.
fn go_below(process: rustix::process::Pid) -> rustix::io::Result<()> {
    let own = rustix::process::getpriority_process(Some(process))?;
    rustix::process::setpriority_process(None, (own + NICE).min(19))
}
