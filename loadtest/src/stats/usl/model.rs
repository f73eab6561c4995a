//! The model and the points that it describes.

use serde::{Deserialize, Serialize};

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Operations in flight.
    pub concurrency: f64,
    /// Operations per second.
    pub throughput: f64,
}

/// The three coefficients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// λ: the throughput of one.
    pub lambda: f64,
    /// σ: contention.
    pub sigma: f64,
    /// κ: coherence.
    pub kappa: f64,
}

impl Model {
    /// Returns the throughput at a concurrency.
    #[must_use]
    pub fn throughput(&self, concurrency: f64) -> f64 {
        self.lambda * concurrency / self.slowdown(concurrency)
    }

    /// Returns the concurrency of the highest throughput; `None` if throughput grows without a limit.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }

    /// Returns the factor by which contention and coherence slow each operation down.
    pub(super) fn slowdown(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }
}
