//! A report as files: JSON, HTML, text, and histograms in the log format of HdrHistogram.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{html, text};
use crate::report::{Report, ReportResult};
use crate::result::Outcome;

/// HdrHistogram's tools read milliseconds; these histograms hold microseconds.
const MICROS_PER_MILLI: f64 = 1_000.0;

/// Writes all files into a folder.
///
/// # Errors
/// If a file cannot be written.
pub fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("--out {}", folder.display()))?;
    let put = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };
    put("report.json", &report.json()?)?;
    put("report.txt", &text::text(report))?;
    put("report.html", &html::page(std::slice::from_ref(report)))?;
    for (name, outcome) in runs(report) {
        put(&format!("{name}.hlog"), &hlog(report, outcome)?)?;
    }
    Ok(())
}

/// Returns the runs whose histograms are written, with the names of their files.
fn runs(report: &Report) -> Vec<(String, &Outcome)> {
    match &report.result {
        ReportResult::Run(outcome) => vec![(outcome.scenario.clone(), outcome)],
        ReportResult::Capacity(capacity) => {
            let step = capacity.steps.iter().rev().find(|step| step.load == capacity.answer.at_least);
            step.map(|step| ("highest-passing-load".to_owned(), &step.outcome)).into_iter().collect()
        }
        ReportResult::Comparison(comparison) => {
            let a = (1_u32..).zip(comparison.loads.iter().flat_map(|load| &load.a));
            let b = (1_u32..).zip(comparison.loads.iter().flat_map(|load| &load.b));
            let a = a.map(|(run, outcome)| (format!("a-{run}"), outcome));
            a.chain(b.map(|(run, outcome)| (format!("b-{run}"), outcome))).collect()
        }
        ReportResult::Plan(_) => Vec::new(),
    }
}

/// Writes the histograms of a run, with a tag for each operation and view.
fn hlog(report: &Report, outcome: &Outcome) -> anyhow::Result<String> {
    let began: jiff::Timestamp = report.environment.at.parse().unwrap_or_default();
    let start = Duration::from_secs(u64::try_from(began.as_second()).unwrap_or_default());
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment("written by chat-loadtest; values in microseconds")
        .with_start_time(UNIX_EPOCH + start)
        .with_max_value_divisor(MICROS_PER_MILLI);
    {
        let mut log = builder.begin_log_with(&mut bytes, &mut serializer)?;
        for operation in &outcome.operations {
            for (view, latency) in [("intended", &operation.corrected), ("from-send", &operation.service)] {
                let tag = format!("{}-{view}", operation.name.replace(' ', "-"));
                let tag = Tag::new(&tag).ok_or_else(|| anyhow!("{} cannot be a tag", operation.name))?;
                let length = Duration::from_secs_f64(outcome.seconds);
                log.write_histogram(latency.histogram(), start, length, Some(tag))
                    .map_err(|error| anyhow!("a histogram cannot be written: {error:?}"))?;
            }
        }
    }
    Ok(String::from_utf8(bytes)?)
}
