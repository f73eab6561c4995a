//! What is done to a hub, and what is counted.

mod chat;
mod idle;

pub use chat::Chat;
pub use idle::Idle;

use crate::report::Report;
use crate::target::Target;

/// A scenario. It runs on one thread, inside of a [`tokio::task::LocalSet`].
pub trait Scenario {
    /// Runs it.
    ///
    /// # Errors
    /// If the hub cannot be reached or ends; what the hub does wrong stands in the report.
    fn run(&self, target: &Target) -> impl Future<Output = anyhow::Result<Report>>;
}
