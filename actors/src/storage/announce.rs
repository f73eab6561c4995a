//! How other nodes are told of a commit.

use chat_database::change::{Change, Committed};

use super::StorageContext;
use crate::relay::commit::Header;
use crate::relay::encoding;
use crate::relay::message::{Destination, Kind};

impl StorageContext {
    /// Publishes a commit's header to all nodes, and its content to the nodes where users are connected whom it concerns.
    pub(super) fn announce(&self, changes: &[Change], committed: &Committed) {
        let Self { relay, remote, .. } = self;
        if relay.is_alone() {
            return;
        }
        // A header that is too large is not sent: the next one shows that the commit is missing, and it is read from the
        // database.
        if let Some(header) = encoding::header(&Header::of(committed)) {
            relay.publish(Destination::AllCommits, Kind::Header, header);
        }
        if !remote.has_remote() {
            return;
        }
        encoding::contents(
            changes,
            committed,
            |user| remote.nodes_of(user),
            |node, content| {
                relay.publish(Destination::Node(node), Kind::Content, content);
            },
        );
    }
}
