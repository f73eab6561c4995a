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
    announced: Option<bool>,
    /// When the user was last seen, if it is known here.
    seen: Option<Timestamp>,
    reach: Reach,
}

impl Reason {
    /// The user has come, and was offline until then.
    pub(crate) fn came(reach: Reach) -> Self {
        Self { announced: Some(false), seen: None, reach }
    }

    /// The user has left, and was online until then.
    pub(crate) fn left(seen: Option<Timestamp>, reach: Reach) -> Self {
        Self { announced: Some(true), seen, reach }
    }

    /// It is not known what the users around were told last.
    pub(crate) fn uncertain(reach: Reach) -> Self {
        Self { announced: None, seen: None, reach }
    }

    /// An announcement could not be made.
    pub(crate) fn not_made(announcement: &Announcement) -> Self {
        let Announcement { online, seen, reach, .. } = *announcement;
        Self { announced: Some(!online), seen, reach }
    }

    /// The users around were told this last, which may be wrong.
    fn doubted(announced: bool, reach: Reach) -> Self {
        Self { announced: Some(announced), seen: None, reach }
    }
}

/// The users who wait to be announced.
#[derive(Debug)]
pub(crate) struct Announcements {
    /// In the order of their turns, and since when each waits.
    queue: VecDeque<(Instant, UserId)>,
    /// Why each waits, and since when: an entry of the queue with an older time does not count.
    reasons: HashMap<UserId, (Reason, Instant)>,
    /// What was announced lately, by this node or another one.
    announced: HashMap<UserId, Announced>,
    /// How long each waits at least.
    delay: Duration,
    /// Until when the announcements made so far would take, evenly spaced.
    spaced_until: Instant,
}

#[derive(Debug)]
struct Announced {
    online: bool,
    reach: Reach,
    at: Instant,
}

impl Announcements {
    pub(crate) fn new(now: Instant, delay: Duration) -> Self {
        Self { queue: VecDeque::new(), reasons: HashMap::new(), announced: HashMap::new(), delay, spaced_until: now }
    }

    /// Queues a user whose state may differ from what was announced.
    pub(crate) fn want(&mut self, user: UserId, reason: Reason, now: Instant) {
        let Some((waiting, since)) = self.reasons.get_mut(&user) else {
            self.queue.push_back((now, user));
            self.reasons.insert(user, (reason, now));
            return;
        };
        if reason.announced != waiting.announced && *since != now {
            // The state has changed again: the wait starts anew, so that the recipients of this change are known, too.
            *since = now;
            self.queue.push_back((now, user));
        }
        if reason.announced != waiting.announced {
            // Some users may know this state by now, and others that one.
            waiting.announced = None;
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
            if let Some(reason) = reason.filter(|reason| reason.announced != Some(online)) {
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

    /// Notes what is announced of a user. Tells whether it is news: whether the same was not announced lately.
    pub(crate) fn tells(&mut self, user: UserId, online: bool, reach: Reach, now: Instant) -> bool {
        let before = self.announced.get(&user).filter(|before| before.online == online).map(|before| before.reach);
        self.announced
            .insert(user, Announced { online, reach: before.map_or(reach, |before| before.max(reach)), at: now });
        before.is_none()
    }

    /// Takes in that a user is online, or offline. If the opposite was announced a moment ago, the user is announced
    /// again.
    pub(crate) fn heard(&mut self, user: UserId, online: bool, now: Instant) {
        let wrong = self.announced.get(&user).filter(|last| last.online != online && now < last.at + RECENT);
        if let Some(&Announced { online, reach, .. }) = wrong {
            self.want(user, Reason::doubted(online, reach), now);
        }
    }

    /// Takes in that a user has come who is also online on another node. If the user was lately announced as gone, the user
    /// is announced again to users here.
    pub(crate) fn came(&mut self, user: UserId, now: Instant) {
        if self.announced.get(&user).is_some_and(|last| !last.online) {
            self.want(user, Reason::came(Reach::Here), now);
        }
    }

    /// Announces again users of whom something wrong was announced lately, after missing messages were made up for. Users
    /// who seem to be offline are announced only if `knows_all`: a node that has just started does not know the users of a
    /// node that died before.
    pub(crate) fn put_right(&mut self, is_online: impl Fn(UserId) -> bool, knows_all: bool, now: Instant) {
        let is_wrong =
            |(user, last): &(&UserId, &Announced)| is_online(**user) != last.online && (knows_all || !last.online);
        let wrong: Vec<_> = self.announced.iter().filter(is_wrong).map(|(user, last)| (*user, last.online)).collect();
        for (user, online) in wrong {
            self.want(user, Reason::doubted(online, Reach::Here), now);
        }
    }

    /// Forgets announcements that were made a while ago.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.announced.retain(|_, last| now < last.at + REMEMBERED);
    }

    /// Announces again what was announced lately: another node turned out to have users of whom this one had not heard.
    pub(crate) fn tell_again(&mut self, now: Instant) {
        let everywhere = |(user, last): (&UserId, &Announced)| (last.reach == Reach::Everywhere).then_some(*user);
        let again: Vec<UserId> = self.announced.iter().filter_map(everywhere).collect();
        for user in again {
            self.want(user, Reason::uncertain(Reach::Everywhere), now);
        }
    }

    /// Returns how many users wait.
    pub(crate) fn len(&self) -> usize {
        self.reasons.len()
    }
}

#[cfg(test)]
mod tests;
