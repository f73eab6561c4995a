//! Parsers of the values of settings.
//!
//! The crates for it take more than a setting should: `humantime` reads `1month` as 30.44 days, and `bytesize` reads `1.5MB`.
//! Here a value is one whole number and one unit, and each error says what to write instead.

use std::time::Duration;

use chat_actors::webhooks::address::Block;

use super::secret::quoted;

/// Reads `250ms`, `90s`, `15m`, `1h` or `7d`, up to 3,650 days. A number without a unit is refused, except 0: some users
/// would mean minutes by it, others milliseconds.
///
/// # Errors
/// What is wrong with it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{} is no span of time; write 250ms, 90s, 15m, 1h or 7d", quoted(text));
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(86_400_000),
        "" if number == 0 => Some(0),
        "" => {
            return Err(format!(
                "{number} has no unit; write {number}ms, {number}s, {number}m, {number}h or {number}d"
            ));
        }
        _ => None,
    };
    millis.filter(|millis| *millis <= 3_650 * 86_400_000).map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads a span, or a plain number as seconds, for a setting whose name says "seconds": `20`, `20s`.
///
/// # Errors
/// What is wrong with it.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let plain = !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit());
    if plain { duration(&format!("{text}s")) } else { duration(text) }
}

/// Reads a span, or `off` for none.
///
/// # Errors
/// What is wrong with it.
pub fn duration_or_off(text: &str) -> Result<Duration, String> {
    if text == "off" { Ok(Duration::ZERO) } else { duration(text) }
}

/// Reads an offset from UTC, `+03:00` or `-05:30`, in milliseconds.
///
/// # Errors
/// What is wrong with it.
pub fn utc_offset(text: &str) -> Result<i64, String> {
    let wrong = || format!("{} is no offset from UTC; write +03:00 or -05:30", quoted(text));
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let number = |part: &str| -> Option<i64> {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse().ok()).flatten()
    };
    let parts = rest.split_once(':').and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)));
    let (hours, minutes) = parts.filter(|(hours, minutes)| *hours <= 14 && *minutes < 60).ok_or_else(wrong)?;
    Ok(sign * (hours * 60 + minutes) * 60_000)
}

/// Reads bytes: `65536`, `64KiB`, `10MB`.
///
/// # Errors
/// What is wrong with it.
pub fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("{} is no size; write 65536, 64KiB or 10MB", quoted(text));
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: usize = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "KiB" | "K" | "k" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" | "M" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" | "G" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Reads `on` or `off`.
///
/// # Errors
/// What is wrong with it.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        _ => Err(format!("{} is neither on nor off", quoted(text))),
    }
}

/// A rate, or none. Each setting says which span the rate refers to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(
    /// How many in the span; `None`: unlimited.
    pub Option<f64>,
);

/// Reads a number, or `off`.
///
/// # Errors
/// What is wrong with it.
pub fn rate(text: &str) -> Result<Rate, String> {
    if matches!(text, "off" | "none" | "unlimited") {
        return Ok(Rate(None));
    }
    let number = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1e9);
    number
        .map(|rate| Rate(Some(rate)))
        .ok_or_else(|| format!("{} is no rate; write a number above zero, or off", quoted(text)))
}

/// Reads a block of addresses; an empty text, as an empty variable gives it, is none.
///
/// # Errors
/// What is wrong with it.
pub fn block(text: &str) -> Result<Option<Block>, String> {
    let text = text.trim();
    let wrong = |_| format!("{} is no block of addresses like 10.0.0.0/8 or fd00::/8", quoted(text));
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        for (text, millis) in [("250ms", 250), ("90s", 90_000), ("0", 0), ("15m", 900_000), ("1h", 3_600_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "h", "1 h", "-1s", "1.5h", "99999999999999999999s", "9000000d", "1y", "15", "007"] {
            duration(text).expect_err(text);
        }
        let bare = duration("15").expect_err("minutes, or seconds?");
        assert!(bare.contains("15m") && bare.contains("15s"), "{bare}");
        assert_eq!((seconds("20"), seconds("500ms")), (Ok(Duration::from_secs(20)), Ok(Duration::from_millis(500))));
        for text in ["", "-1", "20 ", "1.5"] {
            seconds(text).expect_err(text);
        }
        assert_eq!(duration_or_off("off"), Ok(Duration::ZERO));
        duration_or_off("on").expect_err("it is a span");
    }

    #[test]
    fn sizes() {
        for (text, size) in [("65536", 65_536), ("64KiB", 65_536), ("10MB", 10_000_000), ("1 MiB", 1 << 20)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "-1", "1.5MB", "99999999999999999999"] {
            bytes(text).expect_err(text);
        }
    }

    #[test]
    fn offsets_from_utc() {
        for (text, minutes) in [("+00:00", 0), ("+03:00", 180), ("-05:30", -330), ("+14:00", 840)] {
            assert_eq!(utc_offset(text), Ok(minutes * 60_000), "{text}");
        }
        for text in ["", "03:00", "+3:00", "+03", "+15:00", "+03:60", "+é3:00", "+-1:00"] {
            utc_offset(text).expect_err(text);
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("off"), Ok(Rate(None)));
        assert_eq!(rate("0.5"), Ok(Rate(Some(0.5))));
        for text in ["", "0", "-1", "NaN", "inf", "many"] {
            rate(text).expect_err(text);
        }
    }
}
