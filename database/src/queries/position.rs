//! Where a page of a list ended that is sorted by time and by id, newest first.

use crate::backend::dialect::PageKey;
use crate::time::Timestamp;

/// Where a page ended: at its last item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position<Id> {
    /// The item's time.
    pub updated_at: Timestamp,
    /// The item.
    pub id: Id,
}

impl<Id> Position<Id> {
    /// Returns the key below which a page begins, as the columns have it; without a position, the list's beginning.
    pub(super) fn page_key(before: Option<Self>, column: impl FnOnce(Id) -> i64) -> PageKey {
        before.map_or((i64::MAX, i64::MAX), |before| (before.updated_at.millis(), column(before.id)))
    }
}
