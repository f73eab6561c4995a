//! The tests of the crate from outside: one binary, a module for each subject.

mod audit;
mod conversation;
mod failure;
mod images_fuzz;
mod lossy_relay;
mod relay;
mod released;
mod sabotage;
mod support;
mod two_hubs;
