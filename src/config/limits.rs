//! Limits: their bounds, and the rates of users.

use std::time::Duration;

use chat_actors::hub::{Rate, Rates};

use crate::cli::serve::LimitArgs;
use crate::cli::value;

/// Returns an error for each limit that is out of bounds.
pub(super) fn out_of_bounds(args: &LimitArgs) -> Vec<String> {
    let bounds = [
        ("CHAT_MAX_CONNECTIONS", args.max_connections, 1, 1_000_000),
        ("CHAT_MAX_CONNECTIONS_PER_USER", args.max_connections_per_user, 1, 100_000),
        ("CHAT_MAX_HTTP_CONNECTIONS", args.max_http_connections, 1, 1_000_000),
        ("CHAT_MAX_FRAME", args.max_frame, 1_024, 16 << 20),
        ("CHAT_MAX_TEXT", args.max_text, 1, 1_000_000),
        ("CHAT_MAX_IMAGES", args.max_images, 1, 100),
        ("CHAT_MAX_IN_FLIGHT", args.max_in_flight, 1, 10_000),
        ("CHAT_OUTBOX_BYTES", args.outbox_bytes, 64 << 10, 1 << 30),
        ("CHAT_OUTBOX_FRAMES", args.outbox_frames, 64, 1_000_000),
        ("CHAT_STORAGE_QUEUE", args.storage_queue, 1, 10_000_000),
    ];
    let outside = bounds.into_iter().filter(|(_, value, low, high)| value < low || value > high);
    outside.map(|(name, value, low, high)| format!("{name} is {value}; it must be from {low} to {high}")).collect()
}

/// Returns the rates of a user. If messages have no limit, neither have the rates that are not set.
pub(super) fn rates(limits: &LimitArgs) -> Rates {
    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let rate = |given: Option<value::Rate>, usual: f64| {
        given.map_or_else(|| limits.rate_limit.0.map(|_| usual), |value::Rate(rate)| rate)
    };
    let per_second = |given, usual, burst| rate(given, usual).map(|rate| Rate::per_second(rate, burst));
    let within = |span, given, usual| rate(given, usual).map(|many| Rate::within(span, many));
    Rates {
        changes: per_second(limits.edit_rate, 20.0, limits.edit_burst),
        receipts: per_second(limits.receipt_rate, 200.0, limits.receipt_burst),
        queries: per_second(limits.query_rate, 100.0, limits.query_burst),
        typing: within(MINUTE, limits.typing_per_minute, 60.0),
        new_threads: [
            within(MINUTE, limits.new_conversations_per_minute, 20.0),
            within(DAY, limits.new_conversations_per_day, 200.0),
        ],
        unauthenticated: limits.address_rate.0.map(|many| Rate::within(MINUTE, many)),
    }
}
