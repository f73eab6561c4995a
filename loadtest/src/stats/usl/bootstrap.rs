//! A bootstrap over the residuals: how much the fit depends on the errors of the points.

use super::least_squares::fit;
use super::model::{Model, Point};
use crate::stats::float;

/// The least share of the fitted throughput that a resampled point has.
const LEAST: f64 = 0.1;

/// The number of samples.
const SAMPLES: usize = 1_000;

/// Fits the curve many times to its own values plus resampled residuals.
pub(super) fn bootstrap(points: &[Point], model: &Model, seed: u64) -> Vec<Model> {
    let mut rng = fastrand::Rng::with_seed(seed);
    // The fit used three degrees of freedom, so the residuals are smaller than the errors.
    let count = float(points.len() as u64);
    let widen = (count / (count - 3.0)).sqrt();
    let residuals: Vec<f64> =
        points.iter().map(|point| (point.throughput - model.throughput(point.concurrency)) * widen).collect();
    let resampled = |rng: &mut fastrand::Rng| -> Vec<Point> {
        let resample = |point: &Point, rng: &mut fastrand::Rng| {
            let fitted = model.throughput(point.concurrency);
            let throughput = fitted + residuals[rng.usize(..residuals.len())];
            // The residual of a high throughput may exceed a whole low one, which would then be 0 or negative.
            Point { concurrency: point.concurrency, throughput: throughput.max(fitted * LEAST) }
        };
        points.iter().map(|point| resample(point, rng)).collect()
    };
    (0..SAMPLES).filter_map(|_| fit(&resampled(&mut rng))).collect()
}
