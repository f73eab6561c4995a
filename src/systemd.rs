//! The interface to the service manager that started the hub: sd_notify(3), sd_listen_fds(3). Without one, these functions
//! do nothing.

use std::net::TcpListener;
use std::time::Duration;
use std::{io, mem};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::interval;

/// The time that a step of the start asks the service manager for, each time, in microseconds.
const EXTENSION_USEC: u32 = 60_000_000;

/// Takes over the listening socket of the service manager, which keeps it open when the hub ends: clients that connect
/// meanwhile wait for the next hub. `None` if there is no such socket. To be called before any OS thread starts.
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

/// Tells the service manager that the hub serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells the service manager that the hub is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Runs a step of the start that may take many minutes, and asks the service manager meanwhile for more time, again and again
/// (`EXTEND_TIMEOUT_USEC`), so that it does not end the hub within the step (`TimeoutStartSec=`).
pub async fn extend_start<T>(step: impl Future<Output = T>) -> T {
    let ask = || tell(&[NotifyState::ExtendTimeoutUsec(EXTENSION_USEC)]);
    repeat_during(step, Duration::from_micros(u64::from(EXTENSION_USEC) / 3), ask).await
}

/// Runs a step, and meanwhile an action, at once and then once in each period.
async fn repeat_during<T>(step: impl Future<Output = T>, period: Duration, action: impl Fn()) -> T {
    let mut ticks = interval(period);
    let repeating = async {
        loop {
            ticks.tick().await;
            action();
        }
    };
    tokio::select! {
        result = step => result,
        never = repeating => never,
    }
}

/// The task that sends the service manager signs of life (`WatchdogSec=`). It ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    /// Starts the task, if the service manager wants signs of life. It runs on the hub's own runtime, so they stop if that
    /// hangs.
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use chat_testkit::waiting::passes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_step_of_the_start_asks_for_time_until_it_ends() {
        let asked = Cell::new(0);
        let step = async {
            passes(Duration::from_secs(90)).await;
            "migrated"
        };
        let result = repeat_during(step, Duration::from_secs(20), || asked.set(asked.get() + 1)).await;
        assert_eq!((result, asked.get()), ("migrated", 5), "at 0, 20, 40, 60 and 80 s");
    }
}
