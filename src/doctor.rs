//! `softadastra-chat doctor`: checks everything that the hub needs, and reports what is wrong and what to do. A check undoes
//! what it changes.
//!
//! ```text
//!  settings   what the configuration says, secrets, the address to listen on
//!  machine    disk, open files
//!  storage    database, schema, clock, the store of images
//!  network    certificates, NATS, webhooks
//!  finding    the result of one check
//! ```

mod finding;
mod machine;
mod network;
mod settings;
mod storage;

use crate::cli::ServeArgs;
pub use finding::{Finding, State};

/// Runs all checks, one after another; returns their results.
pub async fn examine(args: &ServeArgs) -> Vec<Finding> {
    let (config, mut found) = settings::examine(args);
    found.extend(machine::examine(args));
    found.extend(storage::database(args).await);
    found.push(storage::media(&args.images).await);
    found.push(network::certificates());
    found.push(network::nats(args, config.as_ref()).await);
    found.extend(network::webhooks(args).await);
    found
}
