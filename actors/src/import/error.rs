//! Why something was not brought over.

use chat_database::media;

/// Why it was not done. What was brought over until then stays, and another run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the two databases.
    #[error(transparent)]
    Database(#[from] chat_database::Error),
    /// Images cannot be kept.
    #[error("images cannot be kept (CHAT_MEDIA_URL)")]
    Media(#[from] media::Error),
    /// The folder of images cannot be read, or no OS thread can be started.
    #[error("{0}")]
    Uploads(String),
    /// The hub's database did not take something that it has to take.
    #[error("{0}: does a hub, or another import, write to this database? Run the import again")]
    NotTaken(String),
}
