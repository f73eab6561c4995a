//! How storage dispatches a commit: its outcomes to the threads, its updates to the notification streams.

use std::collections::HashMap;
use std::time::Instant;

use chat_database::change::{Change, Committed};
use chat_database::ids::{Pair, UserId};
use tokio::sync::OwnedSemaphorePermit;

use super::StorageContext;
use super::message::WriteReply;
use crate::connections::Audience;
use crate::notifications::events::NotificationEvent;
use crate::notifications::message::{StreamMsg, UserUpdate};
use crate::thread::message::{ThreadMsg, ThreadOutcomes};

impl StorageContext {
    /// Gives every thread its outcomes and every connected user's stream its update.
    pub(super) fn dispatch_outcomes(
        &self,
        writes: Vec<(WriteReply, OwnedSemaphorePermit)>,
        changes: &[Change],
        committed: Committed,
        committed_at: Instant,
    ) {
        self.announce(changes, &committed);
        let Committed { commit_ref, newest, outcomes, before, totals, chat_notifications, .. } = committed;
        let no = commit_ref.commit;
        let connections = &self.connections;
        let mut updates: HashMap<UserId, UserUpdate> = HashMap::new();
        for (user, totals) in totals {
            if connections.is_connected(user) && self.totals.post(user, no, totals) {
                updates.entry(user).or_default();
            }
        }
        for (user, thread) in chat_notifications {
            if connections.listens(user, Audience::Notifications) {
                updates.entry(user).or_default().threads.push(thread);
            }
        }

        let before: HashMap<_, _> = before.into_iter().map(|before| (before.pair, before)).collect();
        let mut threads: HashMap<Pair, ThreadOutcomes> = HashMap::new();
        let mut calls = Vec::new();
        for (((reply, _permit), change), outcome) in writes.into_iter().zip(changes).zip(outcomes) {
            NotificationEvent::of(change, &outcome, |user, event| updates.entry(user).or_default().events.push(event));
            match reply {
                WriteReply::Thread(requester) => {
                    // Only changes of threads are requested this way; the requester of another one would be dropped, and
                    // reply with an error.
                    let Some(pair) = change.pair() else { continue };
                    let outcomes = threads.entry(pair).or_insert_with(|| {
                        let before = before.get(&pair).copied();
                        ThreadOutcomes { no, committed_at: None, before, parts: Vec::new() }
                    });
                    outcomes.parts.push((requester, outcome));
                }
                WriteReply::Call(call) => calls.push((call, outcome)),
                WriteReply::None => {}
            }
        }
        updates.retain(|user, _| connections.is_connected(*user));

        let (guards, gap) = self.frontier.begin_own(&commit_ref, newest, threads.len() + updates.len());
        let mut guards = guards.into_iter();
        let mut next = || guards.next().unwrap_or_else(|| unreachable!("one for each part"));
        let last = threads.len();
        for (number, (pair, mut outcomes)) in (1..).zip(threads) {
            outcomes.committed_at = (number == last).then_some(committed_at);
            // This fails only on a node that is ending, where the requesters get a temporary error.
            let _ = self.threads.deliver(pair, ThreadMsg::Committed(outcomes, next()));
        }
        for (user, update) in updates {
            // This fails only on a node that is ending.
            let _ = self.streams.deliver(user, StreamMsg::Update(Box::new(update), next()));
        }
        self.frontier.dispatched();
        for (call, outcome) in calls {
            // The caller may not wait any more; what was done stands.
            let _ = call.send(Ok(outcome));
        }
        self.follower.dispatched(gap);
    }
}
