//! Which users are to be announced to the users around them: a pure queue without a clock.
//!
//! An announcement costs two questions to the database, so at most a number of them are made a second; the rest wait. What is
//! announced is decided at its turn, from who is online then: a user who has come and gone again meanwhile is announced once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

/// How many announcements are made in a second, once the first few have been made at once.
pub(crate) const PER_SECOND: u32 = 200;

/// For how long after an announcement news to the contrary makes another one.
const RECENT: Duration = Duration::from_secs(1);

/// For how long an announcement is remembered, in case some users did not get it.
const REMEMBERED: Duration = Duration::from_secs(8);

/// How much unused time is saved up for announcements in quick succession.
const SAVED_UP: Duration = Duration::from_millis(100);

/// Who hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Users who are connected to this node: the others have heard of it from their own.
    Here,
    /// Users of all nodes.
    Everywhere,
}

/// A user to be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) user: UserId,
    pub(crate) online: bool,
    /// When a user who is offline was last seen, if it is known here.
    pub(crate) seen: Option<Timestamp>,
    pub(crate) reach: Reach,
}

/// Why a user is to be announced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason {
    /// What the users around were told last; `None` if it is not known.
    pub(crate) told: Option<bool>,
    /// When the user was last seen, if it is known here.
    pub(crate) seen: Option<Timestamp>,
    pub(crate) reach: Reach,
}

/// The users who wait to be announced.
#[derive(Debug)]
pub(crate) struct Announcements {
    /// In the order of their turns, and since when each waits.
    queue: VecDeque<(Instant, UserId)>,
    /// Why each waits, and since when: an entry of the queue with an older time does not count.
    reasons: HashMap<UserId, (Reason, Instant)>,
    /// What was told lately, by this node or another one.
    told: HashMap<UserId, Told>,
    /// How long each waits at least.
    delay: Duration,
    /// Until when the announcements made so far would take, evenly spaced.
    spaced_until: Instant,
}

#[derive(Debug)]
struct Told {
    online: bool,
    reach: Reach,
    at: Instant,
}

impl Announcements {
    pub(crate) fn new(now: Instant, delay: Duration) -> Self {
        Self { queue: VecDeque::new(), reasons: HashMap::new(), told: HashMap::new(), delay, spaced_until: now }
    }

    /// Queues a user whose state may differ from what was told.
    pub(crate) fn want(&mut self, user: UserId, reason: Reason, now: Instant) {
        let Some((waiting, since)) = self.reasons.get_mut(&user) else {
            self.queue.push_back((now, user));
            self.reasons.insert(user, (reason, now));
            return;
        };
        if reason.told != waiting.told && *since != now {
            // The state has changed again: the wait starts anew, so that the recipients of this change are known, too.
            *since = now;
            self.queue.push_back((now, user));
        }
        if reason.told != waiting.told {
            // Some users may know this state by now, and others that one.
            waiting.told = None;
        }
        waiting.reach = waiting.reach.max(reason.reach);
        waiting.seen = waiting.seen.max(reason.seen);
    }

    /// Takes the next announcement, if its time has come. A user without news leaves the queue.
    pub(crate) fn next(&mut self, now: Instant, is_online: impl Fn(UserId) -> bool) -> Option<Announcement> {
        let each = Duration::from_secs(1) / PER_SECOND;
        while let Some((since, user)) = self.queue.front().copied().filter(|(since, _)| now >= *since + self.delay) {
            let online = is_online(user);
            let reason = self.reasons.get(&user).filter(|(_, latest)| *latest == since).map(|(reason, _)| *reason);
            if let Some(reason) = reason.filter(|reason| reason.told != Some(online)) {
                let until = self.spaced_until.max(now) + each;
                if until > now + SAVED_UP {
                    return None;
                }
                self.spaced_until = until;
                self.queue.pop_front();
                self.reasons.remove(&user);
                return Some(Announcement { user, online, seen: reason.seen, reach: reason.reach });
            }
            self.queue.pop_front();
            if reason.is_some() {
                self.reasons.remove(&user);
            }
        }
        None
    }

    /// Notes what is told of a user. Tells whether it is news: whether the same was not told lately.
    pub(crate) fn tells(&mut self, user: UserId, online: bool, reach: Reach, now: Instant) -> bool {
        let before = self.told.get(&user).filter(|told| told.online == online).map(|told| told.reach);
        self.told.insert(user, Told { online, reach: before.map_or(reach, |before| before.max(reach)), at: now });
        before.is_none()
    }

    /// Takes in that a user is online, or offline. If the opposite was told a moment ago, the user is announced again.
    pub(crate) fn heard(&mut self, user: UserId, online: bool, now: Instant) {
        let wrong = self.told.get(&user).filter(|told| told.online != online && now < told.at + RECENT);
        if let Some(&Told { online, reach, .. }) = wrong {
            self.want(user, Reason { told: Some(online), seen: None, reach }, now);
        }
    }

    /// Takes in that a user has come who is also online on another node. If the user was lately announced as gone, the user
    /// is announced again to users here.
    pub(crate) fn came(&mut self, user: UserId, now: Instant) {
        if self.told.get(&user).is_some_and(|told| !told.online) {
            self.want(user, Reason { told: Some(false), seen: None, reach: Reach::Here }, now);
        }
    }

    /// Announces again users of whom something wrong was told lately, after missing messages were made up for. Users who
    /// seem to be offline are announced only if `knows_all`: a node that has just started does not know the users of a node
    /// that died before.
    pub(crate) fn put_right(&mut self, is_online: impl Fn(UserId) -> bool, knows_all: bool, now: Instant) {
        let is_wrong =
            |(user, told): &(&UserId, &Told)| is_online(**user) != told.online && (knows_all || !told.online);
        let wrong: Vec<_> = self.told.iter().filter(is_wrong).map(|(user, told)| (*user, told.online)).collect();
        for (user, online) in wrong {
            self.want(user, Reason { told: Some(online), seen: None, reach: Reach::Here }, now);
        }
    }

    /// Forgets announcements that were made a while ago.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.told.retain(|_, told| now < told.at + REMEMBERED);
    }

    /// Announces again what was announced lately: another node turned out to have users of whom this one had not heard.
    pub(crate) fn tell_again(&mut self, now: Instant) {
        let told = |(user, told): (&UserId, &Told)| (told.reach == Reach::Everywhere).then_some(*user);
        let again: Vec<UserId> = self.told.iter().filter_map(told).collect();
        for user in again {
            self.want(user, Reason { told: None, seen: None, reach: Reach::Everywhere }, now);
        }
    }

    /// Returns how many users wait.
    pub(crate) fn len(&self) -> usize {
        self.reasons.len()
    }
}

#[cfg(test)]
mod tests;
