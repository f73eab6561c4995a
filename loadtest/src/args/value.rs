//! The parsers of flag values.

/// The maximal time of a flag, in seconds.
const HOUR: f64 = 3_600.0;

/// Parses a rate, a count or a factor above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.replace('_', "").parse().ok();
    number.filter(|number| number.is_finite() && *number > 0.0).ok_or_else(|| "must be above 0".to_owned())
}

/// Parses a time above 0.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    time(text).filter(|time| *time > 0.0).ok_or_else(|| format!("must be above 0 and at most {HOUR}"))
}

/// Parses a time of 0 or more.
pub(super) fn seconds_or_none(text: &str) -> Result<f64, String> {
    time(text).ok_or_else(|| format!("must be 0 to {HOUR}"))
}

/// Parses a share from 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse().ok(),
    };
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "must be a share, such as 10% or 0.1".to_owned())
}

/// Parses a share below 1.
pub(super) fn headroom(text: &str) -> Result<f64, String> {
    let share = share(text)?;
    if share < 1.0 { Ok(share) } else { Err("must be less than 100%".to_owned()) }
}

fn time(text: &str) -> Option<f64> {
    let time: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    (0.0..=HOUR).contains(&time).then_some(time)
}
