//! The way in which an operator's change is written: by a running hub, or by a command beside it.

use std::sync::Arc;

use chat_database::change::{Change, Outcome};
use chat_database::commit::Writer;
use tokio::sync::Mutex;

use crate::error::Error;
use crate::storage::handle::StorageHandle;

/// Writes changes, and returns what became of them. Cheap to clone.
#[derive(Clone)]
pub(crate) enum ChangeWriter {
    /// Through the hub's storage actor.
    Hub(StorageHandle),
    /// Through a writer of the command's own, whether a hub is running or not.
    Own(Arc<Mutex<Writer>>),
}

impl ChangeWriter {
    /// Makes the one of a command.
    pub(crate) fn own(writer: Writer) -> Self {
        Self::Own(Arc::new(Mutex::new(writer)))
    }

    /// Writes a change.
    pub(crate) async fn write(&self, change: Change) -> Result<Outcome, Error> {
        match self {
            Self::Hub(storage) => storage.call(change).await,
            Self::Own(writer) => commit(writer, change).await,
        }
    }

    /// Writes a change that is less urgent than what users wait for.
    pub(crate) async fn write_later(&self, change: Change) -> Result<Outcome, Error> {
        match self {
            Self::Hub(storage) => storage.call_later(change).await,
            Self::Own(writer) => commit(writer, change).await,
        }
    }
}

async fn commit(writer: &Mutex<Writer>, change: Change) -> Result<Outcome, Error> {
    let committed = writer.lock().await.commit(&[change]).await?;
    committed.outcomes.into_iter().next().ok_or_else(Error::internal)
}
