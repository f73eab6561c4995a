//! The row of a node's name: one process has it at a time.

use std::time::Duration;

use chat_database::change::Change;
use chat_database::ids::CommitNo;
use chat_database::nodes::{self, NodeId, Registration, RowOwner};
use chat_database::queries::changes;

use crate::support::world::{World, user};

on_each_backend!(
    a_second_process_of_a_name_has_it_once_the_first_has_ended,
    the_name_of_a_process_that_was_killed_is_free_after_six_seconds,
    a_process_that_was_taken_for_dead_finds_its_row_with_another_one,
    a_row_that_is_gone_is_made_again,
    two_processes_of_one_name_are_two_nodes_in_the_log,
);

const UNCLEAR: RowOwner = RowOwner::Unclear { draining: false };
const TAKEN: RowOwner = RowOwner::Taken { draining: false };

/// Makes the registrations of two processes of one name; `None` on SQLite, where there are none.
fn two_of_a_name(w: &World) -> Option<[Registration; 2]> {
    let [one, other] = [(); 2].map(|()| Registration::of(&w.db, &NodeId::draw("left").unwrap(), None));
    assert_eq!(one.is_none(), w.is_sqlite());
    Some([one?, other?])
}

async fn a_second_process_of_a_name_has_it_once_the_first_has_ended(w: World) {
    let Some([mut first, mut second]) = two_of_a_name(&w) else { return };
    first.claim().await.unwrap();
    assert_eq!(second.beat(false).await.unwrap(), UNCLEAR, "the first may just have been killed");
    assert_eq!(first.beat(true).await.unwrap(), RowOwner::Ours);
    assert_eq!(second.beat(false).await.unwrap(), RowOwner::Taken { draining: true });
    second.release().await.unwrap();
    let all = nodes::all(&w.db).await.unwrap();
    assert_eq!(all.iter().map(|node| (&**node.id.name(), node.draining)).collect::<Vec<_>>(), [("left", true)]);
    assert!(all[0].beat < Duration::from_secs(5) && all[0].started >= all[0].beat, "{all:?}");
    first.release().await.unwrap();
    assert_eq!(second.beat(false).await.unwrap(), RowOwner::Ours);
}

async fn the_name_of_a_process_that_was_killed_is_free_after_six_seconds(w: World) {
    let Some([mut first, mut second]) = two_of_a_name(&w) else { return };
    first.claim().await.unwrap();
    w.sql("UPDATE hub_nodes SET beat_at = beat_at - 5000").await;
    assert_eq!(second.beat(false).await.unwrap(), UNCLEAR);
    w.sql("UPDATE hub_nodes SET beat_at = beat_at - 1000").await;
    second.claim().await.unwrap();
    assert_eq!(nodes::all(&w.db).await.unwrap().len(), 1);
}

async fn a_process_that_was_taken_for_dead_finds_its_row_with_another_one(w: World) {
    let Some([mut first, mut second]) = two_of_a_name(&w) else { return };
    first.claim().await.unwrap();
    w.sql("UPDATE hub_nodes SET beat_at = beat_at - 6000").await;
    second.claim().await.unwrap();
    assert_eq!(first.beat(false).await.unwrap(), UNCLEAR, "the row may be from before the database was put back");
    second.beat(false).await.unwrap();
    // A beat is told from the one before by its millisecond.
    w.sql("UPDATE hub_nodes SET beat_at = beat_at + 1").await;
    assert_eq!(first.beat(false).await.unwrap(), TAKEN);
}

async fn a_row_that_is_gone_is_made_again(w: World) {
    let Some([mut first, _]) = two_of_a_name(&w) else { return };
    first.claim().await.unwrap();
    w.sql("DELETE FROM hub_nodes").await;
    assert_eq!(first.beat(false).await.unwrap(), RowOwner::Ours);
    assert_eq!(nodes::all(&w.db).await.unwrap().len(), 1);
}

async fn two_processes_of_one_name_are_two_nodes_in_the_log(mut w: World) {
    for text in ["one", "two"] {
        let mut writer = w.another_writer("left").await;
        let change: Change = w.text(user(1), user(2), text);
        writer.commit(&[change]).await.unwrap();
    }
    let log = changes::log(&w.db, CommitNo(0), CommitNo(2)).await.unwrap();
    assert_eq!(log.iter().map(|entry| &**entry.node.name()).collect::<Vec<_>>(), ["left", "left"]);
    assert_ne!(log[0].node, log[1].node);
}
