//! A poll: one read of the newest commit and of the commit log.

use chat_database::Database;
use chat_database::history::{self, CommitRef};
use chat_database::ids::CommitNo;
use chat_database::queries::changes::{self, LogEntry};

use super::handle::Seen;
use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;
use crate::storage::handle::StorageHandle;

/// How many entries of the commit log are read at a time.
const STRIDE: u64 = 1_000;

/// Reads the newest commit, and the next stretch of the log if something of it may be missing here. Checks first that the
/// newest commit which this node knows still stands.
pub(super) async fn poll(
    database: &Database,
    frontier: &DeliveryFrontier,
    storage: &StorageHandle,
) -> Result<Seen, chat_database::Error> {
    let known = frontier.newest();
    let head = history::head_beside(database, known.commit).await?;
    if head.commit_ref.commit < known.commit || head.known.is_some_and(|nonce| nonce != known.nonce) {
        return went_back(database, storage, &known).await;
    }
    let (from, up_to) = stretch(frontier, head.commit_ref.commit);
    let (_, possible) = frontier.gaps(up_to, |_| false);
    let log = if possible.is_empty() { None } else { Some(changes::log(database, from, up_to).await?) };
    Ok(Seen::On { head, from, up_to, log })
}

/// Returns the range of commits that a poll reads: after the first number, up to the second. It begins behind the
/// dispatched commits, not behind the delivered ones. Otherwise a node that is far behind would wait for its slowest thread
/// at each step, and read the same stretch again and again.
fn stretch(frontier: &DeliveryFrontier, head: CommitNo) -> (CommitNo, CommitNo) {
    let from = frontier.unbroken();
    (from, CommitNo(head.0.min(from.0 + STRIDE)))
}

/// Tells whether a commit that is missing here was swept from the log before this node has read it; `knows` tells whether a
/// commit's header is known. A commit may begin to be missing during the poll (another node's, behind one of this node's
/// that was just being dispatched). So a log that was not read proves nothing: the next poll reads it.
pub(super) fn was_swept(missing: &[CommitNo], log: Option<&[LogEntry]>, knows: impl Fn(CommitNo) -> bool) -> bool {
    log.is_some_and(|log| missing.iter().any(|no| !knows(*no) && !log.iter().any(|entry| entry.no == *no)))
}

/// Restarts the history, because the database has gone back to an earlier state: a backup was restored, or a replica that
/// lagged has taken over. All nodes must refuse older cursors; then every client comes back, reloads, and goes on from
/// here.
async fn went_back(
    database: &Database,
    storage: &StorageHandle,
    known: &CommitRef,
) -> Result<Seen, chat_database::Error> {
    storage.restart_history().await?;
    let head = history::head(database).await?;
    tracing::warn!(
        known = known.commit.0,
        commit = head.commit.0,
        "the database was put back to an earlier state: every connection starts over"
    );
    metrics::get().histories_lost.increment(1);
    Ok(Seen::Back(head))
}

#[cfg(test)]
mod tests {
    use chat_database::history::{Head, Nonce};
    use chat_database::nodes::NodeId;
    use chat_database::time::Timestamp;

    use super::*;

    /// A hub that was cut off from PostgreSQL was 5,400 commits behind, and followed twelve a second: each poll went no further
    /// than a thousand commits behind the slowest delivery.
    #[test]
    fn a_node_that_is_far_behind_reads_on_while_a_thread_is_slow() {
        let commit_ref = CommitRef { epoch: "epoch".into(), commit: CommitNo(0), nonce: Nonce(0) };
        let newest = Timestamp::from_millis(0);
        let frontier = DeliveryFrontier::new(Head { commit_ref, newest, known: None, restrictions: CommitNo(0) });
        assert_eq!(stretch(&frontier, CommitNo(5_400)), (CommitNo(0), CommitNo(1_000)));
        let commits: Vec<_> = (1..=1_000).map(|no| (CommitNo(no), Nonce(1))).collect();
        let mut guards = frontier.begin_followed(&commits, 2);
        assert_eq!(stretch(&frontier, CommitNo(5_400)), (CommitNo(1_000), CommitNo(2_000)));
        assert_eq!(stretch(&frontier, CommitNo(1_200)), (CommitNo(1_000), CommitNo(1_200)));
        // A part that is lost is read again.
        drop(guards.pop());
        assert_eq!(stretch(&frontier, CommitNo(5_400)), (CommitNo(0), CommitNo(1_000)));
        assert_eq!(frontier.released(), CommitNo(0));
    }

    /// Two hubs at work, and one of them paused: their clients were all sent away with 4004.
    #[test]
    fn what_begins_to_be_missing_during_a_poll_was_not_swept() {
        let entry = LogEntry {
            no: CommitNo(7),
            nonce: Nonce(1),
            node: NodeId::of("left".into(), 1),
            threads: Vec::new(),
            users: Vec::new(),
        };
        let log = [entry];
        assert!(!was_swept(&[CommitNo(8)], None, |_| false), "the log was not read");
        assert!(!was_swept(&[CommitNo(7)], Some(&log), |_| false), "it is in the log");
        assert!(!was_swept(&[CommitNo(8)], Some(&log), |no| no == CommitNo(8)), "another node has told of it");
        assert!(was_swept(&[CommitNo(6), CommitNo(7)], Some(&log), |_| false));
    }
}
