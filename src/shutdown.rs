//! How the hub ends: the signals that ask for it, and the phases of the shutdown.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The number of `SIGXFSZ`: a file was to grow beyond the limit of the process (`ulimit -f`, signal(7)).
const XFSZ: i32 = 25;

/// The phases of a shutdown, and the tasks that it waits for. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// The tasks of all connections, upgraded or not.
    pub tasks: TaskTracker,
    /// Cancelled when the drain begins: no connection is accepted any more, idle connections end.
    pub draining: CancellationToken,
    /// Cancelled shortly before the deadline: requests that still wait for their response get `shutting_down`.
    pub late: CancellationToken,
    /// Cancelled at the deadline: the remaining connections are cut.
    pub cut: CancellationToken,
}

/// `SIGTERM`, `SIGINT`, `SIGQUIT` and `SIGHUP`. The first one asks for a graceful shutdown, a second one for an immediate one,
/// except for a second `SIGHUP`: shell and kernel both send one when a terminal is closed.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    /// `None`: the hub was started to outlive its terminal (`nohup`).
    hangup: Option<Signal>,
    hung_up: bool,
    /// Handled so that it does not kill the process: the write fails instead, as on a full disk.
    _file_size: Signal,
}

impl Signals {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// If the kernel refuses a handler.
    pub fn listen() -> std::io::Result<Self> {
        let hangup = SignalKind::hangup();
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: (!is_ignored(hangup)).then(|| signal(hangup)).transpose()?,
            hung_up: false,
            _file_size: signal(SignalKind::from_raw(XFSZ))?,
        })
    }

    /// Waits for the next one; returns its name.
    pub async fn next(&mut self) -> &'static str {
        let Self { term, int, quit, hangup, hung_up, .. } = self;
        let first_hangup = async {
            match hangup.as_mut().filter(|_| !*hung_up) {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
            _ = quit.recv() => "SIGQUIT",
            _ = first_hangup => {
                *hung_up = true;
                "SIGHUP"
            }
        }
    }
}

/// Tells whether the process was started with a signal ignored (proc(5), `SigIgn`). Other systems than Linux do not tell.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
