//! How many machines a marketplace needs, with the unit costs of earlier reports.

use serde::{Deserialize, Serialize};

use crate::args::PlanArgs;
use crate::capacity::Step;
use crate::document::{Document, Finding};
use crate::outcome::Outcome;
use crate::stats::float;
use crate::stats::plan::{Costs, Demand, Needs, needs};

/// Bytes of a database row, where nobody has measured.
const MESSAGE_BYTES: f64 = 500.0;

/// KB of a connection, where nobody has measured.
const CONNECTION_KB: f64 = 12.0;

/// µs of the server's CPU for a message, where nobody has measured.
const MESSAGE_CPU: f64 = 40.0;

/// MB of a node that nobody is connected to.
const NODE_MB: f64 = 60.0;

/// Messages from which on the growth of a database says something about one of them.
const ENOUGH: u64 = 50_000;

/// A plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// What things cost.
    pub costs: Costs,
    /// Where each of them comes from.
    pub sources: Vec<String>,
    /// What is kept free of each node.
    pub headroom: f64,
    /// For each number of users.
    pub rows: Vec<(Demand, Needs)>,
}

/// What reports say of unit costs.
#[derive(Debug, Default)]
struct Known {
    node_messages: Option<f64>,
    message_cpu_us: Option<f64>,
    message_bytes: Option<f64>,
    connection_bytes: Option<f64>,
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
    let mut sources = Vec::new();
    let mut choose = |what: &str, flag: Option<f64>, measured: Option<f64>, usual: Option<f64>| {
        let (value, source) = match (flag, measured) {
            (Some(flag), _) => (Some(flag), "as given"),
            (None, Some(measured)) => (Some(measured), "as measured"),
            (None, None) => (usual, "assumed"),
        };
        if let Some(value) = value {
            sources.push(format!("{what}: {}, {source}", crate::report::table::number(value)));
        }
        value
    };
    let node_messages = choose("messages a second of a node", args.node_messages, known.node_messages, None);
    let node_messages = node_messages.ok_or_else(|| {
        anyhow::anyhow!("what does a node carry? Give a report of `capacity` with --from, or --node-messages")
    })?;
    let message_cpu = choose("µs of CPU for a message", args.message_cpu, known.message_cpu_us, Some(MESSAGE_CPU));
    let bytes =
        choose("bytes of a message in the database", args.message_bytes, known.message_bytes, Some(MESSAGE_BYTES));
    let connection = known.connection_bytes.map(|bytes| bytes / 1024.0);
    let connection = choose("KB of a connection", args.connection_kb, connection, Some(CONNECTION_KB));
    let costs = Costs {
        node_messages,
        node_connections: args.node_connections,
        message_cpu_us: message_cpu.unwrap_or(MESSAGE_CPU),
        connection_bytes: connection.unwrap_or(CONNECTION_KB) * 1024.0,
        node_bytes: NODE_MB * 1e6,
        message_bytes: bytes.unwrap_or(MESSAGE_BYTES),
    };
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
    Ok(Plan { costs, sources, headroom: args.headroom, rows })
}

impl Known {
    fn learn(&mut self, document: &Document) {
        match &document.finding {
            Finding::Capacity(capacity) => {
                self.node_messages = Some(capacity.answer.at_least);
                let at_answer = capacity.steps.iter().rev().find(|step| step.load == capacity.answer.at_least);
                if let Some(step) = at_answer {
                    self.learn_run(&step.outcome);
                }
                // Over all steps: in one of them the database's log grows and shrinks by more than the messages take.
                let bytes = |step: &Step| Some((step.outcome.server.as_ref()?.grown?, step.outcome.own()?.completed));
                let (grown, done) =
                    capacity.steps.iter().filter_map(bytes).fold((0, 0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
                if grown > 0 && done > ENOUGH {
                    self.message_bytes = Some(float(grown) / float(done));
                }
            }
            Finding::Run(outcome) => self.learn_run(outcome),
            Finding::Comparison(_) | Finding::Plan(_) => {}
        }
    }

    fn learn_run(&mut self, outcome: &Outcome) {
        if outcome.scenario == "chat" {
            self.message_cpu_us = outcome.cpu_us_each().or(self.message_cpu_us);
            let completed = outcome.own().map_or(0, |own| own.completed);
            // The log of the database grows first, and is written over; what stays of it in a short run says little.
            let grown = outcome.server.as_ref().and_then(|costs| costs.grown).filter(|_| completed > ENOUGH);
            self.message_bytes = grown.map(|grown| float(grown) / float(completed)).or(self.message_bytes);
        }
        let figure = outcome.extra.iter().find(|figure| figure.name == "per connection");
        self.connection_bytes = figure.map(|figure| figure.value * 1024.0).or(self.connection_bytes);
    }
}
