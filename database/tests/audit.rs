//! The audit log: one chain over all nodes, which shows what was done to it; and restrictions, which each commit obeys.

use std::time::Duration;

use chat_database::Database;
use chat_database::audit::{Act, Fault, NOTHING, NewEntry, Verifier};
use chat_database::change::{Change, Outcome};
use chat_database::ids::UserId;
use chat_database::queries::{audit, restrictions};
use chat_database::restrictions::{AdminChange, EndedSessions};
use chat_database::time::Timestamp;
use chat_testkit::waiting::passes;

use crate::support::world::{World, pair, user};

on_each_backend!(
    rows_form_a_chain_over_all_nodes,
    a_changed_a_missing_and_a_swapped_row_are_found,
    a_chain_holds_behind_rows_that_were_removed,
    a_suspended_user_sends_and_edits_and_uploads_nothing_on_any_node,
    of_ended_sessions_those_are_read_that_later_commits_have_changed,
    a_repetition_of_a_message_from_before_the_suspension_is_answered,
    a_suspension_ends_by_the_clock_of_the_database,
);

fn entry(whom: &str) -> NewEntry {
    let (why, detail) = (Some("a report: \"spam\" é".to_owned()), Some(r#"{"a":1}"#.to_owned()));
    let from = Some("192.0.2.7".to_owned());
    NewEntry { whom: Some(whom.to_owned()), from, why, detail, ..NewEntry::new("admin:2", Act::UserShow) }
}

fn administer(change: AdminChange) -> Change {
    Change::Administer(Box::new(change))
}

fn note(whoms: &[&str]) -> Change {
    administer(AdminChange::Note(whoms.iter().map(|whom| entry(whom)).collect()))
}

async fn suspend(w: &mut World, id: UserId, until: Option<Timestamp>) {
    let suspended = until.map(|until| (until, "spam".to_owned()));
    let change = AdminChange::Suspend(id, suspended, NewEntry::new("admin:2", Act::UserSuspend));
    assert!(matches!(w.one(administer(change)).await, Outcome::Administered(1)));
}

async fn faults(db: &Database) -> Vec<Fault> {
    let chain = audit::chain(db).await.unwrap();
    let mut verifier = Verifier::new(&chain);
    audit::after(db, chain.removed, 1_000).await.unwrap().iter().for_each(|row| verifier.look_at(row));
    verifier.end(&chain)
}

async fn rows_form_a_chain_over_all_nodes(mut w: World) {
    assert_eq!(faults(&w.db).await, [], "an empty log");
    let mut other = w.another_writer("beta").await;
    w.one(note(&["user:1"])).await;
    other.commit(&[note(&["user:2", "user:3"]), note(&["user:4"])]).await.unwrap();
    w.one(note(&["user:5"])).await;
    let rows = audit::after(&w.db, 0, 10).await.unwrap();
    let named: Vec<_> = rows.iter().map(|row| (row.id.get(), row.whom.clone().unwrap())).collect();
    let wanted: Vec<_> = (1..=5).map(|id| (id, format!("user:{id}"))).collect();
    assert_eq!(named, wanted);
    assert_eq!((&rows[0].previous[..], rows[0].hash.len()), (NOTHING, 64));
    assert_eq!(rows[2].why, entry("").why);
    assert_eq!(faults(&w.db).await, []);
    let page = audit::page(&w.db, Some(rows[3].id), 2).await.unwrap();
    assert_eq!(page, [rows[2].clone(), rows[1].clone()], "newest first");
}

async fn a_changed_a_missing_and_a_swapped_row_are_found(mut w: World) {
    for id in 1..=9 {
        w.one(note(&[&format!("user:{id}")])).await;
    }
    w.sql("UPDATE audit_log SET whom = 'user:99' WHERE id = 3").await;
    assert_eq!(faults(&w.db).await, [Fault::Changed(3)]);
    w.sql("UPDATE audit_log SET whom = 'user:3' WHERE id = 3").await;
    assert_eq!(faults(&w.db).await, []);
    for (from, to) in [(5, 100), (6, 5), (100, 6)] {
        w.sql(&format!("UPDATE audit_log SET id = {to} WHERE id = {from}")).await;
    }
    assert_eq!(faults(&w.db).await, [5, 6, 7].map(Fault::OutOfPlace));
    for (from, to) in [(5, 100), (6, 5), (100, 6)] {
        w.sql(&format!("UPDATE audit_log SET id = {to} WHERE id = {from}")).await;
    }
    assert_eq!(faults(&w.db).await, []);
    w.sql("DELETE FROM audit_log WHERE id IN (4, 9)").await;
    assert_eq!(faults(&w.db).await, [Fault::Missing(4, 4), Fault::Missing(9, 9)]);
}

async fn a_chain_holds_behind_rows_that_were_removed(mut w: World) {
    w.one(note(&["user:1", "user:2", "user:3"])).await;
    w.sql("UPDATE audit_log SET at = at - 86400000 WHERE id <= 2").await;
    // Their hashes say otherwise now, which no reader sees any more once they are gone.
    let sweep = |kept| administer(AdminChange::SweepAudit(kept, NewEntry::new("hub:alpha", Act::AuditSweep)));
    let outcome = w.one(sweep(Duration::from_secs(2 * 24 * 3_600))).await;
    assert!(matches!(outcome, Outcome::Administered(0)), "{outcome:?}");
    let outcome = w.one(sweep(Duration::from_secs(3_600))).await;
    assert!(matches!(outcome, Outcome::Administered(2)), "{outcome:?}");
    assert_eq!(faults(&w.db).await, []);
    let rows = audit::after(&w.db, 0, 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.id.get(), row.what.as_str(), row.detail.as_deref())).collect();
    assert_eq!(told, [(3, "user.show", entry("").detail.as_deref()), (4, "audit.sweep", Some(r#"{"up_to":2}"#))]);
    w.sql("DELETE FROM audit_log WHERE id = 3").await;
    assert_eq!(faults(&w.db).await, [Fault::Missing(3, 3)]);
}

async fn a_suspended_user_sends_and_edits_and_uploads_nothing_on_any_node(mut w: World) {
    let [ann, ben, cid] = [1, 2, 3].map(user);
    let before = w.says(ann, ben, "before").await;
    let mut other = w.another_writer("beta").await;
    let hello = w.text(cid, ben, "the other node knows what it has read");
    other.commit(&[hello]).await.unwrap();
    let until = Timestamp::now().after(Duration::from_secs(3_600));
    suspend(&mut w, ann, Some(until)).await;
    let changes = [
        w.text(ann, ben, "spam"),
        w.text(ben, ann, "an answer"),
        w.text(ann, cid, "spam for another"),
        w.edit(before.id, pair(ann, ben), "edited"),
    ];
    for writer in [&mut other, &mut w.writer] {
        let outcomes = writer.commit(&changes).await.unwrap().outcomes;
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Suspended(said) if *said == until);
        assert!(refused(&outcomes[0]) && refused(&outcomes[2]) && refused(&outcomes[3]), "{outcomes:?}");
        assert!(matches!(outcomes[1], Outcome::Sent(_)), "{outcomes:?}");
    }
    let outcome = w.uploads("m1", ann).await;
    assert!(matches!(outcome, Outcome::Suspended(_)), "{outcome:?}");
    suspend(&mut w, ann, None).await;
    let again = w.text(ann, ben, "again");
    let outcomes = other.commit(&[again]).await.unwrap().outcomes;
    assert!(matches!(outcomes[0], Outcome::Sent(_)), "restored on every node: {outcomes:?}");
    let known = restrictions::of(&w.db, ann).await.unwrap().unwrap();
    assert_eq!((known.suspended_until, known.reason), (None, None));
    let rows = audit::after(&w.db, 0, 10).await.unwrap();
    assert_eq!(rows.len(), 2, "each restriction has its row");
    assert_eq!(faults(&w.db).await, []);
}

async fn of_ended_sessions_those_are_read_that_later_commits_have_changed(mut w: World) {
    let [ann, ben, cid, dan] = [1, 2, 3, 4].map(user);
    let end = |id| administer(AdminChange::EndSessions(id, NewEntry::new("admin:2", Act::UserEndSessions)));
    let named = |read: &EndedSessions| {
        let mut users: Vec<UserId> = read.users.iter().map(|(user, _)| *user).collect();
        users.sort_unstable();
        users
    };
    suspend(&mut w, dan, Some(Timestamp::now().after(Duration::from_secs(3_600)))).await;
    w.one(end(ann)).await;
    w.one(end(ben)).await;
    let all = restrictions::ended_sessions(&w.db).await.unwrap();
    assert_eq!(named(&all), [ann, ben]);
    let since = restrictions::ended_sessions_since(&w.db, all.as_of).await.unwrap();
    assert_eq!((named(&since), since.as_of), (Vec::new(), all.as_of));
    let mut other = w.another_writer("beta").await;
    other.commit(&[end(cid), end(ben)]).await.unwrap();
    let since = restrictions::ended_sessions_since(&w.db, all.as_of).await.unwrap();
    assert_eq!(named(&since), [ben, cid]);
    assert!(since.as_of > all.as_of);
}

async fn a_repetition_of_a_message_from_before_the_suspension_is_answered(mut w: World) {
    let [ann, ben] = [1, 2].map(user);
    let send = w.keyed(ann, ben, "key", "before");
    assert!(matches!(w.one(send.clone()).await, Outcome::Sent(_)));
    suspend(&mut w, ann, Some(Timestamp::now().after(Duration::from_secs(3_600)))).await;
    assert!(matches!(w.one(send).await, Outcome::Duplicate(_)));
}

async fn a_suspension_ends_by_the_clock_of_the_database(mut w: World) {
    let [ann, ben] = [1, 2].map(user);
    let lasts = Duration::from_secs(2);
    suspend(&mut w, ann, Some(Timestamp::now().after(lasts))).await;
    let send = w.text(ann, ben, "too early");
    assert!(matches!(w.one(send).await, Outcome::Suspended(_)));
    // No commit says that it is over: the writer knows the time until then, and goes by it.
    passes(lasts).await;
    let send = w.text(ann, ben, "it is over");
    assert!(matches!(w.one(send).await, Outcome::Sent(_)));
}
