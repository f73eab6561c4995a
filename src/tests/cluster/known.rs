//! What a reader knows of its thread.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use chat_loadtest::audit::Ledger;
use serde_json::Value;

use super::seen::{Seen, locked};
use super::user::{Habit, User, key};
use crate::support::person::{number, text};

/// What a reader knows of its thread.
#[derive(Default)]
pub(super) struct Known {
    by_place: BTreeMap<u64, (u64, String)>,
    /// Everything up to here is known, and has been told to the ledger.
    whole: u64,
}

impl Known {
    /// Keeps a message, and tells the ledger of all that are next in order.
    pub(super) fn learns(&mut self, me: &User, from: u64, message: &Value, ledger: &Mutex<Ledger>, seen: &Seen) {
        let (seq, told) = (number(message, "seq"), (number(message, "id"), text(message, "temp_id").to_owned()));
        match self.by_place.get(&seq) {
            Some(before) if *before != told => {
                seen.wrong(format!("{} was told two things of place {seq}: {before:?} and {told:?}", me.id));
            }
            Some(_) => {}
            None => drop(self.by_place.insert(seq, told)),
        }
        while let Some((_, temp_id)) = self.by_place.get(&(self.whole + 1)) {
            self.whole += 1;
            let number = key(temp_id, from);
            locked(ledger).delivered(number, Some(self.whole), Instant::now());
            if let Some(number) = number.filter(|_| me.habit == Habit::Stays) {
                seen.heard(from, number, me);
            }
        }
    }

    /// Holds that nothing was skipped: outside a replay each message is the next one, or known.
    pub(super) fn has_no_hole(&self, me: &User, replays: bool, frame: &Value, seen: &Seen) {
        let newest = self.by_place.keys().next_back().copied().unwrap_or_default();
        if !replays && newest > self.whole {
            let whole = self.whole;
            seen.wrong(format!(
                "{} at n{}: told of place {newest} and not of {}: {frame}",
                me.id,
                me.at + 1,
                whole + 1
            ));
        }
    }
}
