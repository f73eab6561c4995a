//! What somebody sees who waits for a run: a bar on a terminal, a line now and then in a log.

use std::io::{IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

use crate::outcome::{Offered, Second};
use crate::stage::Load;

/// Seconds between two lines in a log.
const EVERY: u64 = 10;

/// Shows how a run goes, on stderr.
#[derive(Debug)]
pub struct Live {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Live {
    /// Makes one: a bar on a terminal, lines elsewhere, or nothing at all.
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

    /// Says something between two runs.
    pub fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(what)),
            None if !self.quiet => line(what),
            None => {}
        }
    }

    pub(crate) fn opening(&self, scenario: &str, target: &str) {
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_prefix(scenario.to_owned());
            bar.set_message(format!("connecting to {target}"));
        }
    }

    pub(crate) fn running(&self, load: &Load) {
        if let Some(bar) = &self.bar {
            bar.set_length(load.length.as_secs());
            bar.set_position(0);
            bar.set_message(match load.offered {
                Offered::Open { rate, .. } => format!("warming up at {rate:.0}/s"),
                Offered::Closed { in_flight } => format!("warming up, {in_flight} in flight"),
                Offered::Own => "beginning".to_owned(),
            });
        }
    }

    pub(crate) fn second(&self, second: &Second) {
        let Second { at, completed, p50, p99, .. } = *second;
        let says = format!("{completed}/s · p50 {p50:.1} ms · p99 {p99:.1} ms");
        let whole = crate::stats::count(at);
        match &self.bar {
            Some(bar) => {
                bar.set_position(whole);
                bar.set_message(says);
            }
            None if !self.quiet && whole > 0 && whole.is_multiple_of(EVERY) => line(&format!("{whole:>4} s  {says}")),
            None => {}
        }
    }

    pub(crate) fn closing(&self) {
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

fn line(what: &str) {
    // Nobody is there to be told if this fails.
    let _ = writeln!(std::io::stderr(), "{what}");
}
