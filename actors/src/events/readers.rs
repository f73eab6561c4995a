//! Readers of the event feed. Each reader's position is written into the database now and then, so that the log is kept for
//! it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::FeedCursor;

/// How often a reader's position is written.
const NOTED: Duration = Duration::from_secs(10);

/// How many readers are remembered. Beyond that all are forgotten, and their positions are written once more.
const MAX_READERS: usize = 1_000;

/// Readers, and when their positions were last written.
#[derive(Debug, Default)]
pub(crate) struct FeedReaders(Mutex<HashMap<u32, Instant>>);

impl FeedReaders {
    /// Tells whether a reader's position is to be written now, and notes that it is.
    pub(crate) fn is_due(&self, cursor: &FeedCursor, now: Instant) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = noted.get(&cursor.reader).is_none_or(|noted| now - *noted >= NOTED);
        if is_due {
            if noted.len() >= MAX_READERS {
                noted.clear();
            }
            noted.insert(cursor.reader, now);
        }
        is_due
    }
}

/// Returns the name that a reader has as a consumer.
pub(crate) fn name(cursor: &FeedCursor) -> String {
    format!("feed:{:08x}", cursor.reader)
}

#[cfg(test)]
mod tests {
    use chat_database::history::{CommitRef, Nonce};
    use chat_database::ids::CommitNo;

    use super::*;

    #[test]
    fn a_reader_is_written_down_at_first_and_then_now_and_then() {
        let commit_ref = CommitRef { epoch: "0b51c4".into(), commit: CommitNo(79), nonce: Nonce(1) };
        let (one, other) = (FeedCursor::behind(commit_ref.clone(), 1), FeedCursor::behind(commit_ref, 2));
        let (readers, now) = (FeedReaders::default(), Instant::now());
        assert!(readers.is_due(&one, now));
        assert!(!readers.is_due(&one, now + NOTED / 2));
        assert!(readers.is_due(&other, now + NOTED / 2));
        assert!(readers.is_due(&one, now + NOTED));
        assert_eq!(name(&one), "feed:00000001");
    }
}
