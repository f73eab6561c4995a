//! The tests of this crate notice a hub that is broken on purpose; see [`chat_database::sabotage`].

use chat_testkit::sabotage::assert_caught;

#[test]
fn a_commit_that_is_delivered_without_its_content_is_noticed() {
    assert_caught(
        "ReleaseWithoutContent",
        "follower::assembly::tests::simulation::over_a_bus_that_loses_and_repeats_everything_is_delivered_once",
    );
}

#[test]
fn a_gap_that_is_skipped_is_noticed() {
    assert_caught(
        "SkipGaps",
        "follower::assembly::tests::simulation::whatever_goes_wrong_everything_is_delivered_once",
    );
}

#[test]
fn nodes_that_are_known_by_their_names_alone_are_noticed() {
    assert_caught("PresenceWithoutIncarnation", "presence::nodes::simulation::nodes_are_killed_and_start_again");
}

#[test]
fn a_death_without_the_databases_witness_is_noticed() {
    assert_caught("NoDatabaseWitness", "presence::nodes::simulation::everything_at_once");
}
