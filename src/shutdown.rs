//! The signals that end the hub.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A file was to grow beyond what the process may write (`ulimit -f`, signal(7)).
const XFSZ: i32 = 25;

/// `SIGTERM`, `SIGINT`, `SIGQUIT` and `SIGHUP`. The first one asks for a graceful end, a second one for an immediate one, but for
/// a second `SIGHUP`: shell and system both send one when a terminal is closed.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    /// `None`: whoever has started the hub wants it to outlive its terminal (`nohup`).
    hangup: Option<Signal>,
    hung_up: bool,
    /// Heard so that it does not kill: the write fails instead, as on a full disk.
    _too_large: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        let hangup = SignalKind::hangup();
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: (!is_ignored(hangup)).then(|| signal(hangup)).transpose()?,
            hung_up: false,
            _too_large: signal(SignalKind::from_raw(XFSZ))?,
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

/// Tells whether the process was started with a signal ignored (proc(5), `SigIgn`). Elsewhere than on Linux nothing says so.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}
