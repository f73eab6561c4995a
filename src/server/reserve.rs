//! The places that are left when all are taken: for `/health` and `/metrics`, which those ask for who want to know why.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// How many such connections there may be. The oldest one makes room: whoever runs the node asks at once, and those who hold
/// on to a place do not keep others out.
const PLACES: usize = 32;

/// The places. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserve(Arc<Mutex<VecDeque<CancellationToken>>>);

impl Reserve {
    /// Takes a place, from the one who has had theirs for longest if there is none. The token is cancelled when the place is
    /// taken away.
    pub(super) fn enter(&self) -> CancellationToken {
        let place = CancellationToken::new();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who have left have cancelled their tokens themselves.
        taken.retain(|place| !place.is_cancelled());
        if taken.len() >= PLACES
            && let Some(oldest) = taken.pop_front()
        {
            oldest.cancel();
        }
        taken.push_back(place.clone());
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let reserve = Reserve::default();
        let first = reserve.enter();
        let second = reserve.enter();
        second.cancel();
        for _ in 2..PLACES {
            reserve.enter();
        }
        assert!(!first.is_cancelled(), "the second has left its place");
        let others: Vec<_> = (0..2).map(|_| reserve.enter()).collect();
        assert!(first.is_cancelled());
        assert!(others.iter().all(|place| !place.is_cancelled()));
    }
}
