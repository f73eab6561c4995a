//! The hub's integration tests, in one binary: each module runs real hub processes and is a chapter of the contract.
//!
//! ```text
//! cargo nextest run -E 'test(/^cursors::/)'      one module
//! cargo test --test integration cursors::        the same without nextest
//! ```

mod admin;
mod backup;
mod bad_input;
mod cards;
mod cluster;
mod config;
mod conversation;
mod crash;
mod cursors;
mod doctor;
mod drain;
mod events;
mod existing_client;
mod house;
mod images;
mod import;
mod isolation;
mod model;
mod nginx;
mod notifications;
mod once;
mod presence_over_nodes;
mod profiles;
mod relay;
mod rest;
mod service_manager;
mod slow_reader;
mod support;
mod system_messages;
mod tls;
mod two_hubs;
mod webhooks;
