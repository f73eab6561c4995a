//! How many machines a marketplace needs, from the capacity of one.

use serde::{Deserialize, Serialize};

/// The demand of a marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Active users.
    pub users: f64,
    /// The share of them that is connected at the peak.
    pub online: f64,
    /// Messages that a user sends per day, on average.
    pub messages_per_day: f64,
    /// The ratio of the peak rate to the average rate.
    pub peak: f64,
    /// The share of messages that carry images.
    pub with_images: f64,
    /// Bytes of an image, with its renditions.
    pub image_bytes: f64,
    /// Connections of a connected user: a telephone and a page, for example.
    pub connections_each: f64,
}

/// The CPU time of a message at a load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MessageCpu {
    /// Messages per second of the node.
    pub rate: f64,
    /// The server's CPU time per message, in microseconds.
    pub us: f64,
}

/// The unit costs of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitCosts {
    /// Messages per second of one node within the objective.
    pub node_messages: f64,
    /// Messages per second of all nodes of one database, whose commits take their numbers from one counter.
    #[serde(default)]
    pub counter_messages: f64,
    /// The time of a commit without its messages, in milliseconds, in which no other node commits.
    #[serde(default)]
    pub commit_ms: f64,
    /// Deliveries per second of one NATS server.
    #[serde(default)]
    pub nats_messages: f64,
    /// Connections of one node.
    pub node_connections: f64,
    /// CPU time of a message, at each load that was measured.
    pub message_cpu: Vec<MessageCpu>,
    /// The server's CPU time of an idle connection, in microseconds per second.
    pub connection_cpu_us: f64,
    /// Resident bytes of a connection.
    pub connection_bytes: f64,
    /// Resident bytes of a node without connections.
    pub node_bytes: f64,
    /// Bytes of the database per message.
    pub message_bytes: f64,
}

/// The needs of a marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Needs {
    /// Connections at the peak.
    pub connections: f64,
    /// Messages per second at the peak.
    pub peak_rate: f64,
    /// Nodes, with headroom, and with one spare node if several are needed.
    pub nodes: u64,
    /// NATS servers, one of them to spare; none for one node.
    #[serde(default)]
    pub nats_servers: u64,
    /// Commit counters: more than one if the load is above what one takes, or if the nodes wait for it for too long. Each is a
    /// database of its own, with its share of the nodes.
    #[serde(default)]
    pub counters: u64,
    /// How long a node waits for its turn at its counter, in milliseconds.
    #[serde(default)]
    pub commit_cycle_ms: f64,
    /// Database servers, with a standby for each; none for one node, which has a file.
    #[serde(default)]
    pub databases: u64,
    /// What limits a node.
    pub bottleneck: Bottleneck,
    /// CPU time per message at the rate of one node, in microseconds.
    pub message_cpu_us: f64,
    /// Busy cores at the peak, over all nodes.
    pub cores: f64,
    /// Resident bytes of each node when one node has failed.
    pub node_memory: f64,
    /// Message rows per month.
    pub rows_per_month: f64,
    /// Bytes of the database per month.
    pub database_per_month: f64,
    /// Bytes of images per month.
    pub images_per_month: f64,
}

/// What limits a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bottleneck {
    /// Messages per second.
    Messages,
    /// Connections.
    Connections,
}

/// The seconds of a day.
const DAY: f64 = 86_400.0;

/// For how long a node may wait for its turn at the commit counter, in seconds.
pub const LONGEST_CYCLE: f64 = 0.1;

/// The maximum number of counters of a plan.
const MOST_COUNTERS: u32 = 10_000;

/// The days of a month.
const MONTH: f64 = 30.0;

impl UnitCosts {
    /// Returns the CPU time per message at a rate, in microseconds: that of the nearest measured load at or below the rate. Below
    /// all measured loads it is the highest cost, because a node with few messages commits few at a time.
    #[must_use]
    pub fn message_cpu_us(&self, rate: f64) -> f64 {
        let by_load = |one: &&MessageCpu, other: &&MessageCpu| one.rate.total_cmp(&other.rate);
        let nearest = self.message_cpu.iter().filter(|cost| cost.rate <= rate).max_by(by_load);
        let highest = self.message_cpu.iter().map(|cost| cost.us).fold(0.0, f64::max);
        nearest.map_or(highest, |cost| cost.us)
    }
}

/// Returns how long a node waits for its turn at a commit counter that it shares, in seconds.
///
/// Commits of all nodes run one after another. In a cycle each node that has something to commit has one turn, which takes
/// `commit` and something for each message. So the cycle is `active × commit + rate × cycle × message`, where of `nodes` at random
/// `nodes × (1 − e^(−rate × cycle / nodes))` are active. While commits are shorter than the time between messages no node waits
/// for others for long, and a cycle is a commit.
#[must_use]
pub fn commit_cycle(rate: f64, nodes: f64, commit: f64, message: f64) -> f64 {
    if rate * message >= 1.0 {
        return f64::INFINITY;
    }
    let mut cycle = nodes * commit / (1.0 - rate * message);
    for _ in 0..1_000 {
        let active = nodes * (1.0 - (-rate * cycle / nodes).exp());
        cycle = active * commit + rate * cycle * message;
    }
    cycle.max(commit)
}

/// Returns the least number of counters, and the cycle of each.
fn counters(rate: f64, nodes: f64, costs: &UnitCosts, usable: f64) -> (f64, f64) {
    let cycle = |counters: f64| {
        let (commit, message) = (costs.commit_ms / 1_000.0, 1.0 / costs.counter_messages);
        commit_cycle(rate / counters, (nodes / counters).max(1.0), commit, message)
    };
    let suffices =
        |counters: &f64| rate / counters <= costs.counter_messages * usable && cycle(*counters) <= LONGEST_CYCLE;
    let least = (1..=MOST_COUNTERS).map(f64::from).find(suffices).unwrap_or(f64::from(MOST_COUNTERS));
    (least, cycle(least))
}

/// Returns the most users of whom one commit counter takes all messages.
#[must_use]
pub fn users_of_one_counter(demand: &Demand, costs: &UnitCosts, headroom: f64) -> f64 {
    let suffices = |users: f64| needs(&Demand { users, ..*demand }, costs, headroom).counters <= 1;
    let mut above = 1.0;
    while suffices(above) && above < 1e12 {
        above *= 2.0;
    }
    let mut below = above / 2.0;
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if suffices(middle) { below = middle } else { above = middle }
    }
    below.floor()
}

/// Calculates the needs. `headroom` is the share of each node that is kept free, from 0 to below 1.
#[must_use]
pub fn needs(demand: &Demand, costs: &UnitCosts, headroom: f64) -> Needs {
    let per_day = demand.users * demand.messages_per_day;
    let peak_rate = per_day / DAY * demand.peak;
    let connections = demand.users * demand.online * demand.connections_each;
    let usable = 1.0 - headroom;
    let for_messages = (peak_rate / (costs.node_messages * usable)).ceil();
    let for_connections = (connections / (costs.node_connections * usable)).ceil();
    let bottleneck = if for_messages > for_connections { Bottleneck::Messages } else { Bottleneck::Connections };
    let working = for_messages.max(for_connections).max(1.0);
    // One of several nodes may fail, or be upgraded.
    let nodes = if working > 1.0 { working + 1.0 } else { working };
    let several = working > 1.0;
    // At most: each message is a commit of its own, which all nodes hear of, and whose content one of them gets.
    let deliveries = peak_rate * (nodes + 1.0);
    let nats_servers = if several { (deliveries / (costs.nats_messages * usable)).ceil() + 1.0 } else { 0.0 };
    let (counters, cycle) = counters(peak_rate, working, costs, usable);
    // A counter beyond the first one needs a database server, whatever the number of nodes.
    let databases = if several || counters > 1.0 { counters * 2.0 } else { 0.0 };
    let message_cpu_us = costs.message_cpu_us(peak_rate / working);
    Needs {
        connections,
        peak_rate,
        nodes: super::count(nodes),
        nats_servers: super::count(nats_servers),
        counters: super::count(counters),
        commit_cycle_ms: cycle * 1_000.0,
        databases: super::count(databases),
        bottleneck,
        message_cpu_us,
        cores: (peak_rate * message_cpu_us + connections * costs.connection_cpu_us) / 1e6,
        node_memory: costs.node_bytes + connections / working * costs.connection_bytes,
        rows_per_month: per_day * MONTH,
        database_per_month: per_day * MONTH * costs.message_bytes,
        images_per_month: per_day * MONTH * demand.with_images * demand.image_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand = Demand {
        users: 864_000.0,
        online: 0.1,
        messages_per_day: 10.0,
        peak: 5.0,
        with_images: 0.05,
        image_bytes: 200_000.0,
        connections_each: 1.5,
    };

    fn costs() -> UnitCosts {
        // In any order.
        let message_cpu = [(8_000.0, 20.0), (1_000.0, 250.0), (2_000.0, 150.0)];
        UnitCosts {
            node_messages: 10_000.0,
            counter_messages: 20_000.0,
            commit_ms: 3.0,
            nats_messages: 100_000.0,
            node_connections: 15_000.0,
            message_cpu: message_cpu.map(|(rate, us)| MessageCpu { rate, us }).into(),
            connection_cpu_us: 0.5,
            connection_bytes: 12_000.0,
            node_bytes: 40_000_000.0,
            message_bytes: 400.0,
        }
    }

    #[test]
    fn the_needs_are_those_of_a_calculation_by_hand() {
        let needs = needs(&DEMAND, &costs(), 0.4);
        // 8,640,000 messages a day are 100 a second, 500 at the peak.
        assert!((needs.peak_rate - 500.0).abs() < 1e-6);
        assert!((needs.connections - 129_600.0).abs() < 1e-6);
        // 129,600 / (15,000 × 0.6) = 14.4: fifteen work, and one is to spare. Messages alone would need one.
        assert_eq!((needs.nodes, needs.bottleneck), (16, Bottleneck::Connections));
        assert_eq!((needs.nats_servers, needs.counters, needs.databases), (2, 1, 2));
        assert!((needs.node_memory - (40e6 + 8_640.0 * 12_000.0)).abs() < 1.0);
        // Each of fifteen has 33 messages a second, fewer than were ever measured: 500 × 250 µs, and 129,600 × 0.5 µs.
        assert!((needs.message_cpu_us - 250.0).abs() < 1e-9);
        assert!((needs.cores - 0.189_8).abs() < 1e-9);
        assert!((needs.rows_per_month - 259_200_000.0).abs() < 1e-3);
        assert!((needs.database_per_month - 103_680_000_000.0).abs() < 1.0);
        assert!((needs.images_per_month - 2_592_000_000_000.0).abs() < 1.0);
    }

    #[test]
    fn many_messages_of_few_users_are_limited_by_messages() {
        let busy = Demand { users: 10_000.0, messages_per_day: 40_000.0, ..DEMAND };
        let needs = needs(&busy, &costs(), 0.5);
        // 23,148 a second at the peak, 5,000 each: five work.
        assert_eq!((needs.nodes, needs.bottleneck), (6, Bottleneck::Messages));
        // 23,148 × 7 are 162,037 deliveries, for 50,000 on each NATS server: four work, and one is to spare. One counter takes
        // 10,000 a second.
        assert_eq!((needs.nats_servers, needs.counters, needs.databases), (5, 3, 6));
        // Each of them has 4,630 a second, which cost what they do at 2,000: 3.472 cores, and 1,500 × 0.5 µs.
        assert!((needs.message_cpu_us - 150.0).abs() < 1e-9);
        assert!((needs.cores - (3.472_222 + 0.000_75)).abs() < 1e-6);
    }

    #[test]
    fn nodes_wait_for_their_turn_at_the_counter() {
        // Ten nodes with 100 messages a second each: all of them have something to commit whenever it is their turn.
        let cycle = commit_cycle(1_000.0, 10.0, 0.003, 0.000_02);
        let active = 10.0 * (1.0 - (-100.0 * cycle).exp());
        assert!((cycle - (active * 0.003 + 1_000.0 * cycle * 0.000_02)).abs() < 1e-9, "{cycle}");
        assert!(cycle > 0.025 && cycle < 0.031, "{cycle}");
        // A message a second: each finds the counter free.
        assert!((commit_cycle(1.0, 10.0, 0.003, 0.000_02) - 0.003).abs() < 1e-9);
        assert!(commit_cycle(60_000.0, 10.0, 0.003, 0.000_02).is_infinite(), "more than the counter takes");
        // A hundred and fifty nodes wait for half a second: they are divided.
        let many = Demand { users: 1e6, online: 1.0, messages_per_day: 100.0, ..DEMAND };
        let needs = needs(&many, &costs(), 0.4);
        assert!(needs.nodes > 150 && needs.counters > 2 && needs.commit_cycle_ms <= 100.0, "{needs:?}");
        let most = users_of_one_counter(&many, &costs(), 0.4);
        let with = |users| super::needs(&Demand { users, ..many }, &costs(), 0.4).counters;
        assert_eq!((with(most), with(most * 1.02)), (1, 2), "{most}");
    }

    #[test]
    fn the_cost_of_a_message_is_that_of_the_nearest_load_below() {
        let costs = costs();
        let wanted = [(0.1, 250.0), (1_000.0, 250.0), (1_999.0, 250.0), (2_000.0, 150.0), (90_000.0, 20.0)];
        for (rate, us) in wanted {
            assert!((costs.message_cpu_us(rate) - us).abs() < 1e-9, "at {rate}: {}", costs.message_cpu_us(rate));
        }
        // Below all loads it is the dearest cost, wherever that was found.
        let odd = UnitCosts {
            message_cpu: vec![MessageCpu { rate: 5.0, us: 7.0 }, MessageCpu { rate: 9.0, us: 8.0 }],
            ..costs
        };
        assert!((odd.message_cpu_us(1.0) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn a_small_marketplace_needs_one_node() {
        let small = Demand { users: 1_000.0, ..DEMAND };
        let needs = needs(&small, &costs(), 0.4);
        assert_eq!((needs.nodes, needs.nats_servers, needs.counters, needs.databases), (1, 0, 1, 0));
    }
}
