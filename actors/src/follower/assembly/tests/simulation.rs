//! Three nodes write commits, one of them this one; what the others say of theirs goes over a bus that loses, delays, repeats
//! and reorders by a seed, with a virtual clock and a log that tells the truth.
//!
//! A failure names its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use chat_database::ids::CommitNo;
use chat_database::queries::changes::LogEntry;
use tokio::time::{Duration, Instant};

use super::world::{World, content, entry, header, nonce, pair, user, writer};
use crate::follower::assembly::{Assembly, Node as _, Run, Step};
use crate::relay::commit::{Content, Header, Touched};
use crate::simulation_seeds::seeds;

const MS: Duration = Duration::from_millis(1);

/// For how long commits are written, and within which time all of them must be on their way then, in milliseconds.
const BUSY: u64 = 400;
const HEALS: u64 = 1_500;

/// What the bus does with messages, in percent, and by how many milliseconds it delays one at the most.
#[derive(Clone, Copy)]
struct Faults {
    loses: usize,
    repeats: usize,
    delays: usize,
    /// Contents of another history, polls that fail, guards that are lost, and commits of this node that take their time.
    troubles: usize,
}

#[expect(clippy::print_stderr, reason = "a failure names its seed")]
fn try_all(share: u64, faults: Faults) -> Total {
    let mut total = Total::default();
    for seed in seeds().filter(|seed| seed % 4 == share || seeds().end - seeds().start == 1) {
        let tried = catch_unwind(AssertUnwindSafe(|| Simulation::new(seed, faults).run(&mut total)));
        if let Err(panic) = tried {
            eprintln!("the seed was {seed}: CHAT_TEST_SEED={seed} tries it again");
            std::panic::resume_unwind(panic);
        }
    }
    total
}

/// What was done over all seeds.
#[derive(Debug, Default)]
struct Total {
    commits: usize,
    parts: usize,
    reads: usize,
    polls: usize,
    ticks: usize,
}

#[test]
fn over_a_bus_that_loses_nothing_nothing_is_read() {
    let total = try_all(0, Faults { loses: 0, repeats: 0, delays: 4, troubles: 0 });
    assert_eq!((total.reads, total.polls), (0, total.ticks), "{total:?}");
}

#[test]
fn over_a_bus_that_loses_and_repeats_everything_is_delivered_once() {
    let total = try_all(1, Faults { loses: 10, repeats: 10, delays: 30, troubles: 0 });
    assert!(total.reads < total.parts / 2, "{total:?}");
}

#[test]
fn whatever_goes_wrong_everything_is_delivered_once() {
    try_all(2, Faults { loses: 20, repeats: 20, delays: 500, troubles: 3 });
}

#[test]
fn with_nothing_heard_the_log_is_enough() {
    try_all(3, Faults { loses: 100, repeats: 0, delays: 0, troubles: 1 });
}

/// A commit as it is.
struct Truth {
    ours: bool,
    touched: Touched,
}

enum Event {
    Header(Header),
    Content(Content),
    Dispatched(u64),
    Seen { newest: u64, fails: bool },
}

struct Simulation {
    seed: u64,
    dice: fastrand::Rng,
    faults: Faults,
    assembly: Assembly,
    world: World,
    /// What was written, from this commit on.
    log: BTreeMap<u64, Truth>,
    /// Commits of ours that are not dispatched yet.
    on_their_way: BTreeSet<u64>,
    events: BTreeMap<(u64, u64), Event>,
    made: u64,
    start: Instant,
    /// Milliseconds since then.
    at: u64,
    newest: u64,
}

impl Simulation {
    fn new(seed: u64, faults: Faults) -> Self {
        let start = Instant::now();
        Self {
            seed,
            dice: fastrand::Rng::with_seed(seed),
            faults,
            assembly: Assembly::new(true, start),
            world: World::at(10, [1, 2, 3, 5, 8]),
            log: BTreeMap::new(),
            on_their_way: BTreeSet::new(),
            events: BTreeMap::new(),
            made: 0,
            start,
            at: 0,
            newest: 10,
        }
    }

    fn now(&self) -> Instant {
        self.start + MS * u32::try_from(self.at).expect("small")
    }

    fn run(mut self, total: &mut Total) {
        while self.at < BUSY + HEALS {
            if self.at < BUSY && self.dice.usize(0..100) < 40 {
                self.write();
            }
            if self.at % 100 == self.seed % 100 {
                self.assembly.poll(self.now());
                total.ticks += 1;
            }
            self.trouble();
            while let Some(event) = self.events.first_entry().filter(|event| event.key().0 <= self.at) {
                let event = event.remove();
                self.take(event);
                self.go_on(total);
            }
            self.go_on(total);
            self.at += 1;
        }
        assert_eq!(self.world.unbroken().0, self.newest, "everything that was written is on its way");
        assert!(!self.assembly.waits());
        total.commits += self.log.len();
    }

    fn later(&mut self, after: u64, event: Event) {
        self.made += 1;
        self.events.insert((self.at + after, self.made), event);
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.dice.usize(0..100) < percent
    }

    /// Sends something over the bus.
    fn send(&mut self, make: impl Fn() -> Event) {
        let copies = if self.chance(self.faults.repeats) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.chance(self.faults.loses) {
                let delay = self.dice.usize(0..=self.faults.delays) as u64;
                self.later(delay, make());
            }
        }
    }

    /// Writes a commit.
    fn write(&mut self) {
        self.newest += 1;
        let no = self.newest;
        let threads: Vec<u64> = (1..10).filter(|_| self.dice.usize(0..10) < 2).collect();
        let users: Vec<u64> = (1..10).filter(|_| self.dice.usize(0..20) == 0).collect();
        let ours = self.dice.usize(0..3) == 0;
        self.log.insert(no, Truth { ours, touched: header(no, &threads, &users).touched });
        if ours {
            self.on_their_way.insert(no);
            let takes = if self.chance(self.faults.troubles) { 60 } else { 2 };
            let takes = self.dice.u64(0..=takes);
            return self.later(takes, Event::Dispatched(no));
        }
        self.send(|| Event::Header(header(no, &threads, &users)));
        // Two messages, as of a large commit; the sender does not always know who is where.
        let forgets = self.chance(self.faults.troubles);
        let concerned = threads.iter().flat_map(|low| [*low, *low + 1]).chain(users.iter().copied());
        let concerned: Vec<u64> = concerned.filter(|id| !forgets || *id != 1).collect();
        self.send(|| Event::Content(content(no, &threads, &[])));
        self.send(|| Event::Content(content(no, &[], &concerned)));
        if self.chance(self.faults.troubles) {
            let other = || Content { nonce: chat_database::history::Nonce(7), ..content(no, &[1, 2, 3], &[1, 2, 3]) };
            self.send(|| Event::Content(other()));
        }
        if self.chance(self.faults.troubles) {
            self.send(|| {
                let mut other =
                    Header { nonce_before: chat_database::history::Nonce(9), ..header(no, &threads, &users) };
                other.commit_ref.nonce = chat_database::history::Nonce(8);
                Event::Header(other)
            });
        }
    }

    /// Loses a part of a commit that was on its way, and begins or ends to have enough reads.
    fn trouble(&mut self) {
        // The database is slow for a while, now and then.
        if self.chance(self.faults.troubles) {
            self.world.reads = self.at < BUSY && !self.world.reads;
        }
        if self.at == BUSY {
            self.world.reads = false;
        }
        if self.at < BUSY && self.chance(self.faults.troubles) {
            let begun: Vec<_> = self.world.begun.keys().copied().filter(|commit| commit.0 > 10).collect();
            if let Some(commit) = self.dice.choice(begun) {
                self.world.lost.insert(commit);
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Header(header) => self.assembly.heard_header(header, &self.world, now),
            Event::Content(content) => self.assembly.heard_content(content, &self.world, now),
            Event::Dispatched(no) => {
                self.on_their_way.remove(&no);
                self.world.begun.insert(CommitNo(no), nonce(no));
            }
            Event::Seen { fails: true, .. } => self.assembly.failed(now),
            Event::Seen { newest, .. } => {
                let log = self.missing(newest);
                self.assembly.seen(CommitNo(newest), log, &writer("here"), &self.world, now);
            }
        }
    }

    /// Returns the log's entries of what is not on its way, up to a commit of ours that will be.
    fn missing(&self, newest: u64) -> Vec<LogEntry> {
        let numbers = (self.world.unbroken().0 + 1..=newest).take_while(|no| !self.on_their_way.contains(no));
        let missing = numbers.filter(|no| {
            let commit = CommitNo(*no);
            !self.world.begun.contains_key(&commit) || self.world.lost.contains(&commit)
        });
        let of = |no: u64| {
            let Truth { ours, touched } = &self.log[&no];
            let entry = entry(no, &[], &[], if *ours { "here" } else { "there" });
            LogEntry { threads: touched.threads.clone(), users: touched.users.clone(), ..entry }
        };
        missing.map(of).collect()
    }

    fn go_on(&mut self, total: &mut Total) {
        while let Some(step) = self.assembly.next(&self.world, self.now()) {
            match step {
                Step::Deliver(run) => {
                    self.check(&run, total);
                    self.world.begin(&run);
                }
                Step::Poll => {
                    total.polls += 1;
                    let fails = self.chance(self.faults.troubles);
                    let (after, newest) = (self.dice.u64(1..=5), self.newest);
                    self.later(after, Event::Seen { newest, fails });
                }
            }
        }
    }

    /// Checks what is delivered: in order, true, and everything that concerns users who are connected.
    fn check(&self, run: &Run, total: &mut Total) {
        let mut next = self.world.unbroken();
        let (mut threads, mut users) = (BTreeSet::new(), BTreeSet::new());
        for (commit, of) in &run.commits {
            next = next.next();
            assert_eq!((*commit, *of), (next, nonce(next.0)), "in order, and of this history");
            assert!(!self.on_their_way.contains(&commit.0), "a commit of ours is dispatched by storage");
            let Truth { touched, .. } = &self.log[&commit.0];
            for (_, pair) in &touched.threads {
                let members = pair.members().into_iter().filter(|member| self.world.is_connected(*member));
                for member in members {
                    threads.insert((*pair, *commit));
                    users.insert((member, *commit));
                }
            }
            users.extend(touched.users.iter().filter(|user| self.world.is_connected(**user)).map(|id| (*id, *commit)));
        }
        for (pair, heard) in &run.threads {
            total.parts += 1;
            total.reads += usize::from(heard.is_none());
            let of: Vec<_> = threads.iter().filter(|(of, _)| of == pair).map(|(_, commit)| *commit).collect();
            assert!(!of.is_empty(), "only what was touched");
            if let Some(heard) = heard {
                assert_eq!(heard.iter().map(|(commit, _)| *commit).collect::<Vec<_>>(), of, "each commit once");
                assert!(heard.iter().all(|(commit, thread)| thread.before.rev.0 == commit.0), "what it did");
            }
        }
        for (user, part) in &run.users {
            total.parts += 1;
            total.reads += usize::from(part.heard.is_none());
            let of: Vec<_> = users.iter().filter(|(of, _)| of == user).map(|(_, commit)| *commit).collect();
            assert!(!of.is_empty(), "only who was touched");
            if let Some(heard) = &part.heard {
                assert_eq!(heard.iter().map(|(commit, _)| *commit).collect::<Vec<_>>(), of, "each commit once");
                let is_true = |commit: &CommitNo, messages: u64| messages == commit.0;
                assert!(heard.iter().all(|(commit, user)| is_true(commit, user.totals.map_or(0, |of| of.messages))));
            }
        }
        assert!(threads.iter().all(|(pair, _)| run.threads.contains_key(pair)), "every thread");
        assert!(users.iter().all(|(user, _)| run.users.contains_key(user)), "every user");
    }
}

#[test]
fn the_world_of_the_simulation_has_users_here_and_elsewhere() {
    let world = World::at(0, [1, 2, 3, 5, 8]);
    assert!(world.is_connected(user(1)) && !world.is_connected(user(4)));
    assert!(pair(4).members().into_iter().any(|member| world.is_connected(member)));
}
