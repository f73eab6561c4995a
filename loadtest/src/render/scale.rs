//! Axes: their scales, ticks, and the position of a value.

use super::table::number;

/// The scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Linear, from 0.
    Linear,
    /// Logarithmic.
    Log,
    /// Logarithmic in the rest to 1: 90 %, 99 %, 99.9 %. The values are shares below 1.
    Quantile,
    /// Whole numbers, without ticks between them.
    Integers,
}

/// An axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
}

/// An axis with its range of values and of positions.
pub(super) struct Range {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Range {
    pub(super) fn of(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values: Vec<f64> = values.filter(|value| scale != Scale::Log || *value > 0.0).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low.is_finite() { (low, high) } else { (0.1, 1.0) };
        let (low, high) = match scale {
            Scale::Linear => (0.0, if high > 0.0 { high * 1.06 } else { 1.0 }),
            Scale::Log if high > low * 1.5 => (low / 1.12, high * 1.12),
            Scale::Log => (low / 2.0, high * 2.0),
            Scale::Quantile => (0.0, high.clamp(0.99, 0.999_999)),
            Scale::Integers => (low - 0.5, high + 0.5),
        };
        Self { scale, low, high, from, to }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let stretch = |value: f64| match self.scale {
            Scale::Linear | Scale::Integers => value,
            Scale::Log => value.max(self.low).ln(),
            Scale::Quantile => -(1.0 - value.min(self.high)).ln(),
        };
        let (low, high) = (stretch(self.low), stretch(self.high));
        self.from + (stretch(value) - low) / (high - low).max(f64::MIN_POSITIVE) * (self.to - self.from)
    }

    pub(super) fn label(&self, value: f64) -> String {
        match self.scale {
            Scale::Quantile => format!("{} %", value * 100.0),
            Scale::Linear | Scale::Log | Scale::Integers => number(value),
        }
    }

    pub(super) fn ticks(&self, most: u32) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Linear => self.even(most, 0.0),
            Scale::Integers => self.even(most, 1.0),
            Scale::Log => self.decades(),
            Scale::Quantile => [0.0, 0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99]
                .into_iter()
                .filter(|share| *share <= self.high)
                .map(|share| (share, format!("{}%", (share * 1e7).round() / 1e5)))
                .collect(),
        }
    }

    fn even(&self, most: u32, least: f64) -> Vec<(f64, String)> {
        let rough = ((self.high - self.low) / f64::from(most)).max(least);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(power * 10.0);
        let at = |place: u32| f64::from(place) * step;
        let seen = (0..=most * 2).map(at).filter(|value| (self.low..=self.high).contains(value));
        seen.map(|value| (value, short(value))).collect()
    }

    fn decades(&self) -> Vec<(f64, String)> {
        let wide = (self.high / self.low).log10() > 2.5;
        let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let first = self.low.log10().floor();
        let mut ticks = Vec::new();
        for decade in 0..16 {
            let power = 10_f64.powf(first + f64::from(decade));
            ticks.extend(steps.iter().map(|step| step * power).filter(|value| (self.low..=self.high).contains(value)));
        }
        ticks.into_iter().map(|value| (value, short(value))).collect()
    }
}

/// Formats a number for a tick.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", trimmed(value / 1e6)),
        value if value >= 1e4 => format!("{}k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    format!("{}", (value * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_axis_gives_equal_factors_equal_lengths() {
        let range = Range { scale: Scale::Log, low: 1.0, high: 100.0, from: 0.0, to: 200.0 };
        assert!((range.place(1.0)).abs() < 1e-9 && (range.place(10.0) - 100.0).abs() < 1e-9);
        let range = Range { scale: Scale::Quantile, low: 0.0, high: 0.9999, from: 0.0, to: 400.0 };
        assert!((range.place(0.9) - 100.0).abs() < 1e-6 && (range.place(0.99) - 200.0).abs() < 1e-6);
    }

    #[test]
    fn an_integer_axis_has_ticks_at_whole_numbers_alone() {
        let labels = |last: u32| -> Vec<String> {
            let range = Range::of(Scale::Integers, (1..=last).map(f64::from), 0.0, 100.0);
            range.ticks(8).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(2), ["1", "2"]);
        assert_eq!(labels(5), ["1", "2", "3", "4", "5"]);
        assert_eq!(labels(20), ["5", "10", "15", "20"]);
    }
}
