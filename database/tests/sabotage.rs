//! The tests notice a hub that is broken on purpose; see `chat_database::sabotage`.

use chat_testkit::sabotage::assert_caught;
use chat_testkit::{mariadb, postgres};

#[test]
fn a_history_that_keeps_its_name_after_the_database_went_back_is_noticed() {
    assert_caught(
        "KeepEpoch",
        "nodes::put_back::on_sqlite::a_writer_that_lives_through_it_writes_nothing_that_was_decided_before",
    );
}

#[test]
fn a_commit_that_is_settled_without_the_lock_is_noticed() {
    let test = "a_commit_that_is_still_under_way_is_settled_once_it_has_ended";
    for (server, wanted) in [("on_mariadb", mariadb::wanted(test)), ("on_postgres", postgres::wanted(test))] {
        if wanted {
            assert_caught("SettleWithoutLock", &format!("nodes::with_a_server_that_fails::{server}::{test}"));
        }
    }
}

#[test]
fn outcomes_that_do_not_wait_for_the_commit_are_noticed() {
    let test = "a_lost_answer_to_commit_is_settled_by_reading";
    for (server, wanted) in [("on_mariadb", mariadb::wanted(test)), ("on_postgres", postgres::wanted(test))] {
        if wanted {
            assert_caught("AnnounceBeforeCommit", &format!("nodes::with_a_server_that_fails::{server}::{test}"));
        }
    }
}
