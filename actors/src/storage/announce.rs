//! How other nodes are told of a commit.

use chat_database::change::{Change, Committed};

use super::StorageContext;
use crate::relay::commit::Header;
use crate::relay::encoding;
use crate::relay::message::{Destination, Kind};

impl StorageContext {
    /// Tells all nodes that there is a commit, and those where users are connected whom it concerns what it has done.
    pub(super) fn announce(&self, changes: &[Change], committed: &Committed) {
        let Self { relay, remote, .. } = self;
        if relay.is_alone() {
            return;
        }
        // One that is too large is found in the database: the next header shows that it is missing.
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
