//! Presence over three nodes on a seeded bus with a virtual clock: it loses, doubles, delays and reorders; nodes are killed,
//! stopped and cut off. What is promised is checked while it happens and after it.
//!
//! A failure names its seed, and tells what has happened.

mod bus;
mod dice;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use dice::Dice;
use world::{Faults, World};

use crate::simulation_seeds::seeds;

/// How long users come and go, and how long it may take then until everything is right again.
const BUSY: Duration = Duration::from_secs(60);
const HEALS: Duration = Duration::from_secs(20);

/// Tries every fourth seed.
fn try_all(share: u64, faults: Faults) {
    for seed in seeds().filter(|seed| seed % 4 == share) {
        let mut world = World::new(Dice::new(seed), faults);
        let run = AssertUnwindSafe(|| {
            world.runs_for(BUSY);
            world.calms_down();
            world.runs_for(HEALS);
            world.is_right();
        });
        if let Err(failure) = catch_unwind(run) {
            let said = failure.downcast_ref::<String>().map_or("", String::as_str);
            panic!("{said}\nCHAT_TEST_SEED={seed} tries it again; what has happened:\n{}", world.story());
        }
    }
}

#[test]
fn users_come_go_and_move_and_no_client_is_told_anything_wrong() {
    try_all(0, Faults { loses: 0, kills: false, stops: false, cuts: false });
}

#[test]
fn nodes_are_killed_and_start_again() {
    try_all(1, Faults { loses: 0, kills: true, stops: false, cuts: false });
}

#[test]
fn the_bus_loses_doubles_and_reorders() {
    try_all(2, Faults { loses: 5, kills: false, stops: false, cuts: false });
}

#[test]
fn everything_at_once() {
    try_all(3, Faults { loses: 10, kills: true, stops: true, cuts: true });
}
