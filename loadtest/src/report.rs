//! What a run found: figures, and promises that were broken.

use std::fmt::Write as _;

use serde_json::json;

/// How many defects are told in full.
const TOLD: usize = 20;

/// The outcome of a run.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
    notes: Vec<String>,
    defects: Vec<String>,
    defect_count: u64,
}

#[derive(Debug)]
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Report {
    /// Adds a figure.
    pub fn figure(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.figures.push(Figure { name, value, unit });
    }

    /// Adds what a reader of the figures should know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds a broken promise.
    pub fn defect(&mut self, defect: impl Into<String>) {
        self.defect_count += 1;
        if self.defects.len() < TOLD {
            self.defects.push(defect.into());
        }
    }

    /// Tells whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.defect_count == 0
    }

    /// Writes the report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let widest = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
        for Figure { name, value, unit } in &self.figures {
            // Small figures need their decimals, large ones would drown in them.
            let decimals = if value.fract() == 0.0 || *value >= 1_000.0 { 0 } else { 2 };
            let _ = writeln!(text, "{name:widest$}  {value:>12.decimals$} {unit}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        for defect in &self.defects {
            let _ = writeln!(text, "DEFECT: {defect}");
        }
        let _ = match self.defect_count {
            0 => writeln!(text, "nothing lost, nothing doubled, everything in order"),
            count => writeln!(text, "{count} promises broken"),
        };
        text
    }

    /// Writes the report for programs: one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let figures: serde_json::Map<_, _> =
            self.figures.iter().map(|figure| (figure.name.replace(' ', "_"), json!(figure.value))).collect();
        let report = json!({"figures": figures, "notes": self.notes, "defects": self.defects, "defect_count": self.defect_count});
        format!("{report}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Report;

    #[test]
    fn a_report_counts_more_defects_than_it_tells() {
        let mut report = Report::default();
        report.figure("messages", 47_300.4, "/s");
        assert!(report.is_clean());
        (0..100).for_each(|number| report.defect(format!("message {number} was lost")));
        assert!(!report.is_clean());
        assert!(report.text().contains("100 promises broken"), "{}", report.text());
        assert_eq!(report.text().lines().count(), 1 + 20 + 1);
        assert!(report.json().contains(r#""defect_count":100"#));
    }
}
