//! The command `plan`: how many machines a marketplace needs, with the unit costs of earlier reports.

use anyhow::Context as _;

use crate::args::{PlanArgs, in_percent};
use crate::render::table::number;
use crate::report::{Report, ReportResult};
use crate::result::{Capacity, Outcome, Plan, Step};
use crate::stats::float;
use crate::stats::plan::{Demand, LONGEST_CYCLE, MessageCpu, UnitCosts, needs, users_of_one_counter};
use crate::stats::search::Verdict;

/// Bytes of the database per message, if no report has it.
const MESSAGE_BYTES: f64 = 500.0;

/// KB of a connection, if no report has it.
const CONNECTION_KB: f64 = 12.0;

/// The CPU time of an idle connection in µs per second, if no report has it.
const CONNECTION_CPU: f64 = 1.0;

/// The CPU time of a message in µs, if no report has it: that of a node with few messages.
const MESSAGE_CPU: f64 = 300.0;

/// Connections of a node, by default.
const NODE_CONNECTIONS: f64 = 15_000.0;

/// MB of a node without connections, if no report has it.
const NODE_MB: f64 = 60.0;

/// Messages per second of all nodes of one database, if no report has it: a seventh of what one hub on MariaDB reached on two
/// cores, because commits of several nodes wait for each other.
const COUNTER_MESSAGES: f64 = 5_000.0;

/// Milliseconds of a commit without its messages: on MariaDB with a local disk a commit of 50 messages takes 3.3 ms, and a
/// commit of 400 takes 9.4 ms.
const COMMIT_MS: f64 = 3.0;

/// Deliveries per second of a NATS server: a fraction of what its makers measure on one core.
const NATS_MESSAGES: f64 = 200_000.0;

/// The number of messages from which on the growth of the database gives the size of one.
const ENOUGH: u64 = 50_000;

/// The unit costs that reports contain.
#[derive(Debug, Default)]
struct MeasuredCosts {
    node_messages: Option<f64>,
    counter_messages: Option<f64>,
    message_cpu: Vec<MessageCpu>,
    message_bytes: Option<f64>,
    connection_kb: Option<f64>,
    connection_cpu_us: Option<f64>,
    node_mb: Option<f64>,
}

/// Calculates a plan.
///
/// # Errors
/// If a report cannot be read, or the capacity of a node is not known.
pub fn plan(args: &PlanArgs) -> anyhow::Result<Plan> {
    let mut measured = MeasuredCosts::default();
    for file in &args.from {
        measured.add(&Report::read(file)?);
    }
    let (costs, sources) = costs(args, measured)?;
    let demand = |users: f64| Demand {
        users,
        online: args.online,
        messages_per_day: args.messages,
        peak: args.peak,
        with_images: args.images,
        image_bytes: args.image_kb * 1_000.0,
        connections_each: args.connections,
    };
    let row = |users: &f64| (demand(*users), needs(&demand(*users), &costs, args.headroom));
    let rows: Vec<_> = args.users.iter().map(row).collect();
    let counter = counter(&demand(0.0), &costs, args.headroom);
    Ok(Plan { sources, assumptions: assumptions(args), headroom: args.headroom, counter, rows, costs })
}

/// Returns the unit costs, and the source of each.
fn costs(args: &PlanArgs, measured: MeasuredCosts) -> anyhow::Result<(UnitCosts, Vec<String>)> {
    let mut sources = Vec::new();
    let mut choose = |what: &str, flag: Option<f64>, measured: Option<f64>, default: f64| {
        let (value, source) = match (flag, measured) {
            (Some(flag), _) => (flag, "given"),
            (None, Some(measured)) => (measured, "measured"),
            (None, None) => (default, "assumed"),
        };
        sources.push(format!("{what}: {}, {source}", number(value)));
        value
    };
    let capacity = args.node_messages.or(measured.node_messages);
    let capacity = capacity
        .context("the capacity of a node is not known: give a report of `capacity` with --from, or --node-messages")?;
    let node_messages = choose("messages per second of a node", args.node_messages, measured.node_messages, capacity);
    let counter = "messages per second of one commit counter, all nodes of a database together";
    let counter_messages = choose(counter, args.counter_messages, measured.counter_messages, COUNTER_MESSAGES);
    let commit_ms = choose("milliseconds of a commit without its messages", args.commit_ms, None, COMMIT_MS);
    let nats_messages = choose("deliveries per second of a NATS server", args.nats_messages, None, NATS_MESSAGES);
    let node_connections = choose("connections of a node", args.node_connections, None, NODE_CONNECTIONS);
    let node_mb = choose("MB of a node without connections", args.node_mb, measured.node_mb, NODE_MB);
    let kb = choose("KB of a connection", args.connection_kb, measured.connection_kb, CONNECTION_KB);
    let idle = "µs of CPU per second of an idle connection";
    let connection_cpu_us = choose(idle, args.connection_cpu, measured.connection_cpu_us, CONNECTION_CPU);
    let message_bytes =
        choose("bytes per message in the database", args.message_bytes, measured.message_bytes, MESSAGE_BYTES);
    let message_cpu = match (args.message_cpu, measured.message_cpu.is_empty()) {
        (None, false) => {
            let each: Vec<String> = measured
                .message_cpu
                .iter()
                .map(|cost| format!("{} at {}/s", number(cost.us), number(cost.rate)))
                .collect();
            sources.push(format!("µs of CPU per message, at this rate or above: {}, measured", each.join(", ")));
            sources.push("µs of CPU per message, below these rates: the highest that was measured".to_owned());
            measured.message_cpu
        }
        (flag, _) => vec![MessageCpu { rate: 0.0, us: choose("µs of CPU per message", flag, None, MESSAGE_CPU) }],
    };
    let costs = UnitCosts {
        node_messages,
        counter_messages,
        commit_ms,
        nats_messages,
        node_connections,
        message_cpu,
        connection_cpu_us,
        connection_bytes: kb * 1024.0,
        node_bytes: node_mb * 1e6,
        message_bytes,
    };
    Ok((costs, sources))
}

/// Says up to which load one commit counter suffices.
fn counter(demand: &Demand, costs: &UnitCosts, headroom: f64) -> String {
    let users = users_of_one_counter(demand, costs, headroom);
    let most = needs(&Demand { users, ..*demand }, costs, headroom);
    format!(
        "one commit counter suffices up to {} of these users, with {} messages per second at the peak on {} nodes; beyond, nodes wait \
         more than {} ms for their turn, or less than {} of the counter is free. Fewer and larger nodes wait less; else the users \
         must be divided among several databases",
        number(users),
        number(most.peak_rate.round()),
        number(float(most.nodes)),
        number(LONGEST_CYCLE * 1_000.0),
        in_percent(headroom),
    )
}

/// Describes the assumptions about the marketplace.
fn assumptions(args: &PlanArgs) -> Vec<String> {
    vec![
        format!(
            "connected at the peak: {} of the users, with {} connections each",
            in_percent(args.online),
            number(args.connections)
        ),
        format!(
            "messages per user and day: {}; at the peak {} times the average",
            number(args.messages),
            number(args.peak)
        ),
        format!(
            "messages with an image: {}, {} KB each with its renditions",
            in_percent(args.images),
            number(args.image_kb)
        ),
        format!(
            "headroom of each node: {}; if several nodes are needed, there are one spare node, one spare NATS server, and a standby for \
             each database",
            in_percent(args.headroom)
        ),
    ]
}

impl MeasuredCosts {
    fn add(&mut self, report: &Report) {
        match &report.result {
            ReportResult::Capacity(capacity) => self.add_capacity(capacity),
            ReportResult::Run(outcome) => self.add_run(outcome),
            ReportResult::Comparison(_) | ReportResult::Plan(_) => {}
        }
        self.message_cpu.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    }

    fn add_capacity(&mut self, capacity: &Capacity) {
        // It is 0 if no load passed.
        let at_least = Some(capacity.answer.at_least).filter(|rate| *rate > 0.0);
        if capacity.steps.iter().any(|step| step.outcome.nodes > 1) {
            // Several nodes share a machine here: what they reach together is what their counter takes at least.
            self.counter_messages = at_least.or(self.counter_messages);
            return;
        }
        self.add_memory(capacity.runs());
        self.node_messages = at_least.or(self.node_messages);
        for step in capacity.steps.iter().filter(|step| step.verdict == Verdict::Pass) {
            self.add_cpu(step.load, &step.outcome);
        }
        // Summed over all steps: in a single one the write-ahead log grows and shrinks by more than the messages.
        let bytes = |step: &Step| Some((step.outcome.server.as_ref()?.data_growth?, step.outcome.primary()?.completed));
        let (grown, done) =
            capacity.steps.iter().filter_map(bytes).fold((0, 0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
        if grown > 0 && done > ENOUGH {
            self.message_bytes = Some(float(grown) / float(done));
        }
    }

    fn add_run(&mut self, outcome: &Outcome) {
        // The costs of several nodes are not those of one.
        if !outcome.is_clean() || outcome.is_invalid() || outcome.nodes > 1 {
            return;
        }
        self.add_memory([outcome]);
        if outcome.scenario == "chat" {
            self.add_cpu(outcome.throughput(), outcome);
            let completed = outcome.primary().map_or(0, |primary| primary.completed);
            // The write-ahead log grows first and is then overwritten, so a short run does not give the size of a message.
            let grown = outcome.server.as_ref().and_then(|costs| costs.data_growth).filter(|_| completed > ENOUGH);
            self.message_bytes = grown.map(|grown| float(grown) / float(completed)).or(self.message_bytes);
        }
        let figure = |name: &str| outcome.extra.iter().find(|figure| figure.name == name).map(|figure| figure.value);
        self.connection_kb = figure("memory per connection").or(self.connection_kb);
        self.connection_cpu_us = figure("CPU per connection").or(self.connection_cpu_us);
    }

    /// Adds the memory of a node without connections: the lowest of a report, because the server keeps memory after a run.
    fn add_memory<'a>(&mut self, outcomes: impl IntoIterator<Item = &'a Outcome>) {
        let before = outcomes.into_iter().filter_map(|outcome| Some(outcome.server.as_ref()?.resident_before_kb));
        let least = before.filter(|kb| *kb > 0).min();
        self.node_mb = least.map(|kb| f64::from(kb) * 1_024.0 / 1e6).or(self.node_mb);
    }

    /// Adds the CPU time of a message at a load: the highest, if the load was measured more than once.
    fn add_cpu(&mut self, rate: f64, outcome: &Outcome) {
        let Some(us) = outcome.cpu_us_per_operation() else { return };
        match self.message_cpu.iter_mut().find(|cost| cost.rate == rate) {
            Some(cost) => cost.us = cost.us.max(us),
            None => self.message_cpu.push(MessageCpu { rate, us }),
        }
    }
}
