//! Stories of a few nodes, on a bus that loses nothing.

use super::*;

const AFTER: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(50);

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

struct Node {
    machine: Nodes,
    id: NodeId,
    local: OnlineTable,
    remote: RemoteTable,
    is_silent: bool,
    draining: bool,
}

/// Nodes that hear all that is said.
struct Net {
    nodes: Vec<Node>,
    now: Instant,
    start: Instant,
    /// Which node announced whom, and whether as online.
    announced: Vec<(usize, UserId, bool)>,
    /// Which node was to tell its users of whom.
    delivered: Vec<(usize, UserId, bool)>,
    /// How many changes were sent.
    transitions: usize,
}

impl Net {
    /// So many nodes that know of each other.
    fn of(count: usize) -> Self {
        let start = Instant::now();
        let mut net =
            Self { nodes: Vec::new(), now: start, start, announced: Vec::new(), delivered: Vec::new(), transitions: 0 };
        for place in 0..count {
            net.starts(place, 1);
        }
        net.passes(6_000);
        net
    }

    fn starts(&mut self, place: usize, incarnation: u64) {
        let id = NodeId::of(format!("node-{place}").into(), incarnation);
        let settings = Settings { me: id.clone(), version: "test", offline_after: AFTER, alone: false };
        let mut local = OnlineTable::default();
        let machine = Nodes::new(settings, incarnation, &mut local, self.now);
        let node = Node { machine, id, local, remote: RemoteTable::default(), is_silent: false, draining: false };
        if place < self.nodes.len() {
            self.nodes[place] = node;
        } else {
            self.nodes.push(node);
        }
    }

    fn clock(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from((self.now - self.start).as_millis()).expect("not so long"))
    }

    fn connects(&mut self, place: usize, user: UserId) {
        let (now, clock) = (self.now, self.clock());
        let node = &mut self.nodes[place];
        if node.local.came(user, now, clock) {
            node.machine.came(user, &mut Tables { local: &mut node.local, remote: &mut node.remote }, now);
        }
    }

    fn disconnects(&mut self, place: usize, user: UserId) {
        let (now, clock) = (self.now, self.clock());
        self.nodes[place].local.left(user, now, clock);
    }

    /// Lets time pass, in milliseconds.
    fn passes(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now += STEP;
            for place in 0..self.nodes.len() {
                self.ticks(place);
            }
        }
    }

    fn ticks(&mut self, place: usize) {
        let (now, start) = (self.now, self.start);
        let row = |node: &Node| Witness {
            node: node.id.clone(),
            age: if node.is_silent { Duration::from_secs(9) } else { Duration::ZERO },
        };
        let rows: Vec<Witness> = self.nodes.iter().map(row).collect();
        let node = &mut self.nodes[place];
        if node.is_silent {
            return;
        }
        let tables = &mut Tables { local: &mut node.local, remote: &mut node.remote };
        if (now - start).as_millis() % 1_000 == 0 {
            node.machine.witness(Some(&rows), tables, now);
        }
        node.machine.departures(node.draining, tables, now);
        node.machine.tick(node.draining, 0, tables, now);
        self.acts(place);
    }

    fn acts(&mut self, place: usize) {
        for output in self.nodes[place].machine.outputs() {
            match output {
                Output::Send(to, body) => {
                    self.transitions += usize::from(matches!(body, Body::Transitions(_)));
                    self.sends(place, &to, &body);
                }
                Output::Announce(announcement) => {
                    self.announced.push((place, announcement.user, announcement.online));
                    let others = (0..self.nodes.len()).filter(|other| *other != place);
                    let others =
                        others.map(|other| (Arc::clone(self.nodes[other].id.name()), vec![user(99)])).collect();
                    let now = self.now;
                    let node = &mut self.nodes[place];
                    let tables = Tables { local: &mut node.local, remote: &mut node.remote };
                    node.machine.resolved(&announcement, others, &tables, now);
                    self.acts(place);
                }
                Output::Deliver { user, online, .. } => self.delivered.push((place, user, online)),
            }
        }
    }

    fn sends(&mut self, from: usize, to: &Destination, body: &Body) {
        let from_id = self.nodes[from].id.clone();
        for other in (0..self.nodes.len()).filter(|other| *other != from) {
            let node = &mut self.nodes[other];
            let hears = !matches!(to, Destination::Node(name) if name != node.id.name()) && !node.is_silent;
            if hears {
                let tables = &mut Tables { local: &mut node.local, remote: &mut node.remote };
                node.machine.heard(&from_id, body.clone(), tables, self.now);
                self.acts(other);
            }
        }
    }

    fn is_online(&self, place: usize, user: UserId) -> bool {
        let node = &self.nodes[place];
        node.local.is_online(user) || node.remote.is_online(user)
    }

    fn announced(&mut self) -> Vec<(usize, UserId, bool)> {
        std::mem::take(&mut self.announced)
    }
}

#[test]
fn the_node_of_an_arrival_asks_once_and_names_whom_the_others_tell() {
    let (mut net, alice) = (Net::of(3), user(42));
    net.connects(0, alice);
    net.passes(200);
    assert!(net.is_online(1, alice) && net.is_online(2, alice));
    assert_eq!(net.announced(), [(0, alice, true)]);
    assert_eq!(net.delivered, [(1, alice, true), (2, alice, true)]);
    net.connects(1, alice);
    net.passes(200);
    assert_eq!(net.announced(), [], "she was online");
}

#[test]
fn arrivals_of_fifty_milliseconds_travel_together() {
    let mut net = Net::of(2);
    net.transitions = 0;
    for id in 1..=100 {
        net.connects(0, user(id));
    }
    net.passes(50);
    assert_eq!(net.transitions, 1);
    assert!((1..=100).all(|id| net.is_online(1, user(id))));
}

#[test]
fn a_user_who_is_back_within_ten_seconds_on_another_node_has_not_gone() {
    let (mut net, alice) = (Net::of(2), user(42));
    net.connects(0, alice);
    net.passes(1_000);
    net.disconnects(0, alice);
    net.passes(9_900);
    net.connects(1, alice);
    net.passes(20_000);
    assert_eq!(net.announced(), [(0, alice, true)]);
    net.disconnects(1, alice);
    net.passes(9_900);
    assert!(net.is_online(0, alice) && net.announced().is_empty());
    net.passes(1_000);
    assert_eq!(net.announced(), [(1, alice, false)], "the node where the last connection was");
    assert!(!net.is_online(0, alice) && !net.is_online(1, alice));
}

/// Each thought that she was still on the other.
#[test]
fn of_nodes_that_let_go_of_a_user_at_the_same_time_one_tells() {
    for count in [2, 3] {
        let (mut net, alice) = (Net::of(count), user(42));
        for place in 0..count {
            net.connects(place, alice);
        }
        net.passes(1_000);
        net.announced();
        for place in 0..count {
            net.disconnects(place, alice);
        }
        net.passes(12_000);
        assert_eq!(net.announced().iter().filter(|one| !one.2).count(), 1);
    }
}

#[test]
fn of_a_dead_nodes_users_each_is_told_by_one_survivor_and_no_sooner_than_after_ten_seconds() {
    let mut net = Net::of(3);
    for id in 1..=20 {
        net.connects(0, user(id));
    }
    net.passes(2_000);
    net.announced();
    net.nodes[0].is_silent = true;
    net.passes(10_000);
    assert_eq!(net.announced(), []);
    assert!(net.is_online(1, user(1)));
    net.passes(5_000);
    let announced = net.announced();
    assert_eq!(announced.len(), 20);
    for id in 1..=20 {
        assert_eq!(announced.iter().filter(|one| one.1 == user(id) && !one.2).count(), 1, "user {id}");
    }
    assert!([1, 2].iter().all(|place| announced.iter().any(|one| one.0 == *place)), "they share the work");
    assert!(!net.is_online(1, user(1)) && !net.is_online(2, user(1)));
}

#[test]
fn who_comes_back_from_a_dead_node_has_not_gone() {
    let (mut net, alice) = (Net::of(3), user(42));
    net.connects(0, alice);
    net.passes(2_000);
    net.nodes[0].is_silent = true;
    net.passes(9_000);
    net.connects(1, alice);
    net.passes(30_000);
    assert_eq!(net.announced(), [(0, alice, true)]);
}

#[test]
fn the_entries_of_a_process_die_and_those_of_the_next_of_its_name_stay() {
    let (mut net, alice, bob) = (Net::of(2), user(42), user(7));
    net.connects(0, alice);
    net.connects(0, bob);
    net.passes(2_000);
    net.starts(0, 2);
    net.passes(2_000);
    net.connects(0, alice);
    net.passes(5_000);
    assert!(net.is_online(1, bob), "ten seconds are not over");
    net.passes(10_000);
    assert!(net.is_online(1, alice) && !net.is_online(1, bob));
    let announced: Vec<_> = net.announced().into_iter().filter(|one| !one.2).collect();
    assert_eq!(announced, [(1, bob, false)]);
}

#[test]
fn of_a_node_that_drained_no_departure_is_told_for_a_minute() {
    let (mut net, alice, bob) = (Net::of(3), user(42), user(7));
    net.connects(0, alice);
    net.connects(0, bob);
    net.passes(2_000);
    net.nodes[0].draining = true;
    net.disconnects(0, alice);
    net.disconnects(0, bob);
    net.passes(15_000);
    net.nodes[0].is_silent = true;
    net.passes(30_000);
    net.connects(1, alice);
    net.passes(40_000);
    let announced: Vec<_> = net.announced().into_iter().filter(|one| !one.2).collect();
    assert!(matches!(announced[..], [(_, who, false)] if who == bob), "{announced:?}");
}

#[test]
fn a_node_that_stood_still_is_heard_again_and_its_users_are_back() {
    let (mut net, alice) = (Net::of(2), user(42));
    net.connects(0, alice);
    net.passes(2_000);
    net.announced();
    net.nodes[0].is_silent = true;
    net.passes(30_000);
    assert_eq!(net.announced(), [(1, alice, false)]);
    net.nodes[0].is_silent = false;
    net.passes(2_000);
    assert!(net.is_online(1, alice));
    assert_eq!(net.announced(), [(1, alice, true)], "its own users know");
}

#[test]
fn what_could_not_be_told_because_the_database_was_away_is_told_later() {
    let (start, alice) = (Instant::now(), user(42));
    let me = NodeId::of("me".into(), 1);
    let settings = Settings { me, version: "test", offline_after: AFTER, alone: true };
    let (mut local, mut remote) = (OnlineTable::default(), RemoteTable::default());
    let mut machine = Nodes::new(settings, 1, &mut local, start);
    local.came(alice, start, Timestamp::from_millis(0));
    let mut tables = Tables { local: &mut local, remote: &mut remote };
    machine.came(alice, &mut tables, start);
    machine.announce(&tables, start);
    let [Output::Announce(announcement)] = machine.outputs()[..] else { panic!("she is announced at once") };
    machine.unresolved(&announcement, start);
    machine.announce(&tables, start);
    assert!(machine.outputs().is_empty());
    machine.announce(&tables, start + Duration::from_secs(1));
    assert!(matches!(machine.outputs()[..], [Output::Announce(again)] if again == announcement));
}
