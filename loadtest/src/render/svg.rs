//! Plots as inline SVG.

use std::fmt::Write as _;

use super::scale::{Axis, Range};

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 52.0;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// A line.
    Line,
    /// A thin dashed line.
    Dashed,
    /// Dots.
    Dots,
    /// A line with dots on it.
    Both,
}

/// A series of points.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    /// The index of the page's colour; above the last one: the colour of text.
    pub(super) colour: usize,
    pub(super) draw: Draw,
    pub(super) points: Vec<(f64, f64)>,
}

/// An area between two lines.
#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) name: &'static str,
    /// x, lower, upper.
    pub(super) edges: Vec<(f64, f64, f64)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// The confidence interval of a line.
    pub(super) band: Option<Band>,
    /// A horizontal line with its name.
    pub(super) limit: Option<(f64, String)>,
    /// A remark below the legend.
    pub(super) note: Option<String>,
}

impl Plot {
    pub(super) fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, series: Vec::new(), band: None, limit: None, note: None }
    }

    pub(super) fn with(mut self, name: &str, colour: usize, draw: Draw, points: Vec<(f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        if !points.is_empty() {
            self.series.push(Series { name: name.to_owned(), colour, draw, points });
        }
        self
    }

    /// Tells whether no series has enough points to be drawn.
    pub(super) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.len() < 2)
    }

    /// Renders the plot as a figure with its title and its legend.
    pub(super) fn html(&self) -> String {
        let xs = self.series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x));
        let ys = self.series.iter().flat_map(|series| series.points.iter().map(|(_, y)| *y));
        let limit = self.limit.iter().map(|(value, _)| *value);
        let band = self.band.iter().flat_map(|band| band.edges.iter().map(|(.., high)| *high));
        let x = Range::of(self.x.scale, xs, LEFT, WIDTH - RIGHT);
        let y = Range::of(self.y.scale, ys.chain(limit).chain(band), HEIGHT - BOTTOM, TOP);
        let mut svg = String::new();
        let title = escaped(&self.title);
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            r#"<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#
        );
        self.axes(&mut svg, &x, &y);
        if let Some(Band { edges, .. }) = &self.band {
            let upper = edges.iter().map(|(at, _, high)| (*at, *high));
            let lower = edges.iter().rev().map(|(at, low, _)| (*at, *low));
            let _ = write!(svg, r#"<polygon class="band" points="{}"/>"#, coordinates(upper.chain(lower), &x, &y));
        }
        if let Some((value, name)) = &self.limit {
            let (left, right, at) = (LEFT, WIDTH - RIGHT, y.place(*value));
            let _ = write!(
                svg,
                r#"<line class="limit" x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text class="limit" x="{left}" dx="6" y="{at:.1}" dy="-5">{}</text>"#,
                escaped(name)
            );
        }
        for series in &self.series {
            series.draw(&mut svg, &x, &y);
        }
        svg.push_str("</svg>");
        self.legend(&mut svg);
        if let Some(note) = &self.note {
            let _ = write!(svg, r#"<p class="note">{}</p>"#, escaped(note));
        }
        svg.push_str("</figure>");
        svg
    }

    fn axes(&self, svg: &mut String, x: &Range, y: &Range) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (value, label) in y.ticks(6) {
            let at = y.place(value);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text x="{}" y="{at:.1}" dy="4" text-anchor="end">{label}</text>"#,
                LEFT - 8.0
            );
        }
        for (value, label) in x.ticks(8) {
            let at = x.place(value);
            let _ = write!(
                svg,
                r#"<line class="tick" x1="{at:.1}" x2="{at:.1}" y1="{bottom}" y2="{}"/><text x="{at:.1}" y="{}" text-anchor="middle">{label}</text>"#,
                bottom + 5.0,
                bottom + 20.0
            );
        }
        let _ = write!(svg, r#"<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>"#);
        let middle = f64::midpoint(LEFT, right);
        let _ = write!(
            svg,
            r#"<text class="label" x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
            HEIGHT - 8.0,
            escaped(self.x.label)
        );
        let middle = f64::midpoint(TOP, bottom);
        let _ = write!(
            svg,
            r#"<text class="label" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escaped(self.y.label)
        );
    }

    fn legend(&self, svg: &mut String) {
        let series = self.series.iter().map(|series| (series.draw.mark(), series.colour, series.name.as_str()));
        let entries: Vec<_> = series.chain(self.band.iter().map(|band| ("area", 0, band.name))).collect();
        if entries.len() < 2 {
            return;
        }
        svg.push_str(r#"<div class="legend">"#);
        for (mark, colour, name) in entries {
            let _ = write!(svg, r#"<span><i class="{mark} c{colour}"></i>{}</span>"#, escaped(name));
        }
        svg.push_str("</div>");
    }
}

impl Draw {
    /// Returns the class of its mark in a legend.
    fn mark(self) -> &'static str {
        match self {
            Self::Line => "stroke",
            Self::Dashed => "stroke thin",
            Self::Dots => "spot",
            Self::Both => "square",
        }
    }
}

impl Series {
    fn draw(&self, svg: &mut String, x: &Range, y: &Range) {
        let colour = self.colour;
        let _ = write!(svg, r#"<g data-series="{}">"#, escaped(&self.name));
        if self.draw != Draw::Dots {
            let dashed = if self.draw == Draw::Dashed { " dashed" } else { "" };
            let points = coordinates(self.points.iter().copied(), x, y);
            let _ = write!(svg, r#"<polyline class="line c{colour}{dashed}" points="{points}"/>"#);
        }
        if matches!(self.draw, Draw::Dots | Draw::Both) {
            for (at, value) in &self.points {
                let tooltip = format!("{}: {} at {}", self.name, y.label(*value), x.label(*at));
                let (at, value) = (x.place(*at), y.place(*value));
                let _ = write!(
                    svg,
                    r#"<circle class="dot c{colour}" cx="{at:.1}" cy="{value:.1}" r="4"><title>{}</title></circle>"#,
                    escaped(&tooltip)
                );
            }
        }
        svg.push_str("</g>");
    }
}

fn coordinates(points: impl Iterator<Item = (f64, f64)>, x: &Range, y: &Range) -> String {
    let pairs: Vec<String> = points.map(|(at, value)| format!("{:.1},{:.1}", x.place(at), y.place(value))).collect();
    pairs.join(" ")
}

/// Escapes text for HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::scale::Scale;
    use super::*;

    const X: Axis = Axis { label: "offered, messages/s", scale: Scale::Linear };
    const Y: Axis = Axis { label: "ms", scale: Scale::Log };

    #[test]
    fn a_plot_has_its_axes_its_points_and_its_names() {
        let plot = Plot::new("latency <over> load", X, Y)
            .with("p50", 0, Draw::Line, vec![(1_000.0, 1.0), (20_000.0, 30.0)])
            .with("p99", 1, Draw::Both, vec![(1_000.0, 5.0), (20_000.0, f64::NAN), (20_000.0, 200.0)]);
        assert!(!plot.is_empty());
        let html = plot.html();
        assert_eq!(html.matches("<polyline").count(), 2);
        assert_eq!(html.matches("<circle").count(), 2);
        assert!(
            html.contains("latency &lt;over&gt; load") && html.contains(">100<") && html.contains(">20k<"),
            "{html}"
        );
    }
}
