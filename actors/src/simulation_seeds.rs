//! Which seeds simulations try: as many as `CHAT_TEST_SEEDS` says (2,000, and 200,000 with `CHAT_TEST_LONG`), or that of
//! `CHAT_TEST_SEED` alone.

use std::ops::Range;

pub(crate) fn seeds() -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let long = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    match number("CHAT_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CHAT_TEST_SEEDS").unwrap_or(if long { 200_000 } else { 2_000 }),
    }
}
