//! Values of flags, as people write them.

/// Seconds that a flag may name, at most.
const HOUR: f64 = 3_600.0;

/// A rate, a count or a factor: above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.replace('_', "").parse().ok();
    number.filter(|number| number.is_finite() && *number > 0.0).ok_or_else(|| "it is not above 0".to_owned())
}

/// A time that something takes.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    time(text).filter(|time| *time > 0.0).ok_or_else(|| format!("it is not above 0, up to {HOUR}"))
}

/// A time that may be left out.
pub(super) fn seconds_or_none(text: &str) -> Result<f64, String> {
    time(text).ok_or_else(|| format!("it is not 0 to {HOUR}"))
}

/// A part of a whole, from nothing to all of it.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse().ok(),
    };
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "it is not a share: 10% or 0.1".to_owned())
}

/// A part of a whole of which something must be left.
pub(super) fn headroom(text: &str) -> Result<f64, String> {
    let share = share(text)?;
    if share < 1.0 { Ok(share) } else { Err("it leaves nothing of a node to use: give less than 100%".to_owned()) }
}

fn time(text: &str) -> Option<f64> {
    let time: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (0.0..=HOUR).contains(&time).then_some(time)
}
