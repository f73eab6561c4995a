//! How many machines a marketplace needs, with the unit costs of earlier reports.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::args::{PlanArgs, in_percent};
use crate::capacity::{Capacity, Step};
use crate::document::{Document, Finding};
use crate::outcome::Outcome;
use crate::report::table::number;
use crate::stats::float;
use crate::stats::plan::{Costs, Demand, MessageCpu, Needs, needs};
use crate::stats::search::Verdict;

/// Bytes of a database row, where nobody has measured.
const MESSAGE_BYTES: f64 = 500.0;

/// KB of a connection, where nobody has measured.
const CONNECTION_KB: f64 = 12.0;

/// µs of the server's CPU a second for a connection that does nothing, where nobody has measured.
const CONNECTION_CPU: f64 = 1.0;

/// µs of the server's CPU for a message, where nobody has measured: that of a node with little to do.
const MESSAGE_CPU: f64 = 300.0;

/// Connections of a node, where nobody has said.
const NODE_CONNECTIONS: f64 = 15_000.0;

/// MB of a node that nobody is connected to, where nobody has said.
const NODE_MB: f64 = 60.0;

/// Messages from which on the growth of a database says something about one of them.
const ENOUGH: u64 = 50_000;

/// A plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// What things cost.
    pub costs: Costs,
    /// Where each of them comes from, in words.
    pub sources: Vec<String>,
    /// What is asked of the nodes, in words.
    pub assumptions: Vec<String>,
    /// What is kept free of each node.
    pub headroom: f64,
    /// For each number of users.
    pub rows: Vec<(Demand, Needs)>,
}

/// What reports say of unit costs.
#[derive(Debug, Default)]
struct Known {
    node_messages: Option<f64>,
    message_cpu: Vec<MessageCpu>,
    message_bytes: Option<f64>,
    connection_kb: Option<f64>,
    connection_cpu_us: Option<f64>,
    node_mb: Option<f64>,
}

/// Calculates.
///
/// # Errors
/// If a report cannot be read, or nobody has said what a node carries.
pub fn plan(args: &PlanArgs) -> anyhow::Result<Plan> {
    let mut known = Known::default();
    for file in &args.from {
        known.learn(&Document::read(file)?);
    }
    let (costs, sources) = costs(args, known)?;
    let row = |users: &f64| {
        let demand = Demand {
            users: *users,
            online: args.online,
            messages_per_day: args.messages,
            peak: args.peak,
            with_images: args.images,
            image_bytes: args.image_kb * 1_000.0,
            connections_each: args.connections,
        };
        (demand, needs(&demand, &costs, args.headroom))
    };
    let rows = args.users.iter().map(row).collect();
    Ok(Plan { sources, assumptions: assumptions(args), headroom: args.headroom, rows, costs })
}

/// Returns what things cost, and where each of them comes from.
fn costs(args: &PlanArgs, known: Known) -> anyhow::Result<(Costs, Vec<String>)> {
    let mut sources = Vec::new();
    let mut choose = |what: &str, flag: Option<f64>, measured: Option<f64>, usual: f64| {
        let (value, source) = match (flag, measured) {
            (Some(flag), _) => (flag, "as given"),
            (None, Some(measured)) => (measured, "as measured"),
            (None, None) => (usual, "assumed"),
        };
        sources.push(format!("{what}: {}, {source}", number(value)));
        value
    };
    let carried = args.node_messages.or(known.node_messages);
    let carried =
        carried.context("what does a node carry? Give a report of `capacity` with --from, or --node-messages")?;
    let node_messages = choose("messages a second of a node", args.node_messages, known.node_messages, carried);
    let node_connections = choose("connections of a node", args.node_connections, None, NODE_CONNECTIONS);
    let node_mb = choose("MB of a node that nobody is connected to", args.node_mb, known.node_mb, NODE_MB);
    let kb = choose("KB of a connection", args.connection_kb, known.connection_kb, CONNECTION_KB);
    let idle = "µs of CPU a second for a connection that does nothing";
    let connection_cpu_us = choose(idle, args.connection_cpu, known.connection_cpu_us, CONNECTION_CPU);
    let message_bytes =
        choose("bytes of a message in the database", args.message_bytes, known.message_bytes, MESSAGE_BYTES);
    let message_cpu = match (args.message_cpu, known.message_cpu.is_empty()) {
        (None, false) => {
            let each: Vec<String> = known
                .message_cpu
                .iter()
                .map(|cost| format!("{} at {}/s", number(cost.us), number(cost.rate)))
                .collect();
            sources.push(format!(
                "µs of CPU for a message, of a node with that many or more: {}, as measured",
                each.join(", ")
            ));
            sources.push("µs of CPU for a message, of a node with fewer: the most that was measured".to_owned());
            known.message_cpu
        }
        (flag, _) => vec![MessageCpu { rate: 0.0, us: choose("µs of CPU for a message", flag, None, MESSAGE_CPU) }],
    };
    let costs = Costs {
        node_messages,
        node_connections,
        message_cpu,
        connection_cpu_us,
        connection_bytes: kb * 1024.0,
        node_bytes: node_mb * 1e6,
        message_bytes,
    };
    Ok((costs, sources))
}

/// Says what is asked of the nodes.
fn assumptions(args: &PlanArgs) -> Vec<String> {
    vec![
        format!(
            "online at the busiest time: {}, with {} connections each",
            in_percent(args.online),
            number(args.connections)
        ),
        format!(
            "messages of a user a day: {}, and {} times the average in the busiest second",
            number(args.messages),
            number(args.peak)
        ),
        format!(
            "messages with an image: {}, of {} KB with its renditions",
            in_percent(args.images),
            number(args.image_kb)
        ),
        format!("kept free of each node: {}; where several are needed, one more stands by", in_percent(args.headroom)),
    ]
}

impl Known {
    fn learn(&mut self, document: &Document) {
        match &document.finding {
            Finding::Capacity(capacity) => self.learn_capacity(capacity),
            Finding::Run(outcome) => self.learn_run(outcome),
            Finding::Comparison(_) | Finding::Plan(_) => {}
        }
        self.message_cpu.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    }

    fn learn_capacity(&mut self, capacity: &Capacity) {
        self.learn_memory(capacity.runs());
        // 0 where no load passed.
        let at_least = Some(capacity.answer.at_least).filter(|rate| *rate > 0.0);
        self.node_messages = at_least.or(self.node_messages);
        for step in capacity.steps.iter().filter(|step| step.verdict == Verdict::Pass) {
            self.learn_cpu(step.load, &step.outcome);
        }
        // Over all steps: in one of them the database's log grows and shrinks by more than the messages take.
        let bytes = |step: &Step| Some((step.outcome.server.as_ref()?.grown?, step.outcome.own()?.completed));
        let (grown, done) =
            capacity.steps.iter().filter_map(bytes).fold((0, 0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
        if grown > 0 && done > ENOUGH {
            self.message_bytes = Some(float(grown) / float(done));
        }
    }

    fn learn_run(&mut self, outcome: &Outcome) {
        if !outcome.is_clean() || outcome.is_void() {
            return;
        }
        self.learn_memory([outcome]);
        if outcome.scenario == "chat" {
            self.learn_cpu(outcome.throughput(), outcome);
            let completed = outcome.own().map_or(0, |own| own.completed);
            // The log of the database grows first, and is written over; what stays of it in a short run says little.
            let grown = outcome.server.as_ref().and_then(|costs| costs.grown).filter(|_| completed > ENOUGH);
            self.message_bytes = grown.map(|grown| float(grown) / float(completed)).or(self.message_bytes);
        }
        let figure = |name: &str| outcome.extra.iter().find(|figure| figure.name == name).map(|figure| figure.value);
        self.connection_kb = figure("per connection").or(self.connection_kb);
        self.connection_cpu_us = figure("CPU of each").or(self.connection_cpu_us);
    }

    /// What a node has before anybody is connected: the least of one report, for a later run begins with what an earlier one has
    /// left behind.
    fn learn_memory<'a>(&mut self, outcomes: impl IntoIterator<Item = &'a Outcome>) {
        let before = outcomes.into_iter().filter_map(|outcome| Some(outcome.server.as_ref()?.resident_before_kb));
        let least = before.filter(|kb| *kb > 0).min();
        self.node_mb = least.map(|kb| f64::from(kb) * 1_024.0 / 1e6).or(self.node_mb);
    }

    /// What a message costs at a load; the most, where that was measured more than once.
    fn learn_cpu(&mut self, rate: f64, outcome: &Outcome) {
        let Some(us) = outcome.cpu_us_each() else { return };
        match self.message_cpu.iter_mut().find(|cost| cost.rate == rate) {
            Some(cost) => cost.us = cost.us.max(us),
            None => self.message_cpu.push(MessageCpu { rate, us }),
        }
    }
}
