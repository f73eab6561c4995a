//! Several nodes on one database, and a database that fails them.

mod others;
mod put_back;
mod registration;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chat_database::change::{Change, Outcome};
use chat_database::commit::Writer;
use chat_database::nodes::NodeId;
use chat_database::queries::messages::{self, Page};
use chat_database::queries::threads;
use chat_database::{Database, Error, connect::Options};
use chat_testkit::commit_proxy::{Cut, Proxy};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use tokio::runtime::Handle;

use crate::support::world::{World, pair, sent, user};

on_each_backend!(
    two_nodes_interleave_without_gaps_or_losses,
    the_same_key_on_two_nodes_is_stored_once,
    a_probe_leaves_nothing_behind,
);

mod with_a_server_that_fails {
    use super::{
        a_commit_that_cannot_be_settled_is_called_so, a_commit_that_is_still_under_way_is_settled_once_it_has_ended,
        a_killed_server_is_unavailable_until_it_is_back, a_lost_answer_to_commit_is_settled_by_reading, on_each_server,
    };

    on_each_server!(
        a_lost_answer_to_commit_is_settled_by_reading,
        a_commit_that_cannot_be_settled_is_called_so,
        a_commit_that_is_still_under_way_is_settled_once_it_has_ended,
        a_killed_server_is_unavailable_until_it_is_back,
    );
}

/// How many commits each of two nodes makes.
const COMMITS: u64 = 40;

async fn two_nodes_interleave_without_gaps_or_losses(mut w: World) {
    let mut tasks = Vec::new();
    for node in 0..2_u64 {
        let mut writer = w.another_writer(&format!("node-{node}")).await;
        let batches: Vec<Vec<Change>> = (0..COMMITS)
            .map(|round| {
                let key = |n: u64| format!("{node}-{round}-{n}");
                let mut changes: Vec<Change> =
                    (0..5).map(|n| w.keyed(user(1 + node), user(2 - node), &key(n), "x")).collect();
                changes.push(w.text(user(10 + round), user(1), "a thread that both make"));
                changes.push(w.seen(user(1 + node), user(2 - node), Some(round)));
                changes
            })
            .collect();
        let runtime = Handle::current();
        tasks.push(tokio::task::spawn_blocking(move || {
            let commit = |batch: &Vec<Change>| runtime.block_on(writer.commit(batch)).unwrap();
            batches.iter().map(commit).collect::<Vec<_>>()
        }));
    }
    let mut numbers = BTreeSet::new();
    let mut opened = 0;
    for task in tasks {
        for committed in task.await.unwrap() {
            assert!(numbers.insert(committed.commit_ref.commit.0), "a number was given twice");
            let opening = |outcome: &Outcome| matches!(outcome, Outcome::Sent(sent) if sent.opened);
            opened += committed.outcomes.iter().filter(|outcome| opening(outcome)).count();
        }
    }
    assert_eq!(numbers, (1..=2 * COMMITS).collect());
    assert_eq!(opened as u64, 1 + COMMITS, "each thread is made once");

    let thread = threads::of_pair(&w.db, pair(user(1), user(2))).await.unwrap().unwrap();
    let history = messages::page(&w.db, user(1), thread, Page::Newest, 1_000).await.unwrap().unwrap();
    let seqs: Vec<u64> = history.messages.iter().map(|message| message.seq.0).collect();
    assert_eq!(seqs, (1..=10 * COMMITS).collect::<Vec<_>>());
    for id in [1, 2, 10] {
        w.totals(user(id)).await;
    }
}

async fn the_same_key_on_two_nodes_is_stored_once(mut w: World) {
    let change = w.keyed(user(1), user(2), "k", "hello");
    let mut outcomes = Vec::new();
    // Each on a thread of its own, as in a hub: on one, SQLite's second writer stops the first, for which it waits.
    let commits = [w.another_writer("alpha").await, w.another_writer("beta").await].map(|mut writer| {
        let (runtime, change) = (Handle::current(), change.clone());
        tokio::task::spawn_blocking(move || runtime.block_on(writer.commit(&[change])).unwrap())
    });
    for commit in commits {
        outcomes.push(commit.await.unwrap().outcomes.remove(0));
    }
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Sent(sent) => (true, sent.message.clone()),
            Outcome::Duplicate(duplicate) => (false, duplicate.message.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told.iter().filter(|(first, _)| *first).count(), 1);
    assert_eq!(told[0].1, told[1].1);
}

/// A COMMIT that the server carried out and whose answer was lost stands; one that never arrived is made again.
async fn a_lost_answer_to_commit_is_settled_by_reading(server: Server) {
    let url = server.database("chat");
    let mut w = World::open(&url).await;
    let proxy = Proxy::to(server.port()).await;
    let mut writer = through(&server, &proxy).await;
    writer.commit(&[w.keyed(user(1), user(2), "first", "x")]).await.unwrap();
    for (round, cut) in [Cut::AfterCommit, Cut::BeforeCommit, Cut::AfterCommit].into_iter().enumerate() {
        proxy.cut_at_next(cut);
        let change = w.keyed(user(1), user(2), &format!("round-{round}"), "x");
        let committed = writer.commit(std::slice::from_ref(&change)).await.unwrap();
        assert!(proxy.has_cut(), "the proxy saw no COMMIT");
        let message = sent(committed.outcomes.into_iter().next().unwrap()).message;
        assert_eq!(message.seq.0, round as u64 + 2);
        assert_eq!(messages::one(&w.db, user(2), message.id).await.unwrap().unwrap(), message);
        let again = writer.commit(&[change]).await.unwrap().outcomes.remove(0);
        assert!(matches!(again, Outcome::Duplicate(_)), "{again:?}");
    }
    assert_eq!(w.totals(user(2)).await.messages, 4);
}

async fn a_commit_that_cannot_be_settled_is_called_so(server: Server) {
    let url = server.database("chat");
    let mut w = World::open(&url).await;
    let proxy = Proxy::to(server.port()).await;
    let mut writer = through(&server, &proxy).await;
    writer.commit(&[w.keyed(user(1), user(2), "first", "x")]).await.unwrap();
    proxy.cut_at_next(Cut::AfterCommitForGood);
    let change = w.keyed(user(1), user(2), "second", "x");
    let outcome = writer.commit(std::slice::from_ref(&change)).await;
    assert!(matches!(outcome, Err(Error::Unsettled(_))), "{outcome:?}");
    assert!(matches!(writer.commit(std::slice::from_ref(&change)).await, Err(Error::Unavailable(_))));
    proxy.let_through();
    let again = writer.commit(&[change]).await.unwrap().outcomes.remove(0);
    assert!(matches!(again, Outcome::Duplicate(_)), "{again:?}");
}

/// The server carries the COMMIT out a second after the connection was lost: only the counter's lock shows that it is to come.
async fn a_commit_that_is_still_under_way_is_settled_once_it_has_ended(server: Server) {
    let url = server.database("chat");
    let mut w = World::open(&url).await;
    let proxy = Proxy::to(server.port()).await;
    let mut writer = through(&server, &proxy).await;
    writer.commit(&[w.keyed(user(1), user(2), "first", "x")]).await.unwrap();
    proxy.cut_at_next(Cut::AndCommitLater);
    let committed = writer.commit(&[w.keyed(user(1), user(2), "second", "x")]).await.unwrap();
    assert!(proxy.has_cut(), "the proxy saw no COMMIT");
    assert_eq!(committed.commit_ref.commit.0, 2, "it was made again");
    assert_eq!(sent(committed.outcomes.into_iter().next().unwrap()).message.seq.0, 2);
    assert_eq!(w.totals(user(2)).await.messages, 2);
}

async fn a_killed_server_is_unavailable_until_it_is_back(mut server: Server) {
    let url = server.database("chat");
    let mut w = World::open(&url).await;
    let message = w.says(user(1), user(2), "before").await;
    server.kill();
    let change = w.keyed(user(1), user(2), "k", "meanwhile");
    let begun = Instant::now();
    let refused = w.writer.commit(std::slice::from_ref(&change)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(matches!(w.db.ping().await, Err(Error::Unavailable(_))));
    println!("unavailable was said after {:?}", begun.elapsed());
    server.restart();
    let begun = Instant::now();
    let committed = loop {
        match w.writer.commit(std::slice::from_ref(&change)).await {
            Ok(committed) => break committed,
            Err(error) => {
                assert!(matches!(error, Error::Unavailable(_)), "{error}");
                assert!(begun.elapsed() < Duration::from_secs(30), "it does not come back: {error}");
            }
        }
    };
    assert_eq!(sent(committed.outcomes.into_iter().next().unwrap()).message.seq.0, 2);
    assert!(messages::one(&w.db, user(2), message.id).await.unwrap().is_some());
    w.db.ping().await.unwrap();
}

/// It was tried six times, for five seconds each.
#[tokio::test]
async fn a_lock_of_another_program_is_waited_for_five_seconds_at_most() {
    let mut w = World::sqlite().await;
    w.says(user(1), user(2), "before").await;
    let url = w.url.strip_prefix("sqlite://").and_then(|url| url.split('?').next()).unwrap().to_owned();
    let other = rusqlite::Connection::open(url).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut took = Vec::new();
    for text in ["first", "second"] {
        let (change, began) = (w.text(user(1), user(2), text), Instant::now());
        let refused = w.writer.commit(&[change]).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
        took.push(began.elapsed());
    }
    // A change that came while the first commit waited has waited for that one, and then for its own.
    assert!(took[0] > Duration::from_secs(2) && took[0] + took[1] < Duration::from_secs(5), "{took:?}");
    let began = Instant::now();
    w.writer.probe().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "the writes that come meanwhile wait, too");
    other.execute_batch("ROLLBACK").unwrap();
    w.writer.probe().await.unwrap();
    assert_eq!(w.says(user(1), user(2), "after").await.seq.0, 2);
}

async fn a_probe_leaves_nothing_behind(mut w: World) {
    let before = w.says(user(1), user(2), "before").await;
    for _ in 0..3 {
        w.writer.probe().await.unwrap();
    }
    let change = w.text(user(1), user(2), "after");
    let committed = w.commit(&[change]).await;
    assert_eq!((committed.commit_ref.commit.0, before.seq.0), (2, 1), "it takes no number");
}

#[tokio::test]
async fn an_error_does_not_tell_the_password() {
    for url in ["mysql://root:s3cret@127.0.0.1:1/chat", "postgres://root:s3cret@127.0.0.1:1/chat"] {
        let error = Database::connect(&Options { url: url.to_owned(), readers: 1 }).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
    }
    let odd = Database::connect(&Options { url: "oracle://u:s3cret@h/x".to_owned(), readers: 1 }).await.unwrap_err();
    assert!(matches!(odd, Error::Refused(_)) && !odd.to_string().contains("s3cret"));
}

async fn through(server: &Server, proxy: &Proxy) -> Writer {
    let url = server.url_through(proxy.port(), "chat");
    let database = Database::connect(&Options { url, readers: 1 }).await.unwrap();
    Writer::new(database, NodeId::draw("proxied").unwrap())
}
