//! The scenarios: one file each, behind one trait.

mod chat;
mod history;
mod idle;
mod images;
mod mixed;
mod notifications;
mod presence;
mod reconnect;
mod setup;
mod slow_readers;
mod webhooks;

pub use chat::Chat;
pub use history::History;
pub use idle::Idle;
pub use images::Images;
pub use mixed::Mixed;
pub use notifications::Notifications;
pub use presence::Presence;
pub use reconnect::Reconnect;
pub use slow_readers::SlowReaders;
pub use webhooks::Webhooks;

use std::time::Instant;

use crate::keys::Keys;
use crate::load::{Load, Offered};
use crate::run_context::RunContext;

/// A scenario. It runs on one OS thread, inside a [`tokio::task::LocalSet`].
///
/// [`crate::run::measure`] opens it, lets it work during the measurement, and closes it.
pub trait Scenario {
    /// Its connected clients.
    type Clients;

    /// Its name.
    fn name(&self) -> &'static str;

    /// Its settings by name.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// The idempotency keys of the messages that it sends; `None` if it sends none.
    fn keys(&self) -> Option<Keys> {
        None
    }

    /// The maximal number of open connections.
    fn connections(&self) -> u32;

    /// What it offers; by default, what the load says.
    fn offered(&self, load: &Load) -> Offered {
        load.offered
    }

    /// Its load; by default, the given one.
    fn load(&self, load: Load) -> Load {
        load
    }

    /// Connects the clients, which then wait for the start.
    ///
    /// # Errors
    /// If the hub cannot be reached. What the hub does wrong is a violation.
    fn open(&self, context: &RunContext<'_>) -> impl Future<Output = anyhow::Result<Self::Clients>>;

    /// Works until the measurement ends.
    ///
    /// # Errors
    /// If the run cannot continue.
    fn work(&self, _crew: &mut Self::Clients, context: &RunContext<'_>) -> impl Future<Output = anyhow::Result<()>> {
        async {
            let window = context.recorder.started().await;
            tokio::time::sleep(window.to.saturating_duration_since(Instant::now())).await;
            Ok(())
        }
    }

    /// Waits for the last answers, and checks the guarantees.
    ///
    /// # Errors
    /// If the hub does not answer.
    fn close(&self, clients: Self::Clients, context: &RunContext<'_>) -> impl Future<Output = anyhow::Result<()>>;
}
