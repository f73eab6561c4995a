//! Plots, drawn as SVG that stands in a page by itself.

use std::fmt::Write as _;

use super::table::number;

const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 68.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 52.0;

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// In equal steps, from 0.
    Linear,
    /// In equal factors.
    Log,
    /// In equal factors of what is left: 90 %, 99 %, 99.9 %. The values are shares below 1.
    Quantile,
}

/// An axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) scale: Scale,
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// A line.
    Line,
    /// A thin, broken line.
    Dashed,
    /// Dots.
    Dots,
    /// A line with dots on it.
    Both,
}

/// Values that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    /// Which of the page's colours, from 0; beyond them: the colour of text.
    pub(super) colour: usize,
    pub(super) draw: Draw,
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// An area between two lines: x, lower, upper.
    pub(super) band: Vec<(f64, f64, f64)>,
    /// A line across, with its name: a limit.
    pub(super) limit: Option<(f64, String)>,
}

/// An axis with its ends.
struct Range {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Plot {
    pub(super) fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, series: Vec::new(), band: Vec::new(), limit: None }
    }

    pub(super) fn with(mut self, name: &str, colour: usize, draw: Draw, points: Vec<(f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        if !points.is_empty() {
            self.series.push(Series { name: name.to_owned(), colour, draw, points });
        }
        self
    }

    /// Tells whether there is anything to see.
    pub(super) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.len() < 2)
    }

    /// Draws it, as a figure with its title and its legend.
    pub(super) fn html(&self) -> String {
        let xs = self.series.iter().flat_map(|series| series.points.iter().map(|(x, _)| *x));
        let ys = self.series.iter().flat_map(|series| series.points.iter().map(|(_, y)| *y));
        let limit = self.limit.iter().map(|(value, _)| *value);
        let x = Range::of(self.x.scale, xs, LEFT, WIDTH - RIGHT);
        let y = Range::of(self.y.scale, ys.chain(limit), HEIGHT - BOTTOM, TOP);
        let mut svg = String::new();
        let title = escaped(&self.title);
        // Writing to a String does not fail.
        let _ = write!(
            svg,
            r#"<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#
        );
        self.axes(&mut svg, &x, &y);
        if !self.band.is_empty() {
            let upper = self.band.iter().map(|(at, _, high)| (*at, *high));
            let lower = self.band.iter().rev().map(|(at, low, _)| (*at, *low));
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
        if self.series.len() < 2 {
            return;
        }
        svg.push_str(r#"<div class="legend">"#);
        for series in &self.series {
            let _ = write!(svg, r#"<span><i class="c{}"></i>{}</span>"#, series.colour, escaped(&series.name));
        }
        svg.push_str("</div>");
    }
}

impl Series {
    fn draw(&self, svg: &mut String, x: &Range, y: &Range) {
        let colour = self.colour;
        if self.draw != Draw::Dots {
            let dashed = if self.draw == Draw::Dashed { " dashed" } else { "" };
            let points = coordinates(self.points.iter().copied(), x, y);
            let _ = write!(svg, r#"<polyline class="line c{colour}{dashed}" points="{points}"/>"#);
        }
        if matches!(self.draw, Draw::Dots | Draw::Both) {
            for (at, value) in &self.points {
                let says = format!("{}: {} at {}", self.name, y.says(*value), x.says(*at));
                let (at, value) = (x.place(*at), y.place(*value));
                let _ = write!(
                    svg,
                    r#"<circle class="dot c{colour}" cx="{at:.1}" cy="{value:.1}" r="4"><title>{}</title></circle>"#,
                    escaped(&says)
                );
            }
        }
    }
}

impl Range {
    fn of(scale: Scale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values: Vec<f64> = values.filter(|value| scale != Scale::Log || *value > 0.0).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low.is_finite() { (low, high) } else { (0.1, 1.0) };
        let (low, high) = match scale {
            Scale::Linear => (0.0, if high > 0.0 { high * 1.06 } else { 1.0 }),
            Scale::Log if high > low * 1.5 => (low / 1.12, high * 1.12),
            Scale::Log => (low / 2.0, high * 2.0),
            Scale::Quantile => (0.0, high.clamp(0.99, 0.999_999)),
        };
        Self { scale, low, high, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let stretch = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.low).ln(),
            Scale::Quantile => -(1.0 - value.min(self.high)).ln(),
        };
        let (low, high) = (stretch(self.low), stretch(self.high));
        self.from + (stretch(value) - low) / (high - low).max(f64::MIN_POSITIVE) * (self.to - self.from)
    }

    fn says(&self, value: f64) -> String {
        match self.scale {
            Scale::Quantile => format!("{} %", value * 100.0),
            Scale::Linear | Scale::Log => number(value),
        }
    }

    fn ticks(&self, most: u32) -> Vec<(f64, String)> {
        match self.scale {
            Scale::Linear => self.even(most),
            Scale::Log => self.decades(),
            Scale::Quantile => [0.0, 0.5, 0.9, 0.99, 0.999, 0.999_9, 0.999_99]
                .into_iter()
                .filter(|share| *share <= self.high)
                .map(|share| (share, format!("{}%", (share * 1e7).round() / 1e5)))
                .collect(),
        }
    }

    fn even(&self, most: u32) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / f64::from(most);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(power * 10.0);
        let at = |place: u32| f64::from(place) * step;
        (0..=most * 2).map(at).take_while(|value| *value <= self.high).map(|value| (value, short(value))).collect()
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

/// Writes a number as it stands on an axis.
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

fn coordinates(points: impl Iterator<Item = (f64, f64)>, x: &Range, y: &Range) -> String {
    let pairs: Vec<String> = points.map(|(at, value)| format!("{:.1},{:.1}", x.place(at), y.place(value))).collect();
    pairs.join(" ")
}

/// Writes text so that it stands in a page as it is.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn ends_lie_at_the_ends_and_factors_are_even() {
        let range = Range { scale: Scale::Log, low: 1.0, high: 100.0, from: 0.0, to: 200.0 };
        assert!((range.place(1.0)).abs() < 1e-9 && (range.place(10.0) - 100.0).abs() < 1e-9);
        let range = Range { scale: Scale::Quantile, low: 0.0, high: 0.9999, from: 0.0, to: 400.0 };
        assert!((range.place(0.9) - 100.0).abs() < 1e-6 && (range.place(0.99) - 200.0).abs() < 1e-6);
    }
}
