//! The latency of messages inside the hub, by stage: the histogram `chat_message_stage_seconds` of its `/metrics`.

use prometheus_parse::{Sample, Value};
use serde::{Deserialize, Serialize};

/// The histogram.
pub const METRIC: &str = "chat_message_stage_seconds";

/// The stages as the hub names them, in their order.
pub const STAGES: [&str; 3] = ["queue", "commit", "deliver"];

/// The latency of each stage, in the order of [`STAGES`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerLatency {
    /// The stages.
    pub stages: [Stage; STAGES.len()],
}

/// The latency of one stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The number of values.
    pub count: f64,
    /// Their sum, in milliseconds.
    pub sum_ms: f64,
    /// How many values are at most a bound, by that bound in milliseconds; ascending, without the infinite one.
    pub at_most_ms: Vec<(f64, f64)>,
}

impl ServerLatency {
    /// Reads it from the samples of `/metrics`.
    #[must_use]
    pub fn read(samples: &[Sample]) -> Self {
        Self { stages: STAGES.map(|stage| Stage::read(samples, stage)) }
    }

    /// Returns the values of two hubs together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.stages.iter_mut().zip(&other.stages).for_each(|(stage, other)| stage.add(other));
        sum
    }

    /// Returns what was added since an earlier reading.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut added = self.clone();
        added.stages.iter_mut().zip(&before.stages).for_each(|(stage, before)| stage.subtract(before));
        added
    }
}

impl Stage {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum_ms += other.sum_ms;
        if self.at_most_ms.is_empty() {
            self.at_most_ms.clone_from(&other.at_most_ms);
        } else {
            self.at_most_ms.iter_mut().zip(&other.at_most_ms).for_each(|(bucket, other)| bucket.1 += other.1);
        }
    }

    fn read(samples: &[Sample], stage: &str) -> Self {
        let mut read = Self::default();
        for sample in samples.iter().filter(|sample| sample.labels.get("stage") == Some(stage)) {
            let suffix = sample.metric.strip_prefix(METRIC);
            match (suffix, &sample.value) {
                (Some("_count"), Value::Untyped(count)) => read.count = *count,
                (Some("_sum"), Value::Untyped(seconds)) => read.sum_ms = seconds * 1_000.0,
                (Some(_), Value::Histogram(buckets)) => {
                    let finite = buckets.iter().filter(|bucket| bucket.less_than.is_finite());
                    read.at_most_ms = finite.map(|bucket| (bucket.less_than * 1_000.0, bucket.count)).collect();
                }
                _ => {}
            }
        }
        read
    }

    fn subtract(&mut self, before: &Self) {
        self.count -= before.count;
        self.sum_ms -= before.sum_ms;
        self.at_most_ms.iter_mut().zip(&before.at_most_ms).for_each(|(bucket, before)| bucket.1 -= before.1);
    }

    /// Returns the mean in milliseconds; `None` without a value.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum_ms / self.count)
    }

    /// Returns the bucket's bound, in milliseconds, that a share of the values does not exceed: infinite above the last bound,
    /// and `None` without a value.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let bucket = self.at_most_ms.iter().find(|(_, count)| *count >= self.count * share);
        (self.count > 0.0).then(|| bucket.map_or(f64::INFINITY, |(bound, _)| *bound))
    }
}

#[cfg(test)]
mod tests {
    use prometheus_parse::Scrape;

    use super::*;

    const TYPE: &str = "# TYPE chat_message_stage_seconds histogram\n";

    fn read(values: &[(&str, [u32; 3], f64)]) -> ServerLatency {
        let mut text = TYPE.to_owned();
        for (stage, [low, high, all], sum) in values {
            for (bound, count) in [("0.001", low), ("0.01", high), ("+Inf", all)] {
                text += &format!("{METRIC}_bucket{{stage=\"{stage}\",le=\"{bound}\"}} {count}\n");
            }
            text += &format!("{METRIC}_sum{{stage=\"{stage}\"}} {sum}\n{METRIC}_count{{stage=\"{stage}\"}} {all}\n");
        }
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        ServerLatency::read(&Scrape::parse(lines).expect("metrics").samples)
    }

    #[test]
    fn the_values_between_two_readings_are_counted_by_stage() {
        let before = read(&[("queue", [10, 10, 10], 0.005), ("commit", [0, 1, 1], 0.004)]);
        let after = read(&[("commit", [50, 99, 101], 0.304), ("queue", [110, 110, 110], 0.055)]);
        let [queue, commit, deliver] = after.since(&before).stages;
        assert_eq!((queue.count, queue.quantile_ms(0.99)), (100.0, Some(1.0)));
        assert!((queue.mean_ms().expect("a mean") - 0.5).abs() < 1e-9, "{queue:?}");
        assert_eq!((commit.count, commit.quantile_ms(0.5), commit.quantile_ms(0.98)), (100.0, Some(1.0), Some(10.0)));
        assert_eq!(commit.quantile_ms(0.999), Some(f64::INFINITY), "two of a hundred are above the last bound");
        assert!((commit.mean_ms().expect("a mean") - 3.0).abs() < 1e-9, "{commit:?}");
        assert_eq!((deliver.count, deliver.mean_ms(), deliver.quantile_ms(0.5)), (0.0, None, None));
    }
}
