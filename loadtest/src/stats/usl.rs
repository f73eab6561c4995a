//! The Universal Scalability Law: how throughput grows with concurrency.
//!
//! `X(N) = λN / (1 + σ(N − 1) + κN(N − 1))`: λ is what one alone does, σ what they wait for each other, κ what they cost
//! each other (N. Gunther). Fitted by least squares; how sure it is, by a bootstrap over the residuals.

use serde::{Deserialize, Serialize};

use super::float;
use super::spread::quantile;

/// The fewest points that a fit is made of.
pub const FEWEST: usize = 8;

/// How far beyond the highest measured concurrency a fit is believed: as far as the intervals bear, and never further.
pub const REACH: f64 = 2.0;

/// The least that a sample of the bootstrap has of what the curve says.
const LEAST: f64 = 0.1;

/// Samples of the bootstrap.
const SAMPLES: usize = 1_000;

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// How many at a time.
    pub concurrency: f64,
    /// How much came of it, a second.
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

/// An interval that holds the value with 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A fit, and how sure it is.
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
    /// Fits of resampled points, for intervals of anything that follows from them. Not kept in JSON.
    #[serde(skip)]
    pub samples: Vec<Model>,
}

/// What a fit says of a concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The throughput.
    pub throughput: f64,
    /// The interval that holds it with 95 %.
    pub interval: Interval,
}

/// Why there is no fit, or no prediction.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There are too few points.
    #[error("a fit takes at least {FEWEST} points at different concurrencies; there are {0}")]
    TooFew(usize),
    /// The points do not determine a curve.
    #[error("the points do not determine a curve")]
    Undetermined,
    /// It was asked about what the points do not bear.
    #[error("measured up to {measured_to} at a time: what happens at {asked} does not follow from that")]
    TooFar {
        /// The highest concurrency that was measured.
        measured_to: f64,
        /// What was asked about.
        asked: f64,
    },
}

impl Model {
    /// Returns the throughput at a concurrency.
    #[must_use]
    pub fn throughput(&self, concurrency: f64) -> f64 {
        self.lambda * concurrency / self.slowdown(concurrency)
    }

    /// Returns the concurrency of the highest throughput; `None` if it only ever grows.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }

    fn slowdown(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }
}

impl Fit {
    /// Fits points; `seed` draws the bootstrap's samples.
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

    /// Says what the throughput is at a concurrency.
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

    /// Says where throughput is highest, and how high.
    ///
    /// # Errors
    /// [`Error::TooFar`] if that is not within what the points bear; then it grew as far as was measured.
    pub fn peak(&self) -> Result<(f64, Prediction), Error> {
        // A bend that some samples do not have is not there.
        let asked = if self.kappa.low > 0.0 { self.model.peak() } else { None }.unwrap_or(f64::INFINITY);
        Ok((asked, self.predict(asked)?))
    }
}

/// Least squares of the throughput, by Levenberg and Marquardt. σ and κ are shares of a cost and never below 0.
fn fit(points: &[Point]) -> Option<Model> {
    let mut model = first_guess(points)?;
    let mut error = squares(points, &model);
    let mut damping = 1e-3;
    for _ in 0..200 {
        let (mut normal, gradient) = equations(points, &model);
        for (place, row) in normal.iter_mut().enumerate() {
            row[place] *= 1.0 + damping;
        }
        let Some(step) = solve(normal, gradient) else {
            damping *= 10.0;
            continue;
        };
        let next = Model {
            lambda: model.lambda + step[0],
            sigma: (model.sigma + step[1]).max(0.0),
            kappa: (model.kappa + step[2]).max(0.0),
        };
        let next_error = squares(points, &next);
        if next.lambda > 0.0 && next_error.is_finite() && next_error <= error {
            let settled = error - next_error <= error * 1e-12;
            (model, error) = (next, next_error);
            damping = (damping / 10.0).max(1e-12);
            if settled {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    (error.is_finite() && model.lambda.is_finite()).then_some(model)
}

/// `N / X = (1 + σ(N − 1) + κN(N − 1)) / λ` is linear in 1/λ, σ/λ and κ/λ.
fn first_guess(points: &[Point]) -> Option<Model> {
    let mut normal = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for Point { concurrency: n, throughput: x } in points {
        if !(*n > 0.0 && *x > 0.0) {
            return None;
        }
        let terms = [1.0, n - 1.0, n * (n - 1.0)];
        for row in 0..3 {
            for column in 0..3 {
                normal[row][column] += terms[row] * terms[column];
            }
            right[row] += terms[row] * n / x;
        }
    }
    let [one, sigma, kappa] = solve(normal, right)?;
    if one <= 0.0 {
        let best = points.iter().map(|point| point.throughput / point.concurrency).fold(0.0, f64::max);
        return Some(Model { lambda: best, sigma: 0.1, kappa: 0.0 });
    }
    Some(Model { lambda: 1.0 / one, sigma: (sigma / one).max(0.0), kappa: (kappa / one).max(0.0) })
}

fn equations(points: &[Point], model: &Model) -> ([[f64; 3]; 3], [f64; 3]) {
    let mut normal = [[0.0; 3]; 3];
    let mut gradient = [0.0; 3];
    for Point { concurrency: n, throughput } in points {
        let slowdown = model.slowdown(*n);
        let rest = throughput - model.throughput(*n);
        let by_slowdown = -model.lambda * n / (slowdown * slowdown);
        let slopes = [n / slowdown, by_slowdown * (n - 1.0), by_slowdown * n * (n - 1.0)];
        for row in 0..3 {
            for column in 0..3 {
                normal[row][column] += slopes[row] * slopes[column];
            }
            gradient[row] += slopes[row] * rest;
        }
    }
    (normal, gradient)
}

/// Solves three equations, by elimination with pivots.
fn solve(mut left: [[f64; 3]; 3], mut right: [f64; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = (column..3).max_by(|one, other| left[*one][column].abs().total_cmp(&left[*other][column].abs()))?;
        if left[pivot][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        left.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..3 {
            let factor = left[row][column] / left[column][column];
            let above = left[column];
            for (place, from) in left[row].iter_mut().zip(above).skip(column) {
                *place -= factor * from;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut found = [0.0; 3];
    for row in (0..3).rev() {
        let known: f64 = (row + 1..3).map(|place| left[row][place] * found[place]).sum();
        found[row] = (right[row] - known) / left[row][row];
    }
    found.iter().all(|number| number.is_finite()).then_some(found)
}

fn squares(points: &[Point], model: &Model) -> f64 {
    points.iter().map(|point| (point.throughput - model.throughput(point.concurrency)).powi(2)).sum()
}

fn r_squared(points: &[Point], model: &Model) -> f64 {
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / float(points.len() as u64);
    let variance: f64 = points.iter().map(|point| (point.throughput - mean).powi(2)).sum();
    if variance == 0.0 { 1.0 } else { 1.0 - squares(points, model) / variance }
}

/// Fits the curve again through itself with its residuals dealt out anew, many times.
fn bootstrap(points: &[Point], model: &Model, seed: u64) -> Vec<Model> {
    let mut dice = fastrand::Rng::with_seed(seed);
    // Three of the degrees of freedom went into the curve, so the residuals are smaller than the errors are.
    let count = float(points.len() as u64);
    let widen = (count / (count - 3.0)).sqrt();
    let residuals: Vec<f64> =
        points.iter().map(|point| (point.throughput - model.throughput(point.concurrency)) * widen).collect();
    let resampled = |dice: &mut fastrand::Rng| -> Vec<Point> {
        let dealt = |point: &Point, dice: &mut fastrand::Rng| {
            let known = model.throughput(point.concurrency);
            let throughput = known + residuals[dice.usize(..residuals.len())];
            // What a high throughput errs by may be more than all of a low one, which would be nothing then, or less.
            Point { concurrency: point.concurrency, throughput: throughput.max(known * LEAST) }
        };
        points.iter().map(|point| dealt(point, dice)).collect()
    };
    (0..SAMPLES).filter_map(|_| fit(&resampled(&mut dice))).collect()
}

fn interval(mut values: Vec<f64>) -> Option<Interval> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    Some(Interval { low: quantile(&values, 0.025)?, high: quantile(&values, 0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The benchmark of a Cisco UCS server that Baron Schwartz published in "Practical Scalability Analysis with the
    /// Universal Scalability Law", with the fit that he gives.
    const PUBLISHED: [f64; 32] = [
        955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7,
        9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0,
        12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
    ];

    fn published() -> Vec<Point> {
        let place = |(place, throughput): (usize, &f64)| Point {
            concurrency: float(place as u64 + 1),
            throughput: *throughput,
        };
        PUBLISHED.iter().enumerate().map(place).collect()
    }

    fn close(found: f64, known: f64) -> bool {
        (found - known).abs() <= known.abs() * 1e-4
    }

    #[test]
    fn the_published_points_give_the_published_fit() {
        let fit = Fit::of(&published(), 1).expect("a fit");
        let Model { lambda, sigma, kappa } = fit.model;
        assert!(close(lambda, 995.6486), "λ {lambda}");
        assert!(close(sigma, 0.026_715_91), "σ {sigma}");
        assert!(close(kappa, 7.690_945e-4), "κ {kappa}");
        let (at, peak) = fit.peak().expect("a peak just above what was measured");
        assert!((35.0..36.0).contains(&at), "{at}");
        assert!(close(peak.throughput, 12_341.75), "{peak:?}");
        assert!(peak.interval.low < 12_341.0 && peak.interval.high > 12_342.0, "{peak:?}");
        for (interval, value) in [(fit.lambda, lambda), (fit.sigma, sigma), (fit.kappa, kappa)] {
            assert!(interval.low < value && value < interval.high, "{interval:?} around {value}");
            assert!(interval.high - interval.low < value, "{interval:?} around {value}");
        }
        assert!(fit.r_squared > 0.99, "{}", fit.r_squared);
    }

    #[test]
    fn exact_points_give_their_own_curve() {
        let known = Model { lambda: 40.0, sigma: 0.06, kappa: 0.0005 };
        let point = |n: f64| Point { concurrency: n, throughput: known.throughput(n) };
        let points: Vec<Point> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0].map(point).into();
        let fit = Fit::of(&points, 1).expect("a fit");
        for (found, known) in
            [(fit.model.lambda, known.lambda), (fit.model.sigma, known.sigma), (fit.model.kappa, known.kappa)]
        {
            assert!(close(found, known), "{found} for {known}");
        }
    }

    #[test]
    fn what_the_points_do_not_bear_is_not_said() {
        let fit = Fit::of(&published(), 1).expect("a fit");
        fit.predict(32.0).expect("measured");
        fit.predict(40.0).expect("just beyond");
        let refused = fit.predict(65.0).expect_err("twice as far");
        assert!(refused.to_string().contains("measured up to 32"), "{refused}");
        // A straight line has no peak, whatever its noise.
        let straight =
            |n: u32| Point { concurrency: f64::from(n), throughput: f64::from(n) * 100.0 + f64::from(n % 3) };
        let fit = Fit::of(&(1..=10).map(straight).collect::<Vec<_>>(), 1).expect("a fit");
        fit.peak().expect_err("it only ever grows");
    }

    /// σ was said to be between 0.003 and 1,868,097,941.
    #[test]
    fn what_high_loads_err_by_does_not_make_low_ones_nothing() {
        // As the search for capacity measured them.
        let measured = [
            (1.0, 3_900.0),
            (2.0, 5_200.0),
            (4.0, 10_000.0),
            (8.0, 16_100.0),
            (16.0, 28_500.0),
            (32.0, 36_900.0),
            (64.0, 46_500.0),
            (100.0, 53_000.0),
            (200.0, 85_000.0),
            (400.0, 118_000.0),
            (800.0, 116_500.0),
            (1_600.0, 176_300.0),
        ];
        let points = measured.map(|(concurrency, throughput)| Point { concurrency, throughput });
        let fit = Fit::of(&points, 1).expect("a fit");
        assert!(fit.sigma.high < 1.0, "{:?}", fit.sigma);
    }

    #[test]
    fn seven_points_are_too_few() {
        assert_eq!(Fit::of(&published()[..7], 1), Err(Error::TooFew(7)));
        let twice: Vec<Point> = published()[..7].iter().chain(&published()[..7]).copied().collect();
        assert_eq!(Fit::of(&twice, 1), Err(Error::TooFew(7)));
    }
}
