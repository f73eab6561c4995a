//! The world of the simulation: nodes, their users, what the users have been told, and the truth.

mod checks;
mod faults;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::bus::{Bus, Message};
use super::dice::Dice;
use crate::membership::Witness;
use crate::presence::announcements::{Announcement, Reach};
use crate::presence::nodes::{Nodes, Output, Settings, Tables};
use crate::presence::remote::RemoteTable;
use crate::presence::table::OnlineTable;
use crate::presence::wire::Body;
use crate::relay::message::Destination;

const NODES: usize = 3;
const USERS: u64 = 8;
const STEP: Duration = Duration::from_millis(25);
/// How long a node hears the others before it takes connections.
const STARTS: Duration = Duration::from_secs(2);

/// How many lines are told of what has happened.
const STORY: usize = 400;

const AFTER: Duration = Duration::from_secs(10);

/// For how long there must have been no fault for what is told to be right.
const CALM: Duration = Duration::from_secs(15);

/// Which faults there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// How many messages in a hundred are lost.
    pub(super) loses: u64,
    pub(super) kills: bool,
    pub(super) stops: bool,
    pub(super) cuts: bool,
}

impl Faults {
    /// Tells whether a death is all that can happen to a node: it is no excuse for telling anything wrong.
    fn excuse_nothing(self) -> bool {
        self.loses == 0 && !self.stops && !self.cuts
    }
}

struct Node {
    machine: Nodes,
    id: NodeId,
    local: OnlineTable,
    remote: RemoteTable,
    /// Connections by user, and what each of these users believes of the others.
    connected: BTreeMap<UserId, u32>,
    believes: BTreeMap<UserId, BTreeMap<UserId, bool>>,
    alive: bool,
    stopped_until: Option<Instant>,
    deaf_until: Instant,
    mute_until: Instant,
    beat_at: Instant,
    next_look: Instant,
    started: Instant,
    /// Since when it was not stopped.
    runs_since: Instant,
}

impl Node {
    fn runs(&self) -> bool {
        self.alive && self.stopped_until.is_none()
    }
}

pub(super) struct World {
    dice: Dice,
    faults: Faults,
    nodes: Vec<Node>,
    bus: Bus,
    now: Instant,
    start: Instant,
    /// When each user's last connection ended, on whichever node; and when that node died, if it did.
    ended: HashMap<UserId, Instant>,
    /// When each user came back after a true absence; or until when it cannot be known that the user was back.
    back: HashMap<UserId, Instant>,
    /// When each user's last connection began.
    began: HashMap<UserId, Instant>,
    last_fault: Instant,
    is_calm: bool,
    incarnations: u64,
    asked: Vec<(Instant, usize, u64, Announcement)>,
    /// What has happened, to be read after a failure.
    story: VecDeque<String>,
}

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

impl World {
    pub(super) fn new(dice: Dice, faults: Faults) -> Self {
        let now = Instant::now() + Duration::from_secs(1_000);
        let mut world = Self {
            dice,
            faults,
            nodes: Vec::new(),
            bus: Bus::new(faults.loses),
            now,
            start: now,
            ended: HashMap::new(),
            back: HashMap::new(),
            began: HashMap::new(),
            last_fault: now,
            is_calm: false,
            incarnations: 0,
            asked: Vec::new(),
            story: VecDeque::new(),
        };
        for place in 0..NODES {
            let node = world.starts(place);
            world.nodes.push(node);
        }
        world
    }

    fn starts(&mut self, place: usize) -> Node {
        self.incarnations += 1;
        let id = NodeId::of(Arc::from(format!("node-{place}")), self.incarnations);
        let settings = Settings { me: id.clone(), version: "test", offline_after: AFTER, alone: false };
        let mut local = OnlineTable::default();
        Node {
            machine: Nodes::new(settings, self.incarnations * 1_000, &mut local, self.now),
            id,
            local,
            remote: RemoteTable::default(),
            connected: BTreeMap::new(),
            believes: BTreeMap::new(),
            alive: true,
            stopped_until: None,
            deaf_until: self.now,
            mute_until: self.now,
            beat_at: self.now,
            next_look: self.now,
            started: self.now,
            runs_since: self.now,
        }
    }

    /// Lets time go by; users come and go, and faults happen, unless it has calmed down.
    pub(super) fn runs_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += STEP;
            if !self.is_calm {
                self.users_act();
                self.faults_act();
            }
            self.wakes();
            self.delivers();
            for place in 0..NODES {
                self.ticks(place);
            }
            self.resolves();
            self.holds();
        }
    }

    pub(super) fn calms_down(&mut self) {
        self.is_calm = true;
        self.tell_story("it calms down".to_owned());
        self.bus.loses = 0;
        for node in &mut self.nodes {
            node.stopped_until = node.stopped_until.map(|_| self.now);
            (node.deaf_until, node.mute_until) = (self.now, self.now);
        }
    }

    /// Tells whether a user is connected, or was until less than the debounce ago.
    fn is_there(&self, user: UserId) -> bool {
        self.is_connected(user) || self.ended.get(&user).is_some_and(|ended| self.now < *ended + AFTER)
    }

    fn is_connected(&self, user: UserId) -> bool {
        self.nodes.iter().any(|node| node.alive && node.connected.contains_key(&user))
    }

    fn users_act(&mut self) {
        if !self.dice.percent(4) {
            return;
        }
        let (user, place) = (user(1 + self.dice.below(USERS)), self.dice.below(NODES as u64) as usize);
        // A hub listens once it has heard from the others.
        if !self.nodes[place].runs() || self.now < self.nodes[place].started + STARTS {
            return;
        }
        if self.dice.percent(50) {
            self.connects(user, place);
        } else {
            let at: Vec<usize> = (0..NODES).filter(|at| self.nodes[*at].connected.contains_key(&user)).collect();
            for at in at.into_iter().filter(|at| self.nodes[*at].runs()).collect::<Vec<_>>() {
                self.disconnects(user, at);
            }
            if self.dice.percent(40) {
                self.connects(user, place);
            }
        }
    }

    fn connects(&mut self, user: UserId, place: usize) {
        let now = self.now;
        let seen = self.clock();
        self.tell_story(format!("user {user} connects to node-{place}"));
        if !self.is_there(user) {
            self.back.insert(user, now);
        }
        self.began.insert(user, now);
        let node = &mut self.nodes[place];
        *node.connected.entry(user).or_default() += 1;
        // The client reads who is online.
        let online = |other| node.local.is_online(other) || node.remote.is_online(other);
        let believes: BTreeMap<UserId, bool> =
            (1..=USERS).map(|id| UserId::new(id).expect("an id")).map(|other| (other, online(other))).collect();
        let read: Vec<u64> = believes.iter().filter(|(_, online)| **online).map(|(other, _)| other.get()).collect();
        node.believes.entry(user).or_insert(believes);
        self.story.back_mut().expect("the connection").push_str(&format!(" and reads that {read:?} are online"));
        let node = &mut self.nodes[place];
        if node.local.came(user, now, seen) {
            let mut tables = Tables { local: &mut node.local, remote: &mut node.remote };
            node.machine.came(user, &mut tables, now);
        }
    }

    fn disconnects(&mut self, user: UserId, place: usize) {
        let (now, seen) = (self.now, self.clock());
        self.tell_story(format!("user {user} leaves node-{place}"));
        let node = &mut self.nodes[place];
        for _ in 0..node.connected.remove(&user).unwrap_or_default() {
            node.local.left(user, now, seen);
        }
        node.believes.remove(&user);
        self.ended.insert(user, now);
    }

    fn tell_story(&mut self, text: String) {
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back(format!("{:>8.3} s  {text}", (self.now - self.start).as_secs_f64()));
    }

    /// Returns what has happened of late.
    pub(super) fn story(&self) -> String {
        self.story.iter().map(|line| format!("{line}\n")).collect()
    }

    fn clock(&self) -> Timestamp {
        let millis = (self.now - self.start).as_millis();
        Timestamp::from_millis(1_000_000 + i64::try_from(millis).expect("not so long"))
    }

    fn delivers(&mut self) {
        while let Some(Message { from, to, body }) = self.bus.arrived(self.now) {
            let node = &mut self.nodes[to];
            if !node.runs() || node.deaf_until > self.now {
                continue;
            }
            let body = Body::decode(&body.encode()).expect("it can be read");
            let mut tables = Tables { local: &mut node.local, remote: &mut node.remote };
            node.machine.heard(&from, body, &mut tables, self.now);
            self.acts(to);
        }
    }

    fn ticks(&mut self, place: usize) {
        if !self.nodes[place].runs() {
            return;
        }
        let looks = self.now >= self.nodes[place].next_look;
        let row = |node: &Node| Witness { node: node.id.clone(), age: self.now - node.beat_at };
        let rows: Option<Vec<Witness>> = looks.then(|| self.nodes.iter().map(row).collect());
        let now = self.now;
        let node = &mut self.nodes[place];
        let mut tables = Tables { local: &mut node.local, remote: &mut node.remote };
        if let Some(rows) = rows {
            node.next_look = now + Duration::from_secs(1);
            node.machine.witness(Some(&rows), &mut tables, now);
        }
        node.machine.departures(false, &mut tables, now);
        node.machine.tick(false, 0, &mut tables, now);
        self.acts(place);
    }

    /// Does what a node wants to be done.
    fn acts(&mut self, place: usize) {
        for output in self.nodes[place].machine.outputs() {
            match output {
                Output::Send(to, body) => self.sends(place, &to, &body),
                Output::Announce(announcement) => {
                    let at = self.now + Duration::from_millis(1 + self.dice.below(20));
                    self.asked.push((at, place, self.nodes[place].id.incarnation(), announcement));
                }
                Output::Deliver { user, online, recipients, .. } => self.tells(place, user, online, &recipients),
            }
        }
    }

    fn sends(&mut self, place: usize, to: &Destination, body: &Body) {
        if self.nodes[place].mute_until > self.now {
            return;
        }
        for other in (0..NODES).filter(|other| *other != place) {
            let is_for = match to {
                Destination::Node(name) => self.nodes[other].id.name() == name,
                _ => true,
            };
            if is_for {
                let message = Message { from: self.nodes[place].id.clone(), to: other, body: body.clone() };
                self.bus.send(message, self.now, &mut self.dice);
            }
        }
    }

    /// The database has answered who is around: all users know each other.
    fn resolves(&mut self) {
        let (now, mut due) = (self.now, Vec::new());
        self.asked.retain(|asked| {
            if asked.0 <= now {
                due.push(*asked);
                false
            } else {
                true
            }
        });
        for (_, place, incarnation, announcement) in due {
            let node = &self.nodes[place];
            if !node.alive || node.id.incarnation() != incarnation {
                continue;
            }
            if !node.runs() {
                self.asked.push((now + STEP, place, incarnation, announcement));
                continue;
            }
            let mut elsewhere: BTreeMap<Arc<str>, Vec<UserId>> = BTreeMap::new();
            let around: BTreeSet<UserId> = (1..=USERS).map(user).filter(|other| *other != announcement.user).collect();
            if announcement.reach == Reach::Everywhere {
                for other in &around {
                    for name in node.remote.nodes_of(*other) {
                        elsewhere.entry(name).or_default().push(*other);
                    }
                }
            }
            let here: Vec<UserId> = around.into_iter().collect();
            self.tell_story(format!("node-{place} announces {announcement:?}"));
            self.tells(place, announcement.user, announcement.online, &here);
            let node = &mut self.nodes[place];
            let tables = Tables { local: &mut node.local, remote: &mut node.remote };
            node.machine.resolved(&announcement, elsewhere.into_iter().collect(), &tables, now);
            self.acts(place);
        }
    }
}
