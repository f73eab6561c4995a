//! What the hub and the service manager that started it tell each other: sd_notify(3), sd_listen_fds(3). Without such a manager
//! nothing is told.

use std::net::TcpListener;
use std::{io, mem};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::interval;

/// Takes the socket that the service manager listens on for the hub, and goes on listening on when the hub ends: clients that
/// connect meanwhile wait for the next hub. To be called before any OS thread starts.
///
/// # Errors
/// If what was handed over is not one TCP socket.
pub fn inherited_listener() -> io::Result<Option<TcpListener>> {
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        let what = format!("the service manager hands {} sockets over, and the hub listens on one", handed.len());
        return Err(io::Error::other(what));
    }
    handed.take_tcp_listener(0)
}

/// Says that the hub serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Says that the hub ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The task that shows the service manager that the hub lives (`WatchdogSec=`). It ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    /// Starts the task on the hub's own runtime, if the service manager asks for it: it stands still when that does.
    #[must_use]
    pub fn start() -> Self {
        let task = sd_notify::watchdog_enabled().map(|patience| {
            tokio::spawn(async move {
                let mut ticks = interval(patience / 2);
                loop {
                    ticks.tick().await;
                    tell(&[NotifyState::Watchdog]);
                }
            })
        });
        Self(task)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = mem::take(&mut self.0) {
            task.abort();
        }
    }
}

fn tell(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        tracing::warn!(%error, "the service manager could not be told how the hub is");
    }
}
