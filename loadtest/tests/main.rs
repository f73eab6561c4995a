//! The integration tests of the load test: the program against a synthetic server, a proxy with faults, and the hub.

mod audit;
mod capacity;
mod comparison;
mod keys;
mod legacy;
mod nodes;
mod open_loop;
mod plan;
mod refusals;
mod scenarios;
mod support;
