//! A reserve of connections for `/health` and `/metrics`, used when all connection permits are taken: that is when operators need
//! them most.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// The size of the reserve. A new connection closes the oldest one: monitoring sends its request at once, and idle connections
/// must not keep it out.
const SIZE: usize = 32;

/// The connections of the reserve. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct OperationsReserve(Arc<Mutex<VecDeque<CancellationToken>>>);

impl OperationsReserve {
    /// Adds a connection, and cancels the oldest one if the reserve is full. The returned token is cancelled when the connection
    /// must close.
    pub(super) fn enter(&self) -> CancellationToken {
        let connection = CancellationToken::new();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Connections that have ended have cancelled their tokens themselves.
        open.retain(|connection| !connection.is_cancelled());
        if open.len() >= SIZE
            && let Some(oldest) = open.pop_front()
        {
            oldest.cancel();
        }
        open.push_back(connection.clone());
        connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_connection_closes_the_oldest() {
        let reserve = OperationsReserve::default();
        let first = reserve.enter();
        let second = reserve.enter();
        second.cancel();
        for _ in 2..SIZE {
            reserve.enter();
        }
        assert!(!first.is_cancelled(), "the second has ended already");
        let others: Vec<_> = (0..2).map(|_| reserve.enter()).collect();
        assert!(first.is_cancelled());
        assert!(others.iter().all(|connection| !connection.is_cancelled()));
    }
}
