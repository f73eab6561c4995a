//! The progress of a run on stderr: a bar on a terminal, a line every ten seconds in a log.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::load::{Load, Offered};
use crate::result::Second;

/// Seconds between two lines in a log.
const LOG_INTERVAL: u64 = 10;

/// Shows the progress of runs on stderr.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// Shows a bar on a terminal, lines elsewhere, and nothing if `quiet`.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(1);
            let style = ProgressStyle::with_template("{prefix:.bold} {bar:30.cyan/dim} {pos:>3}/{len} s  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, quiet }
    }

    /// Prints a line between two runs.
    pub fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(text)),
            None if !self.quiet => line(text),
            None => {}
        }
    }

    pub(crate) fn connecting(&self, scenario: &str, target: &str) {
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_prefix(scenario.to_owned());
            bar.set_message(format!("connecting to {target}"));
        }
    }

    pub(crate) fn warming_up(&self, load: &Load) {
        if let Some(bar) = &self.bar {
            bar.set_length(load.length.as_secs());
            bar.set_position(0);
            bar.set_message(match load.offered {
                Offered::Open { rate, .. } => format!("warming up at {rate:.0}/s"),
                Offered::Closed { in_flight } => format!("warming up, {in_flight} in flight"),
                Offered::Own => "starting".to_owned(),
            });
        }
    }

    pub(crate) fn second(&self, second: &Second) {
        let Second { at, completed, p50, p99, .. } = *second;
        let text = format!("{completed}/s · p50 {p50:.1} ms · p99 {p99:.1} ms");
        let whole = crate::stats::count(at);
        match &self.bar {
            Some(bar) => {
                bar.set_position(whole);
                bar.set_message(text);
            }
            None if !self.quiet && whole > 0 && whole.is_multiple_of(LOG_INTERVAL) => {
                line(&format!("{whole:>4} s  {text}"));
            }
            None => {}
        }
    }

    pub(crate) fn draining(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message("waiting for the last answers, reading history back");
        }
    }

    pub(crate) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(text: &str) {
    // A failure to write to stderr cannot be reported anywhere.
    let _ = writeln!(std::io::stderr(), "{text}");
}
