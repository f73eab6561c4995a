//! The files of a run: JSON, HTML, text, and histograms as HdrHistogram tools read them.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{html, text};
use crate::document::{Document, Finding};
use crate::outcome::Outcome;

/// HdrHistogram tools read milliseconds; ours are microseconds.
const MICROS_PER_MILLI: f64 = 1_000.0;

/// Writes all files into a folder.
///
/// # Errors
/// If one cannot be written.
pub fn write(document: &Document, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("--out {}", folder.display()))?;
    let put = |name: &str, content: &str| {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };
    put("report.json", &document.json()?)?;
    put("report.txt", &text(document))?;
    put("report.html", &html::page(std::slice::from_ref(document)))?;
    for (name, outcome) in runs(document) {
        put(&format!("{name}.hlog"), &hlog(document, outcome)?)?;
    }
    Ok(())
}

/// Returns the runs whose histograms are of use by themselves.
fn runs(document: &Document) -> Vec<(String, &Outcome)> {
    match &document.finding {
        Finding::Run(outcome) => vec![(outcome.scenario.clone(), outcome)],
        Finding::Capacity(capacity) => {
            let step = capacity.steps.iter().rev().find(|step| step.load == capacity.answer.at_least);
            step.map(|step| ("highest-good-load".to_owned(), &step.outcome)).into_iter().collect()
        }
        Finding::Comparison(comparison) => {
            let ones = comparison.loads.iter().flat_map(|load| &load.one);
            let others = comparison.loads.iter().flat_map(|load| &load.other);
            let ones = (1_u32..).zip(ones).map(|(run, outcome)| (format!("a-{run}"), outcome));
            ones.chain((1_u32..).zip(others).map(|(run, outcome)| (format!("b-{run}"), outcome))).collect()
        }
        Finding::Plan(_) => Vec::new(),
    }
}

/// Writes the histograms of a run, each operation and view under its own tag.
fn hlog(document: &Document, outcome: &Outcome) -> anyhow::Result<String> {
    let began: jiff::Timestamp = document.environment.at.parse().unwrap_or_default();
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
            for (view, latency) in [("intended", &operation.corrected), ("served", &operation.service)] {
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
