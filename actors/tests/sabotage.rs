//! The tests notice a hub that is broken on purpose; see `chat_database::sabotage`.

use chat_testkit::sabotage::assert_caught;

#[test]
fn a_database_that_is_not_polled_is_noticed() {
    assert_caught("PollOff", "two_hubs::what_is_sent_through_one_node_is_heard_at_the_other");
}
