//! The audit log of a hub that runs.

use std::time::Duration;

use chat_database::audit::Act;
use chat_database::queries::audit;
use chat_testkit::waiting::until;

use crate::support::World;

/// Makes a hub that looks for old rows often, and has it write a row.
async fn writes_a_row(kept: Duration) -> World {
    let world = World::with(|options| {
        options.audit_kept = kept;
        options.audit_sweep = Duration::from_millis(20);
    });
    let world = world.await;
    // The sweep with which the hub started is over by the time at which the row is written.
    world.hub.audit().note(Act::HubStart, None);
    until("the row is written", async || {
        let chain = audit::chain(&world.database).await.expect("the log");
        (chain.last > 0).then_some(())
    })
    .await;
    world
}

/// Only the sweep at the start of a hub was tested: a hub that ran on might have kept its rows.
#[tokio::test]
async fn rows_that_grow_too_old_go_while_the_hub_runs_and_younger_ones_stay() {
    let (old, young) = tokio::join!(writes_a_row(Duration::ZERO), writes_a_row(Duration::from_secs(3_600)));
    until("the old row goes", async || {
        let chain = audit::chain(&old.database).await.expect("the log");
        (chain.removed > 0).then_some(())
    })
    .await;
    let rows = audit::after(&old.database, 0, 10).await.expect("the log");
    assert!(rows.iter().all(|row| row.what == "audit.sweep"), "{rows:?}");
    let rows = audit::after(&young.database, 0, 10).await.expect("the log");
    assert_eq!(rows.iter().map(|row| row.what.as_str()).collect::<Vec<_>>(), ["hub.start"]);
}
