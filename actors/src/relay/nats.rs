//! Messages between nodes over NATS.
//!
//! The client library does not report what arrives, buffers messages while it is disconnected, and drops what a
//! subscription has no room for. So its own queues are kept small; [our queue](super::queue) is before them, and the
//! sequence numbers of the envelope tell the receivers what is missing.

mod dial;
mod options;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::rustls::crypto::ring;
use async_nats::{Client, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use uuid::Uuid;

use super::message::Destination;
use super::pumps::Pumps;
use super::sequences::Lane;
use super::transport::Transport;
use dial::Signs;
pub use options::{Login, NatsOptions};
use trouble::TroubleLog;

/// How often the state of the connection is polled, for events of the client may be lost.
const STATE_POLL_INTERVAL: Duration = Duration::from_millis(250);

/// How long a server may take to say that it forbids a subject.
const FORBIDS_WITHIN: Duration = Duration::from_millis(500);

/// Carries messages over NATS, for as long as the future is polled.
pub(super) async fn run(options: &NatsOptions, pumps: &Pumps) {
    // Names the crypto for TLS, in case another one is compiled in some day. It may be installed already.
    let _ = ring::default_provider().install_default();
    let (signs, mut log) = (Arc::new(Signs::default()), TroubleLog::new(options.shown()));
    loop {
        let client = dial::dial(options, pumps.sender.me.name(), &signs, &mut log).await;
        let carried = carry(&client, pumps, &signs, &mut log).await;
        pumps.link().set(false);
        if let Err(error) = carried {
            tracing::debug!(%error, "the NATS client has ended");
        }
    }
}

/// Opens a connection, and checks that the hub's subjects may be used; returns the servers' addresses.
///
/// # Errors
/// What is wrong, and what to do, without secrets.
pub async fn check(options: &NatsOptions) -> Result<String, String> {
    let _ = ring::default_provider().install_default();
    let servers = options.shown();
    let signs = Arc::new(Signs::default());
    let connected = dial::connect(options, "doctor", &signs).await;
    let client = connected.map_err(|error| format!("{servers}: {}", trouble::advice_on(&error)))?;
    let subject = format!("chat.doctor.{}", Uuid::new_v4().simple());
    let lost = |error: async_nats::Error| format!("{servers}: the connection is lost ({error})");
    let used = async {
        let _subscription = client.subscribe(subject.clone()).await?;
        client.publish(subject.clone(), Bytes::new()).await?;
        client.flush().await?;
        Ok::<_, async_nats::Error>(())
    };
    used.await.map_err(lost)?;
    // A server that forbids a subject says so a moment later.
    let refused = async {
        loop {
            match signs.take_error() {
                Some(error) if trouble::is_forbidden(&error) => return,
                _ => signs.notify.notified().await,
            }
        }
    };
    match tokio::time::timeout(FORBIDS_WITHIN, refused).await {
        Ok(()) => Err(format!("{servers}: {}", trouble::FORBIDDEN)),
        Err(_) => Ok(servers),
    }
}

/// Carries messages over a client until it has ended.
async fn carry(client: &Client, pumps: &Pumps, signs: &Signs, log: &mut TroubleLog) -> Result<(), async_nats::Error> {
    let subjects = Subjects::new(pumps);
    let mut lanes = SelectAll::new();
    for lane in Lane::ALL {
        let subscription = client.subscribe(subjects.of(&lane.destination(pumps.sender.me.name()))).await?;
        lanes.push(subscription.map(move |message| (lane, message.payload)));
    }
    let hearing = async {
        while let Some((lane, message)) = lanes.next().await {
            pumps.receiver.hear(lane, &message);
        }
    };
    let nats = Nats { client, subjects };
    tokio::select! {
        () = hearing => Ok(()),
        () = pumps.sender.forward(&nats) => Ok(()),
        () = watch(client, pumps, signs, log) => Ok(()),
    }
}

/// Notes when the connection is lost, and when it is back.
async fn watch(client: &Client, pumps: &Pumps, signs: &Signs, log: &mut TroubleLog) {
    let mut lost_at = None;
    loop {
        let up = client.connection_state() == State::Connected;
        if up && !pumps.link().is_up() && client.flush().await.is_ok() {
            // The answered flush shows that the server has our subscriptions.
            pumps.link().set(true);
            log.connected(lost_at.take().map(|at: Instant| at.elapsed()));
            pumps.receiver.link_is_back();
        } else if !up && pumps.link().set(false) {
            lost_at = Some(Instant::now());
            log.lost();
        }
        if let Some(error) = signs.take_error() {
            log.failed_again(&error);
        }
        tokio::select! {
            () = signs.notify.notified() => {}
            () = tokio::time::sleep(STATE_POLL_INTERVAL) => {}
        }
    }
}

/// The subjects of one database.
struct Subjects {
    database: String,
}

impl Subjects {
    fn new(pumps: &Pumps) -> Self {
        Self { database: Uuid::from_bytes(pumps.sender.codec.database).simple().to_string() }
    }

    fn of(&self, to: &Destination) -> Subject {
        let (database, (lane, name)) = (&self.database, to.lane_and_name());
        let lane = char::from(lane);
        match to {
            Destination::Node(_) => format!("chat.{database}.{lane}.{name}"),
            _ => format!("chat.{database}.{lane}"),
        }
        .into()
    }
}

#[cfg(test)]
mod tests;

struct Nats<'a> {
    client: &'a Client,
    subjects: Subjects,
}

impl Transport for Nats<'_> {
    async fn send(&self, to: &Destination, message: Bytes) -> bool {
        self.client.publish(self.subjects.of(to), message).await.is_ok()
    }
}
