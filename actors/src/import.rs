//! Imports what was stored by the Node.js service that the hub replaces: threads, messages, images, notifications.
//!
//! ```text
//!  threads         which pair of users an old thread is of, and which id its thread keeps
//!  messages        in the order of their times, thousands in one commit, which gives them their places
//!  pictures        files of the uploads folder, through the pipeline of all images
//!  notifications   those of the marketplace, a page at a time; the hub makes those of threads itself
//!  target          the hub's side: what it has already, and what writes
//!  report          what was brought over, and what was left out and why
//! ```
//!
//! The import is a command without actors, and no hub runs beside it. A message carries its old id in its key, so another
//! run skips what is there, and resumes a run that was interrupted.

mod error;
mod messages;
mod notifications;
mod options;
mod pictures;
mod report;
mod target;
mod threads;

use std::time::Instant;

use chat_database::change::ReservedIds;
use chat_database::import::{Moments, Source};

pub use error::Error;
use messages::Messages;
use notifications::Notifications;
pub use options::Options;
use pictures::Pictures;
use report::Reason;
pub use report::Report;
use target::{HIGHEST_KEPT, HubSide, highest_kept};
pub use target::{Output, Target};
use threads::Threads;

/// Imports everything that the hub's database does not have yet.
///
/// # Errors
/// [`Error`]; another run resumes.
pub async fn run(source: &Source, target: Target, options: Options) -> Result<Report, Error> {
    let begun = Instant::now();
    let pictures = Pictures::open(&options)?;
    let mut hub = HubSide::open(target).await?;
    let old_threads = source.threads().await?;
    let Moments { mut of, threads: used, timeless } = source.moments().await?;
    hub.reserved = ReservedIds {
        threads: highest_kept(old_threads.iter().map(|thread| thread.id)),
        messages: highest_kept(of.iter().map(|(_, id)| *id)),
        notifications: source.highest_notification(HIGHEST_KEPT).await?.unsigned_abs(),
    };
    for id in timeless.iter().filter(|id| !hub.present.messages.contains(id)) {
        hub.report.left_out(Reason::NoTime, *id);
    }
    let threads = Threads::of(&mut hub, old_threads, &used).await?;
    of.sort_unstable();
    Messages { hub: &mut hub, source, threads: &threads, pictures: &pictures, stays: options.stays }.bring(&of).await?;
    Notifications { hub: &mut hub }.bring(source.notifications()).await?;
    hub.close().await?;
    let mut report = hub.report;
    report.took = begun.elapsed();
    Ok(report)
}
