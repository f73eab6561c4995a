//! A database that is put back to an earlier state, under writers that have seen more.

use chat_database::Error;
use chat_database::change::Outcome;
use chat_database::connect::{Location, Server, ServerKind};
use chat_database::history::{self, CommitRef};
use chat_database::ids::CommitNo;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::world::{World, pair, sent, user};

on_each_backend!(
    a_process_that_starts_on_a_restored_copy_ends_the_old_name_where_the_copy_ended,
    a_start_ends_no_cursor,
    a_writer_that_lives_through_it_writes_nothing_that_was_decided_before,
    of_two_writers_that_live_through_it_each_begins_anew,
    a_name_that_has_come_back_is_ended_however_old_it_is,
    what_a_writer_knew_of_the_other_history_it_does_not_write_into_this_one,
    a_copy_that_was_put_back_table_by_table_takes_commits,
);

impl World {
    async fn tables(&self) -> Vec<String> {
        let db = self.db.for_migrations();
        let all = match self.db.location() {
            Location::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Location::Server(Server { kind: ServerKind::MySql, .. }) => {
                "SELECT CAST(table_name AS CHAR) FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
            Location::Server(Server { kind: ServerKind::Postgres, .. }) => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
            }
        };
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), all)).await.unwrap();
        let names = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
        names.filter(|name| !name.starts_with("kept_") && name != "seaql_migrations").collect()
    }

    /// Makes a backup.
    async fn is_backed_up(&self) -> CommitRef {
        for table in self.tables().await {
            self.sql(&format!("DROP TABLE IF EXISTS kept_{table}")).await;
            self.sql(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
        }
        self.stands_at().await
    }

    async fn is_put_back(&self) {
        for table in self.tables().await {
            self.table_is_put_back(&table).await;
        }
    }

    async fn table_is_put_back(&self, table: &str) {
        self.sql(&format!("DELETE FROM {table}")).await;
        self.sql(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
    }

    async fn stands_at(&self) -> CommitRef {
        history::head(&self.db).await.unwrap()
    }

    async fn say(&mut self, count: usize) {
        for number in 0..count {
            self.says(user(1), user(2), &number.to_string()).await;
        }
    }

    async fn holds(&self, commit_ref: &CommitRef) -> bool {
        history::holds(&self.db, commit_ref).await.unwrap()
    }

    /// The log forgets all but the newest commit, as it does after a while.
    async fn the_log_is_swept(&self) {
        let newest = self.stands_at().await.commit;
        self.sql(&format!("DELETE FROM hub_commits WHERE commit_no < {newest}")).await;
    }
}

async fn a_process_that_starts_on_a_restored_copy_ends_the_old_name_where_the_copy_ended(mut w: World) {
    w.say(3).await;
    let copied = w.is_backed_up().await;
    let mut lost = Vec::new();
    for _ in 0..5 {
        w.say(1).await;
        lost.push(w.stands_at().await);
    }
    w.is_put_back().await;
    assert!(w.holds(&copied).await && !w.holds(&lost[0]).await, "no process has written since");
    w.writer = w.another_writer("alpha").await;
    for number in 0..7 {
        w.say(1).await;
        for commit_ref in &lost {
            assert!(!w.holds(commit_ref).await, "after {number}: {commit_ref:?}");
        }
    }
    w.the_log_is_swept().await;
    for commit_ref in &lost {
        assert!(!w.holds(commit_ref).await, "without the log: {commit_ref:?}");
    }
    assert!(w.holds(&copied).await, "what was there when it was copied is there");
    assert!(w.holds(&w.stands_at().await).await);
}

async fn a_start_ends_no_cursor(mut w: World) {
    let mut commit_refs = vec![w.stands_at().await];
    for _ in 0..4 {
        w.writer = w.another_writer("alpha").await;
        for _ in 0..3 {
            w.say(1).await;
            commit_refs.push(w.stands_at().await);
        }
    }
    for _ in 0..2 {
        for commit_ref in &commit_refs {
            assert!(w.holds(commit_ref).await, "{commit_ref:?}");
        }
        w.the_log_is_swept().await;
    }
    let names: std::collections::BTreeSet<_> = commit_refs.iter().map(|commit_ref| commit_ref.epoch.clone()).collect();
    assert_eq!(names.len(), 5);
    let ahead =
        CommitRef { commit: CommitNo(commit_refs.last().unwrap().commit.0 + 1), ..commit_refs.last().unwrap().clone() };
    assert!(!w.holds(&ahead).await);
}

async fn a_writer_that_lives_through_it_writes_nothing_that_was_decided_before(mut w: World) {
    w.say(3).await;
    let copied = w.is_backed_up().await;
    w.say(5).await;
    let lost = w.stands_at().await;
    w.is_put_back().await;
    let change = w.text(user(1), user(2), "decided before");
    let refused = w.writer.commit(std::slice::from_ref(&change)).await;
    assert!(matches!(refused, Err(Error::WentBack)), "{refused:?}");
    for commit_ref in [&lost, &copied] {
        assert!(!w.holds(commit_ref).await, "commits may have been made since under its name: {commit_ref:?}");
    }
    assert_eq!(w.says(user(1), user(2), "decided since").await.seq.0, 4);
    assert!(w.holds(&w.stands_at().await).await);
}

async fn of_two_writers_that_live_through_it_each_begins_anew(mut w: World) {
    let mut other = w.another_writer("beta").await;
    w.say(3).await;
    other.commit(&[w.text(user(1), user(2), "4")]).await.unwrap();
    w.is_backed_up().await;
    w.say(5).await;
    // Each knows of all commits, as the follower tells it.
    let seen = w.stands_at().await;
    other.knows(&seen);
    w.writer.knows(&seen);
    w.is_put_back().await;
    w.writer.begin_anew().await.unwrap();
    let begun = w.stands_at().await;
    assert_ne!(begun.epoch, seen.epoch);
    let refused = other.commit(&[w.text(user(1), user(2), "decided before")]).await;
    assert!(matches!(refused, Err(Error::WentBack)), "{refused:?}");
    let present = w.stands_at().await;
    assert_ne!(present.epoch, begun.epoch);
    let outcome = other.commit(&[w.text(user(1), user(2), "5")]).await.unwrap().outcomes.remove(0);
    assert_eq!(sent(outcome).message.seq.0, 5);
    w.writer.knows(&w.stands_at().await);
    w.say(1).await;
    let last = w.stands_at().await;
    assert_eq!(last.epoch, present.epoch, "once each");
    assert!(w.holds(&last).await && w.holds(&present).await && !w.holds(&seen).await);
}

/// The copy stood under a name that was the newest one no longer: the writers took it for one that another writer had given
/// the history since, and went on under it. Once the log was swept, what was lost under that name counted as there.
async fn a_name_that_has_come_back_is_ended_however_old_it_is(mut w: World) {
    w.say(3).await;
    w.is_backed_up().await;
    w.say(1).await;
    let lost = w.stands_at().await;
    let mut other = w.another_writer("beta").await;
    other.commit(&[w.text(user(1), user(2), "5")]).await.unwrap();
    let seen = w.stands_at().await;
    assert_ne!(seen.epoch, lost.epoch);
    w.writer.knows(&seen);
    w.is_put_back().await;
    w.writer.begin_anew().await.unwrap();
    w.say(3).await;
    w.the_log_is_swept().await;
    for commit_ref in [&lost, &seen] {
        assert!(!w.holds(commit_ref).await, "{commit_ref:?}");
    }
}

/// A writer took what it knew for true if the number that it was given was the next one; the numbers had come again.
async fn what_a_writer_knew_of_the_other_history_it_does_not_write_into_this_one(mut w: World) {
    w.say(3).await;
    w.is_backed_up().await;
    let mut other = w.another_writer("beta").await;
    let elsewhere = [w.text(user(3), user(4), "1"), w.text(user(3), user(4), "2"), w.text(user(1), user(2), "4")];
    for change in &elsewhere {
        other.commit(std::slice::from_ref(change)).await.unwrap();
    }
    let last = w.stands_at().await;
    w.is_put_back().await;
    w.writer = w.another_writer("gamma").await;
    w.say(3).await;
    assert_eq!(w.stands_at().await.commit, last.commit);
    let outcome = other.commit(&[w.text(user(1), user(2), "7")]).await.unwrap().outcomes.remove(0);
    assert_eq!(sent(outcome).message.seq.0, 7);
    let outcome = other.commit(&[w.text(user(3), user(4), "the first")]).await.unwrap().outcomes.remove(0);
    assert!(matches!(&outcome, Outcome::Sent(sent) if sent.opened && sent.message.seq.0 == 1), "{outcome:?}");
    assert_eq!(w.totals(user(2)).await.messages, 7);
    assert!(chat_database::queries::threads::of_pair(&w.db, pair(user(3), user(4))).await.unwrap().is_some());
}

async fn a_copy_that_was_put_back_table_by_table_takes_commits(mut w: World) {
    w.say(3).await;
    w.is_backed_up().await;
    w.writer = w.another_writer("alpha").await;
    w.say(1).await;
    w.table_is_put_back("hub_state").await;
    w.table_is_put_back("hub_commits").await;
    w.sql("DELETE FROM chat_messages WHERE seq > 3").await;
    w.table_is_put_back("chat_threads").await;
    w.writer = w.another_writer("alpha").await;
    w.say(2).await;
    assert!(w.holds(&w.stands_at().await).await);
}
