//! From what one machine carries to how many a marketplace needs.

use serde::{Deserialize, Serialize};

/// A marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Everybody who has an account and uses it.
    pub users: f64,
    /// The share of them that is connected at the busiest time.
    pub online: f64,
    /// Messages that one of them sends a day, on average.
    pub messages_per_day: f64,
    /// How much busier the busiest second is than the average one.
    pub peak: f64,
    /// The share of messages that carry images.
    pub with_images: f64,
    /// Bytes of an image, with its renditions.
    pub image_bytes: f64,
    /// Connections of one user who is online: a telephone and a page.
    pub connections_each: f64,
}

/// What a message costs a node under a load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MessageCpu {
    /// Messages a second of the node.
    pub rate: f64,
    /// CPU time of the server for one of them, in microseconds.
    pub us: f64,
}

/// What things cost, as they were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Messages a second that one node carries within the objective.
    pub node_messages: f64,
    /// Connections that one node holds.
    pub node_connections: f64,
    /// CPU time of messages, under each load that was measured.
    pub message_cpu: Vec<MessageCpu>,
    /// CPU time of the server for a connection that does nothing, in microseconds a second.
    pub connection_cpu_us: f64,
    /// Resident bytes of a connection.
    pub connection_bytes: f64,
    /// Resident bytes of a node that nobody is connected to.
    pub node_bytes: f64,
    /// Bytes of the database for one message.
    pub message_bytes: f64,
}

/// What a marketplace needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Needs {
    /// Connections at the busiest time.
    pub connections: f64,
    /// Messages a second at the busiest time.
    pub peak_rate: f64,
    /// Nodes, with what is kept free and one to spare where there are several.
    pub nodes: u64,
    /// What the number of nodes follows from.
    pub because: Because,
    /// CPU time for one message at the rate of one node, in microseconds.
    pub message_cpu_us: f64,
    /// CPU cores that are busy with messages and connections at the busiest time, over all nodes.
    pub cores: f64,
    /// Resident bytes of each node, one of them lost.
    pub node_memory: f64,
    /// Rows of messages a month.
    pub rows_per_month: f64,
    /// Bytes of the database a month.
    pub database_per_month: f64,
    /// Bytes of images a month.
    pub images_per_month: f64,
}

/// What decides on the number of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// Messages a second.
    Messages,
    /// Connections.
    Connections,
}

/// Seconds of a day, and days of a month.
const DAY: f64 = 86_400.0;
const MONTH: f64 = 30.0;

impl Costs {
    /// Returns the CPU time of a message on a node with so many a second, in microseconds: that at the nearest load at
    /// or below it that was measured. Below all of them it is the dearest: a node with little to do commits little at a
    /// time.
    #[must_use]
    pub fn message_cpu_us(&self, rate: f64) -> f64 {
        let by_load = |one: &&MessageCpu, other: &&MessageCpu| one.rate.total_cmp(&other.rate);
        let nearest = self.message_cpu.iter().filter(|cost| cost.rate <= rate).max_by(by_load);
        let dearest = self.message_cpu.iter().map(|cost| cost.us).fold(0.0, f64::max);
        nearest.map_or(dearest, |cost| cost.us)
    }
}

/// Calculates. `headroom` is the share of each node that is kept free, from 0 to below 1.
#[must_use]
pub fn needs(demand: &Demand, costs: &Costs, headroom: f64) -> Needs {
    let per_day = demand.users * demand.messages_per_day;
    let peak_rate = per_day / DAY * demand.peak;
    let connections = demand.users * demand.online * demand.connections_each;
    let usable = 1.0 - headroom;
    let for_messages = (peak_rate / (costs.node_messages * usable)).ceil();
    let for_connections = (connections / (costs.node_connections * usable)).ceil();
    let because = if for_messages > for_connections { Because::Messages } else { Because::Connections };
    let working = for_messages.max(for_connections).max(1.0);
    // With several nodes one may be lost, or be replaced by a newer version.
    let nodes = if working > 1.0 { working + 1.0 } else { working };
    let message_cpu_us = costs.message_cpu_us(peak_rate / working);
    Needs {
        connections,
        peak_rate,
        nodes: super::count(nodes),
        because,
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

    fn costs() -> Costs {
        // In any order.
        let message_cpu = [(8_000.0, 20.0), (1_000.0, 250.0), (2_000.0, 150.0)];
        Costs {
            node_messages: 10_000.0,
            node_connections: 15_000.0,
            message_cpu: message_cpu.map(|(rate, us)| MessageCpu { rate, us }).into(),
            connection_cpu_us: 0.5,
            connection_bytes: 12_000.0,
            node_bytes: 40_000_000.0,
            message_bytes: 400.0,
        }
    }

    #[test]
    fn the_arithmetic_is_that_of_a_pocket_calculator() {
        let needs = needs(&DEMAND, &costs(), 0.4);
        // 8,640,000 messages a day are 100 a second, 500 at the peak.
        assert!((needs.peak_rate - 500.0).abs() < 1e-6);
        assert!((needs.connections - 129_600.0).abs() < 1e-6);
        // 129,600 / (15,000 × 0.6) = 14.4: fifteen work, and one is to spare. Messages alone would need one.
        assert_eq!((needs.nodes, needs.because), (16, Because::Connections));
        assert!((needs.node_memory - (40e6 + 8_640.0 * 12_000.0)).abs() < 1.0);
        // Each of fifteen has 33 messages a second, fewer than were ever measured: 500 × 250 µs, and 129,600 × 0.5 µs.
        assert!((needs.message_cpu_us - 250.0).abs() < 1e-9);
        assert!((needs.cores - 0.189_8).abs() < 1e-9);
        assert!((needs.rows_per_month - 259_200_000.0).abs() < 1e-3);
        assert!((needs.database_per_month - 103_680_000_000.0).abs() < 1.0);
        assert!((needs.images_per_month - 2_592_000_000_000.0).abs() < 1.0);
    }

    #[test]
    fn many_messages_of_few_people_are_decided_by_messages() {
        let busy = Demand { users: 10_000.0, messages_per_day: 40_000.0, ..DEMAND };
        let needs = needs(&busy, &costs(), 0.5);
        // 23,148 a second at the peak, 5,000 each: five work.
        assert_eq!((needs.nodes, needs.because), (6, Because::Messages));
        // Each of them has 4,630 a second, which cost what they do at 2,000: 3.472 cores, and 1,500 × 0.5 µs.
        assert!((needs.message_cpu_us - 150.0).abs() < 1e-9);
        assert!((needs.cores - (3.472_222 + 0.000_75)).abs() < 1e-6);
    }

    #[test]
    fn a_message_costs_what_it_does_at_the_nearest_load_below() {
        let costs = costs();
        let wanted = [(0.1, 250.0), (1_000.0, 250.0), (1_999.0, 250.0), (2_000.0, 150.0), (90_000.0, 20.0)];
        for (rate, us) in wanted {
            assert!((costs.message_cpu_us(rate) - us).abs() < 1e-9, "at {rate}: {}", costs.message_cpu_us(rate));
        }
        // Below all loads it is the dearest cost, wherever that was found.
        let odd =
            Costs { message_cpu: vec![MessageCpu { rate: 5.0, us: 7.0 }, MessageCpu { rate: 9.0, us: 8.0 }], ..costs };
        assert!((odd.message_cpu_us(1.0) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn a_small_marketplace_needs_one() {
        let small = Demand { users: 1_000.0, ..DEMAND };
        assert_eq!(needs(&small, &costs(), 0.4).nodes, 1);
    }
}
