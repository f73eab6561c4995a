//! Latencies, to three significant digits.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::float;

/// The longest latency that is recorded as such: two minutes. A longer one counts as this one.
const LONGEST_MICROS: u64 = 120_000_000;

/// Latencies, in microseconds, as a histogram of a fixed relative precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    histogram: Histogram<u64>,
}

/// A summary of a histogram, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The number of values.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p999: f64,
    /// The maximum.
    pub max: f64,
}

/// The text is not an encoded histogram.
#[derive(Debug, thiserror::Error)]
#[error("not a histogram: {0}")]
pub struct DecodeError(String);

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// Makes an empty histogram.
    #[must_use]
    pub fn new() -> Self {
        let mut histogram =
            Histogram::new_with_bounds(1, 1_000_000, 3).unwrap_or_else(|_| unreachable!("sound bounds"));
        histogram.auto(true);
        Self { histogram }
    }

    /// Records a latency.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_MICROS);
        // It grows as needed, up to the longest.
        let _ = self.histogram.record(micros);
    }

    /// Adds the latencies of another histogram.
    pub fn add(&mut self, other: &Self) {
        // It grows as needed.
        let _ = self.histogram.add(&other.histogram);
    }

    /// Removes all latencies.
    pub fn clear(&mut self) {
        self.histogram.reset();
    }

    /// Returns how many latencies were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Returns the latency that a share of the latencies does not exceed, in milliseconds; 0 if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        if self.histogram.is_empty() { 0.0 } else { millis(self.histogram.value_at_quantile(share)) }
    }

    /// Returns a summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count(),
            mean: self.histogram.mean() / 1_000.0,
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            max: if self.histogram.is_empty() { 0.0 } else { millis(self.histogram.max()) },
        }
    }

    /// Returns the histogram itself, in microseconds.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Encodes the histogram as text for HdrHistogram's tools: V2, compressed, in base64.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _ = V2DeflateSerializer::new().serialize(&self.histogram, &mut bytes);
        STANDARD.encode(bytes)
    }

    /// Decodes the text of [`Latency::encode`].
    ///
    /// # Errors
    /// [`DecodeError`] if it is something else.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let bytes = STANDARD.decode(text).map_err(|error| DecodeError(error.to_string()))?;
        let mut histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| DecodeError(error.to_string()))?;
        histogram.auto(true);
        Ok(Self { histogram })
    }
}

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::decode(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn millis(micros: u64) -> f64 {
    float(micros) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Latency {
        let mut latency = Latency::new();
        (1..=1_000).for_each(|millis| latency.record(Duration::from_millis(millis)));
        latency
    }

    #[test]
    fn quantiles_have_three_significant_digits() {
        let summary = thousand().summary();
        assert_eq!(summary.count, 1_000);
        for (found, known) in
            [(summary.p50, 500.0), (summary.p99, 990.0), (summary.p999, 999.0), (summary.max, 1_000.0)]
        {
            assert!((found - known).abs() <= known / 1_000.0, "{found} for {known}");
        }
        assert_eq!(Latency::new().summary(), Summary::default());
    }

    #[test]
    fn a_histogram_can_be_encoded_and_decoded() {
        let latency = thousand();
        let back = Latency::decode(&latency.encode()).expect("our own text");
        assert_eq!(back.summary(), latency.summary());
        Latency::decode("bm9uZQ==").expect_err("not one");
    }

    #[test]
    fn a_latency_above_two_minutes_counts_as_two_minutes() {
        let mut latency = Latency::new();
        latency.record(Duration::from_secs(86_400));
        assert!((latency.summary().max - 120_000.0).abs() < 200.0);
    }
}
