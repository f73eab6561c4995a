//! The Universal Scalability Law: how throughput grows with concurrency.
//!
//! `X(N) = λN / (1 + σ(N − 1) + κN(N − 1))`: λ is the throughput of one, σ the contention, κ the cost of coherence
//! (N. Gunther). The fit is by least squares, its confidence intervals by a bootstrap over the residuals.

mod bootstrap;
mod least_squares;
mod model;

use serde::{Deserialize, Serialize};

use super::float;
use super::spread::quantile;

use self::bootstrap::bootstrap;
use self::least_squares::{fit, squares};
pub use self::model::{Model, Point};

/// The minimal number of points of a fit.
pub const FEWEST: usize = 8;

/// The highest concurrency of a prediction, as a multiple of the highest that was measured.
pub const REACH: f64 = 2.0;

/// A 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A fit, with its confidence intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The coefficients.
    pub model: Model,
    /// The interval of λ.
    pub lambda: Interval,
    /// The interval of σ.
    pub sigma: Interval,
    /// The interval of κ.
    pub kappa: Interval,
    /// The share of the variance that the fit explains.
    pub r_squared: f64,
    /// The highest concurrency that was measured.
    pub measured_to: f64,
    /// Fits of resampled points, for the intervals of predictions. Not kept in JSON.
    #[serde(skip)]
    pub samples: Vec<Model>,
}

/// A prediction at a concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The throughput.
    pub throughput: f64,
    /// Its 95 % confidence interval.
    pub interval: Interval,
}

/// Why there is no fit or no prediction.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There are too few points.
    #[error("a fit needs at least {FEWEST} points at different concurrencies; there are {0}")]
    TooFew(usize),
    /// The points do not determine a curve.
    #[error("the points do not determine a curve")]
    Undetermined,
    /// The points do not support a prediction at this concurrency.
    #[error("measured up to {measured_to} in flight: the points do not support a prediction at {asked}")]
    TooFar {
        /// The highest concurrency that was measured.
        measured_to: f64,
        /// The concurrency of the prediction.
        asked: f64,
    },
}

impl Fit {
    /// Fits the model to points; `seed` is that of the bootstrap.
    ///
    /// # Errors
    /// [`Error::TooFew`] or [`Error::Undetermined`].
    pub fn of(points: &[Point], seed: u64) -> Result<Self, Error> {
        let mut places: Vec<f64> = points.iter().map(|point| point.concurrency).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        if places.len() < FEWEST {
            return Err(Error::TooFew(places.len()));
        }
        let model = fit(points).ok_or(Error::Undetermined)?;
        let samples = bootstrap(points, &model, seed);
        let interval = |of: fn(&Model) -> f64| interval(samples.iter().map(of).collect()).ok_or(Error::Undetermined);
        Ok(Self {
            model,
            lambda: interval(|model| model.lambda)?,
            sigma: interval(|model| model.sigma)?,
            kappa: interval(|model| model.kappa)?,
            r_squared: r_squared(points, &model),
            measured_to: places.last().copied().unwrap_or_default(),
            samples,
        })
    }

    /// Predicts the throughput at a concurrency.
    ///
    /// # Errors
    /// [`Error::TooFar`] beyond twice what was measured, and beyond what was measured at all where the interval is wider
    /// than a quarter of the value.
    pub fn predict(&self, concurrency: f64) -> Result<Prediction, Error> {
        let too_far = Error::TooFar { measured_to: self.measured_to, asked: concurrency };
        let throughput = self.model.throughput(concurrency);
        let samples = self.samples.iter().map(|model| model.throughput(concurrency)).collect();
        let Some(interval) = interval(samples) else { return Err(too_far) };
        let beyond = concurrency > self.measured_to;
        let unsure = interval.high - interval.low > throughput / 4.0;
        if concurrency > self.measured_to * REACH || (beyond && unsure) {
            return Err(too_far);
        }
        Ok(Prediction { throughput, interval })
    }

    /// Returns the concurrency of the highest throughput, and that throughput.
    ///
    /// # Errors
    /// [`Error::TooFar`] if the points do not support a peak: then throughput grew as far as it was measured.
    pub fn peak(&self) -> Result<(f64, Prediction), Error> {
        // A peak that some samples of the bootstrap do not have is not certain.
        let asked = if self.kappa.low > 0.0 { self.model.peak() } else { None }.unwrap_or(f64::INFINITY);
        Ok((asked, self.predict(asked)?))
    }
}

fn r_squared(points: &[Point], model: &Model) -> f64 {
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / float(points.len() as u64);
    let variance: f64 = points.iter().map(|point| (point.throughput - mean).powi(2)).sum();
    if variance == 0.0 { 1.0 } else { 1.0 - squares(points, model) / variance }
}

fn interval(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    Some(Interval { low: quantile(&values, 0.025)?, high: quantile(&values, 0.975)? })
}

#[cfg(test)]
mod tests;
