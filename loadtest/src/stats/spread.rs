//! The median of a few measurements, and their range.

use serde::{Deserialize, Serialize};

/// The median and the range of a few measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

impl Spread {
    /// Summarises measurements; `None` if there are none.
    #[must_use]
    pub fn of(measurements: &[f64]) -> Option<Self> {
        let mut sorted = measurements.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (*sorted.first()?, *sorted.last()?);
        Some(Self { median: quantile(&sorted, 0.5)?, lowest, highest })
    }

    /// Returns the range as a share of the median.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.highest - self.lowest) / self.median }
    }
}

/// Returns a quantile of sorted numbers, interpolated between neighbours; `None` if there are none.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = super::float(last as u64) * share.clamp(0.0, 1.0);
    let below = usize::try_from(super::count(place.floor())).ok()?;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (high - low) * (place - place.floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_two() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, lowest: 1.0, highest: 3.0 }));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of(&[]), None);
        let spread = Spread::of(&[90.0, 100.0, 110.0]).expect("three of them");
        assert!((spread.relative() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_interpolated() {
        let sorted = [0.0, 10.0, 20.0, 30.0, 40.0];
        assert_eq!(quantile(&sorted, 0.0), Some(0.0));
        assert_eq!(quantile(&sorted, 1.0), Some(40.0));
        assert_eq!(quantile(&sorted, 0.625), Some(25.0));
    }
}
