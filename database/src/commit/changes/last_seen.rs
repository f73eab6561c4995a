//! When users were last there.

use crate::change::Outcome;
use crate::commit::apply::Applier;
use crate::ids::UserId;
use crate::time::Timestamp;

impl Applier<'_> {
    pub(super) fn last_seen(&mut self, seen: &[(UserId, Timestamp)]) -> Outcome {
        for (user, at) in seen {
            // Each user once: PostgreSQL cannot write a row twice in one statement.
            let latest = self.write_set.last_seen.entry(user.column()).or_default();
            *latest = at.millis().max(*latest);
        }
        Outcome::LastSeen
    }
}
