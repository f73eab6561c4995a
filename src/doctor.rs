//! `softadastra-chat doctor`: looks at everything that the hub needs, and says of each what is wrong and what to do. It changes
//! nothing that stays.
//!
//! ```text
//!  settings   what the configuration says, secrets, the address to listen on
//!  machine    disk, open files
//!  storage    database, schema, clock, the store of images
//!  network    certificates, NATS, webhooks
//!  finding    what was found of one thing
//! ```

mod finding;
mod machine;
mod network;
mod settings;
mod storage;

use crate::cli::ServeArgs;
pub use finding::{Finding, State};

/// Looks at everything, one thing after another.
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
