//! Throughput over concurrency, with a fit of the Universal Scalability Law.

use crate::args::{CapacityArgs, ChatShape};
use crate::load::Offered;
use crate::progress::Progress;
use crate::render::table::number;
use crate::result::{Curve, CurvePoint, peak_before_last};
use crate::run::measure;
use crate::scenario::Chat;
use crate::stats::usl::{Fit, Point, REACH};
use crate::target::Target;

/// The longest measurement of a point, in seconds.
const POINT_SECONDS: f64 = 2.0;

/// The R² below which the model does not describe the points.
const POOR_FIT: f64 = 0.9;

/// Measures closed loops from one message in flight to as many as the windows allow, and fits the curve.
pub(super) async fn measure_curve(args: &CapacityArgs, target: &Target, progress: &Progress) -> anyhow::Result<Curve> {
    let mut points = Vec::new();
    let mut runs = Vec::new();
    let mut notes = Vec::new();
    for (pairs, in_flight) in concurrencies(args.shape.pairs, args.shape.window) {
        let scenario = Chat::new(ChatShape { pairs, ..args.shape.clone() });
        let load = args.load(Offered::Closed { in_flight }, args.step_seconds.min(POINT_SECONDS));
        let outcome = measure(&scenario, target, load, 1, progress).await?;
        let point = Point { concurrency: f64::from(pairs * in_flight), throughput: outcome.throughput() };
        let (concurrency, rate) = (number(point.concurrency), number(point.throughput.round()));
        progress.print(&format!("{concurrency:>9} in flight  {rate}/s"));
        match outcome.generator.invalid.first() {
            Some(reason) => notes.push(format!("the point at {concurrency} in flight is left out: {reason}")),
            None if point.throughput > 0.0 && outcome.is_clean() => points.push(point),
            None => notes.push(format!(
                "the point at {concurrency} in flight is left out: guarantees were broken, or no message completed"
            )),
        }
        runs.push(outcome);
    }
    let fit = Fit::of(&points, 1);
    let mut refused = fit.as_ref().err().map(ToString::to_string);
    let fit = fit.ok();
    let drawn = fit.as_ref().map(drawn).unwrap_or_default();
    let peak = fit.as_ref().and_then(|fit| match fit.peak() {
        Ok((at, peak)) => Some((at, peak.throughput, peak.interval)),
        Err(_) => {
            refused = Some(no_peak(&points));
            None
        }
    });
    if fit.as_ref().is_some_and(|fit| fit.r_squared < POOR_FIT) {
        notes.push("the model does not describe the points well: do not plan with it".to_owned());
    }
    Ok(Curve { points, fit, drawn, peak, refused, notes, runs })
}

/// Describes the points if the fit has no peak that they support.
fn no_peak(points: &[Point]) -> String {
    match peak_before_last(points) {
        Some((highest, last)) => format!(
            "this is the highest of the points: {}/s with {} in flight was {:.1} % less; the fitted curve has no peak that \
             the points support",
            number(last.throughput.round()),
            number(last.concurrency),
            100.0 * (1.0 - last.throughput / highest.throughput)
        ),
        None => {
            let measured = points.iter().map(|point| point.concurrency).fold(0.0, f64::max);
            format!(
                "no peak: throughput was highest at the highest concurrency that was measured, {} in flight",
                number(measured)
            )
        }
    }
}

/// Returns pairs and messages in flight for at least eight concurrencies, up to all pairs with full windows.
fn concurrencies(pairs: u32, window: u32) -> Vec<(u32, u32)> {
    let doubled =
        |most: u32| std::iter::successors(Some(1), |last| Some(last * 2)).take_while(move |next| *next < most);
    let most = window.min(16);
    let mut all: Vec<(u32, u32)> = doubled(pairs).map(|pairs| (pairs, 1)).collect();
    all.extend(doubled(most).map(|in_flight| (pairs, in_flight)));
    all.push((pairs, most));
    all.dedup();
    all
}

fn drawn(fit: &Fit) -> Vec<CurvePoint> {
    const POINTS: u32 = 80;
    let top = fit.measured_to * REACH;
    let concurrency = |step: u32| top.powf(f64::from(step) / f64::from(POINTS));
    let point = |concurrency: f64| {
        let prediction = fit.predict(concurrency).ok()?;
        Some(CurvePoint { concurrency, throughput: prediction.throughput, interval: prediction.interval })
    };
    (0..=POINTS).filter_map(|step| point(concurrency(step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_with_a_peak_are_not_reported_without_one() {
        let points = |throughputs: &[f64]| -> Vec<Point> {
            let point = |(at, throughput): (usize, &f64)| Point {
                concurrency: f64::from(1_u32 << at),
                throughput: *throughput,
            };
            throughputs.iter().enumerate().map(point).collect()
        };
        let peaked = points(&[1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 40e3, 38e3, 30e3]);
        let text = no_peak(&peaked);
        assert!(!text.contains("no peak:") && text.contains("30,000/s with 256 in flight was 25.0 % less"), "{text}");
        let curve = |points| Curve {
            points,
            fit: None,
            drawn: Vec::new(),
            peak: None,
            refused: None,
            notes: Vec::new(),
            runs: Vec::new(),
        };
        let peak = curve(peaked).measured_peak().expect("a peak");
        assert!((peak.concurrency, peak.throughput) == (64.0, 40e3), "{peak:?}");
        let grows = points(&[1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 40e3, 41e3]);
        let text = no_peak(&grows);
        assert!(text.contains("no peak: throughput was highest at the highest concurrency"), "{text}");
        assert!(text.ends_with("128 in flight"), "{text}");
        assert_eq!(curve(grows).measured_peak(), None);
    }

    #[test]
    fn a_curve_has_enough_points() {
        let all = concurrencies(100, 16);
        let total: Vec<u32> = all.iter().map(|(pairs, in_flight)| pairs * in_flight).collect();
        assert_eq!(total, [1, 2, 4, 8, 16, 32, 64, 100, 200, 400, 800, 1_600]);
        assert!(concurrencies(20, 16).len() >= 8);
    }
}
