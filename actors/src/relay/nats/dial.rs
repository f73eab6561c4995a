//! Opening the connection to NATS, and opening it again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, ConnectError, ConnectOptions, Event};
use tokio::sync::Notify;

use super::options::{Login, NatsOptions};
use super::trouble::TroubleLog;

/// How often the server is asked for a sign of life. The third one without an answer ends the connection.
const PING_EVERY: Duration = Duration::from_secs(2);

/// How long a server may take to answer when a connection is opened.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause before the connection is opened again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How many messages the client buffers before they are sent.
const UNSENT: usize = 64;

/// How many messages of each subscription wait for the node.
const UNREAD: usize = 4_096;

/// The client's last error, and a notice of each event.
#[derive(Debug, Default)]
pub(super) struct Signs {
    error: Mutex<Option<String>>,
    pub(super) notify: Notify,
}

impl Signs {
    fn heard(&self, event: &Event) {
        let error = match event {
            Event::ClientError(error) => Some(error.to_string()),
            Event::ServerError(error) => Some(error.to_string()),
            _ => None,
        };
        if error.is_some() {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
        }
        self.notify.notify_one();
    }

    /// Takes the last error of the client.
    pub(super) fn take_error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Opens a connection, however long it takes. Afterwards the client opens it again by itself when it is lost.
pub(super) async fn dial(options: &NatsOptions, name: &str, signs: &Arc<Signs>, log: &mut TroubleLog) -> Client {
    let mut attempt = 1;
    loop {
        match connect(options, name, signs).await {
            Ok(client) => return client,
            Err(error) => log.failed(&error),
        }
        attempt += 1;
        tokio::time::sleep(pause(attempt)).await;
    }
}

pub(super) async fn connect(options: &NatsOptions, name: &str, signs: &Arc<Signs>) -> Result<Client, ConnectError> {
    let signs = Arc::clone(signs);
    let mut connect = ConnectOptions::new()
        .name(name)
        .no_echo()
        .ping_interval(PING_EVERY)
        .connection_timeout(PATIENCE)
        .reconnect_delay_callback(pause)
        .client_capacity(UNSENT)
        .subscription_capacity(UNREAD)
        .event_callback(move |event| {
            signs.heard(&event);
            std::future::ready(())
        });
    connect = match options.login.clone() {
        Login::Open => connect,
        Login::Password { user, password } => connect.user_and_password(user, password),
        Login::Token(token) => connect.token(token),
        Login::Nkey(seed) => connect.nkey(seed),
        Login::Credentials(text) => connect
            .credentials(&text)
            .map_err(|error| ConnectError::with_source(async_nats::ConnectErrorKind::Authentication, error))?,
    };
    if let Some(file) = &options.authorities {
        connect = connect.add_root_certificates(file.clone()).require_tls(true);
    }
    connect.connect(options.servers.clone()).await
}

/// Returns the pause before an attempt: twice as long each time, and by chance up to a half shorter, so that not all nodes
/// come at the same moment.
fn pause(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        for _ in 0..100 {
            assert!((25..=50).contains(&pause(0).as_millis()));
            assert!((25..=50).contains(&pause(1).as_millis()));
            assert!((50..=100).contains(&pause(2).as_millis()));
            for attempt in [7, 30, 40, usize::MAX] {
                assert!((1_000..=2_000).contains(&pause(attempt).as_millis()), "{attempt}");
            }
        }
    }
}
