//! Tables of plain text, and readable numbers.

use std::fmt::Write as _;

/// A table: the first column is aligned to the left, the others to the right.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table with its header.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Renders the table.
    #[must_use]
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, width) in widths.iter().enumerate() {
                let cell = cell(row, column);
                // Writing to a String does not fail.
                let _ = match column {
                    // A last column without a header holds words.
                    _ if column + 1 == columns
                        && self.rows.first().is_some_and(|head| head.last().is_some_and(String::is_empty)) =>
                    {
                        write!(line, "  {cell}")
                    }
                    0 => write!(line, "{cell:<width$}"),
                    _ => write!(line, "  {cell:>width$}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Formats a number with three significant digits, and commas.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let decimals = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

/// Formats a count.
#[must_use]
pub fn whole(value: u64) -> String {
    number(crate::stats::float(value))
}

/// Formats a number of bytes with a suitable unit.
#[must_use]
pub fn bytes(value: f64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB", "PB"];
    let mut rest = value;
    let mut unit = 0;
    while rest >= 1_000.0 && unit + 1 < units.len() {
        rest /= 1_000.0;
        unit += 1;
    }
    format!("{} {}", number(rest), units[unit])
}

/// Formats a share.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_decimals_as_their_size_needs() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_34, "0.012"),
            (1.5, "1.50"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-4_200.0, "−4,200"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(bytes(103_680_000_000.0), "104 GB");
        assert_eq!(percent(0.456), "46 %");
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["what", "a", "b"]);
        table.row(["p50".to_owned(), "1.5".to_owned(), "22,000".to_owned()]);
        assert_eq!(table.text(), "what    a       b\np50   1.5  22,000\n");
    }
}
