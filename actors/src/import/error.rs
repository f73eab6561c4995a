//! Why an import stopped.

use chat_database::media;

/// Why an import stopped. What was imported until then stays, and another run resumes from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the two databases failed.
    #[error(transparent)]
    Database(#[from] chat_database::Error),
    /// Images cannot be stored.
    #[error("images cannot be kept (CHAT_MEDIA_URL)")]
    Media(#[from] media::Error),
    /// The folder of images cannot be read, or no OS thread can be started.
    #[error("{0}")]
    Uploads(String),
    /// The hub's database refused what it should accept.
    #[error("{0}: does a hub, or another import, write to this database? Run the import again")]
    NotTaken(String),
}
