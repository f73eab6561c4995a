//! Descriptions that several results share.

use crate::keys::Keys;
use crate::load::Offered;
use crate::render::table::number;
use crate::result::Outcome;
use crate::stats::schedule::Arrivals;

/// Names the idempotency keys that the clients made.
pub(super) fn keys(keys: Keys) -> String {
    format!("idempotency keys {}", keys.name())
}

/// Describes the load.
pub(in crate::render) fn load(outcome: &Outcome) -> String {
    let tenths = (outcome.seconds * 10.0).round() / 10.0;
    let seconds = number(if tenths < 1.0 { outcome.seconds } else { tenths });
    match outcome.load {
        Offered::Open { rate, arrivals: Arrivals::Constant } => {
            format!("open loop, {}/s for {seconds} s", number(rate))
        }
        Offered::Open { rate, arrivals: Arrivals::Poisson } => {
            format!("open loop, {}/s (Poisson) for {seconds} s", number(rate))
        }
        Offered::Closed { in_flight } => {
            format!("closed loop, {in_flight} in flight per client, for {seconds} s")
        }
        Offered::Own => format!("{seconds} s"),
    }
}
