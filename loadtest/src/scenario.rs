//! What is done to a hub, and what is counted. One file per scenario, behind one trait.

mod chat;
mod history;
mod idle;
mod images;
mod mixed;
mod notifications;
mod people;
mod presence;
mod reconnect;
mod slow_readers;

pub use chat::Chat;
pub use history::History;
pub use idle::Idle;
pub use images::Images;
pub use mixed::Mixed;
pub use notifications::Notifications;
pub use presence::Presence;
pub use reconnect::Reconnect;
pub use slow_readers::SlowReaders;

use std::time::Instant;

use crate::keys::Keys;
use crate::outcome::Offered;
use crate::stage::{Load, Stage};

/// A scenario. It runs on one thread, inside of a [`tokio::task::LocalSet`].
///
/// A run opens it, lets it work while things count, and closes it: [`crate::run::measure`].
pub trait Scenario {
    /// Everybody who takes part, connected.
    type Crew;

    /// Its name.
    fn name(&self) -> &'static str;

    /// The flags that make it what it is, by name.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// The idempotency keys of the messages that it sends; `None` if it sends none.
    fn keys(&self) -> Option<Keys> {
        None
    }

    /// How many connections it has open at a time, at most.
    fn connections(&self) -> u32;

    /// What it offers, where that is not the load's.
    fn offered(&self, load: &Load) -> Offered {
        load.offered
    }

    /// How long it lasts, where that is not the load's.
    fn load(&self, load: Load) -> Load {
        load
    }

    /// Connects everybody, and has them wait for the beginning.
    ///
    /// # Errors
    /// If the hub cannot be reached; what it does wrong is a fault of the run.
    fn open(&self, stage: &Stage<'_>) -> impl Future<Output = anyhow::Result<Self::Crew>>;

    /// Goes on until the measured time is over.
    ///
    /// # Errors
    /// If the run cannot go on.
    fn work(&self, _crew: &mut Self::Crew, stage: &Stage<'_>) -> impl Future<Output = anyhow::Result<()>> {
        async {
            let window = stage.recorder.begun().await;
            tokio::time::sleep(window.to.saturating_duration_since(Instant::now())).await;
            Ok(())
        }
    }

    /// Waits for what is under way, and holds it against what was promised.
    ///
    /// # Errors
    /// If the hub does not answer.
    fn close(&self, crew: Self::Crew, stage: &Stage<'_>) -> impl Future<Output = anyhow::Result<()>>;
}
