//! Messages that are ignored: each is counted by its reason, and each reason is logged once a minute.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::envelope::{Ignored, Reason};
use crate::metrics;

/// How often a reason is logged, at most.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// For each reason, how many messages were ignored since the last log line.
#[derive(Debug, Default)]
pub(super) struct IgnoredLog(Mutex<[Since; Reason::ALL.len()]>);

#[derive(Debug, Default, Clone, Copy)]
struct Since {
    logged_at: Option<Instant>,
    ignored: u64,
}

impl IgnoredLog {
    /// Counts a message that is ignored, and logs it at times.
    pub(super) fn note(&self, message: &Ignored) {
        metrics::get().relay.ignored(message.reason).increment(1);
        if let Some(ignored) = self.due(message.reason, Instant::now()) {
            log(message, ignored);
        }
    }

    /// Returns how many messages were ignored for a reason, if they are to be logged now.
    fn due(&self, reason: Reason, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = &mut all[reason as usize];
        since.ignored += 1;
        if since.logged_at.is_some_and(|at| now.duration_since(at) < LOG_INTERVAL) {
            return None;
        }
        since.logged_at = Some(now);
        Some(std::mem::take(&mut since.ignored))
    }
}

fn log(message: &Ignored, ignored: u64) {
    let (node, reason) = (message.node.as_deref(), message.reason.as_str());
    match message.reason {
        Reason::Signature => tracing::warn!(
            node,
            ignored,
            "a node on this database signs its messages with another key: its CHAT_TICKET_SECRET differs. Set the same one on \
             every node (without it, the same first JWT_SECRET)"
        ),
        Reason::Version | Reason::Kind => {
            tracing::info!(node, reason, ignored, "ignored messages of a node of another version");
        }
        Reason::Format | Reason::Size | Reason::Database => {
            tracing::warn!(node, reason, ignored, "ignored messages that are not from nodes of this database");
        }
        Reason::Epoch | Reason::Replayed | Reason::Own | Reason::Overloaded => {
            tracing::info!(node, reason, ignored, "ignored messages of other nodes; the database has what is missing");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_logged_at_once_and_then_once_a_minute() {
        let (log, start) = (IgnoredLog::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(log.due(Reason::Format, start), Some(1));
        assert_eq!(log.due(Reason::Format, after(1)), None);
        assert_eq!(log.due(Reason::Signature, after(1)), Some(1));
        assert_eq!(log.due(Reason::Format, after(59)), None);
        assert_eq!(log.due(Reason::Format, after(60)), Some(3));
    }
}
