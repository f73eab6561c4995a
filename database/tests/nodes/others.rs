//! What a writer knows between its commits, while another node commits, too.

use std::sync::OnceLock;
use std::thread;

use chat_database::change::{Change, Outcome};
use chat_database::commit::Writer;
use chat_database::ids::{MessageId, Pair, ThreadId};
use chat_testkit::mariadb::MariaDb;
use tokio::runtime::Builder;

use crate::support::world::{World, own, pair, user};

on_each_backend!(
    two_writers_at_random_never_write_what_is_old,
    changes_are_asked_for_once_the_lock_is_held,
    a_commit_needs_no_other_runtime_than_its_writers,
);

/// How many pairs a writer has at work, and how many commits each makes.
const PAIRS: u64 = 50;
const COMMITS: u64 = 10;

/// Numbers by chance, the same ones in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What there is to be changed.
#[derive(Default)]
struct Known {
    messages: Vec<(MessageId, Pair)>,
    threads: Vec<(ThreadId, Pair)>,
}

/// Makes a change by chance: a few users who do everything to each other.
async fn change(w: &mut World, known: &Known, dice: &mut Dice) -> Change {
    let one = user(1 + dice.below(4));
    let other = user(1 + (one.get() + dice.below(3)) % 4);
    let message = |dice: &mut Dice| {
        let most = known.messages.len() as u64;
        (most > 0).then(|| known.messages[usize::try_from(dice.below(most)).unwrap()])
    };
    let bell = match known.threads.iter().find(|(_, at)| *at == pair(one, other)) {
        Some((thread, _)) => w.alert(one, *thread).await,
        None => None,
    };
    match (dice.below(16), message(dice), bell) {
        (0 | 1, ..) => w.seen(one, other, None),
        (2, ..) => {
            let up_to = dice.below(20);
            w.seen(one, other, Some(up_to))
        }
        (3, ..) => w.delivered(one, other, None),
        (4, Some((message, pair)), _) => w.edit(message, pair, "changed"),
        (5, Some((message, pair)), _) => w.delete(message, pair),
        (6, ..) => w.notify(&[one, other], None),
        (7 | 8, _, Some(bell)) => Change::ReadNotification(own(bell.id, one)),
        (9, _, Some(bell)) => Change::DeleteNotification(own(bell.id, one)),
        (10, ..) => Change::ReadAllNotifications(one),
        _ => w.text(one, other, "hello"),
    }
}

/// A writer forgets what the log says that another one has touched. Did it forget too little, the numbers that it writes would be
/// others than those that are counted anew.
async fn two_writers_at_random_never_write_what_is_old(mut w: World) {
    let mut other = w.another_writer("beta").await;
    let (mut dice, mut known) = (Dice(7), Known::default());
    for round in 0..400 {
        let mut changes = Vec::new();
        for _ in 0..1 + dice.below(3) {
            changes.push(change(&mut w, &known, &mut dice).await);
        }
        let writer: &mut Writer = if dice.below(2) == 0 { &mut w.writer } else { &mut other };
        let committed = writer.commit(&changes).await.unwrap();
        for (change, outcome) in changes.iter().zip(&committed.outcomes) {
            if let (Change::Send(send), Outcome::Sent(sent)) = (change, outcome) {
                known.messages.push((sent.message.id, send.pair));
                if sent.opened {
                    known.threads.push((sent.message.thread_id, send.pair));
                }
            }
        }
        for id in 1..=4 {
            let totals = w.totals(user(id)).await;
            let told = committed.totals.iter().find(|(of, _)| *of == user(id));
            assert!(told.is_none_or(|(_, told)| *told == totals), "round {round}: {told:?}, and there are {totals:?}");
        }
    }
    assert!(known.messages.len() > 100, "{} messages are few", known.messages.len());
}

/// A batch that was closed before left out what came while the commit waited for other nodes'.
async fn changes_are_asked_for_once_the_lock_is_held(mut w: World) {
    let is_free = w.counter_is_free();
    let changes = [w.text(user(1), user(2), "hello")];
    assert!(is_free(), "the commit has not begun");
    let was_free = OnceLock::new();
    let gather = || {
        was_free.get_or_init(&is_free);
        changes.as_slice()
    };
    w.writer.commit_gathered(&gather).await.unwrap();
    assert_eq!(was_free.get(), Some(&false), "the changes were asked for, and another commit might still come before");
    assert!(is_free(), "the commit has ended");
    assert_eq!(w.totals(user(2)).await.messages, 1);
}

/// A server's answers woke the runtime on which the database was opened, and that one woke the writer's: each of a commit's round
/// trips woke two OS threads.
async fn a_commit_needs_no_other_runtime_than_its_writers(mut w: World) {
    let write = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let changes = [w.text(user(1), user(2), "hello")];
            w.writer.commit(&changes).await.map(|committed| committed.outcomes.len())
        })
    });
    // The runtime of this test, on which the database was opened, stands still meanwhile.
    assert_eq!(write.join().unwrap().unwrap(), 1);
}

/// Every commit after another node's read all that it needed, under the lock that all nodes wait for.
#[tokio::test]
async fn a_commit_after_another_nodes_reads_only_what_that_one_touched() {
    if !chat_testkit::mariadb::wanted("a_commit_after_another_nodes_reads_only_what_that_one_touched") {
        return;
    }
    let server = MariaDb::start();
    let url = server.database("chat");
    let mut w = World::open(&url).await;
    let mut other = w.another_writer("beta").await;
    let reads = || {
        let read = "SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status \
                    WHERE variable_name IN ('Handler_read_key', 'Handler_read_next', 'Com_select')";
        server.sql(read).trim().parse::<u64>().unwrap()
    };
    let batch = |w: &mut World, base: u64| -> Vec<Change> {
        (0..PAIRS).map(|n| w.text(user(base + 2 * n), user(base + 2 * n + 1), "hello")).collect()
    };
    for round in 0..2 {
        // Each has its own users.
        let (mine, its) = (batch(&mut w, 1_000), batch(&mut w, 5_000));
        w.commit(&mine).await;
        other.commit(&its).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    let before = reads();
    for _ in 0..COMMITS {
        for _ in 0..2 {
            let mine = batch(&mut w, 1_000);
            w.commit(&mine).await;
        }
    }
    let alone = reads() - before;
    let its = batch(&mut w, 5_000);
    other.commit(&its).await.unwrap();
    let before = reads();
    for _ in 0..COMMITS {
        let mine = batch(&mut w, 1_000);
        w.commit(&mine).await;
        let its = batch(&mut w, 5_000);
        other.commit(&its).await.unwrap();
    }
    let by_turns = reads() - before;
    println!("{COMMITS} x 2 commits of {PAIRS} messages: {alone} reads by one node, {by_turns} by two in turns");
    let more = by_turns.saturating_sub(alone) / (2 * COMMITS);
    assert!(more < 20, "a commit after another node's reads {more} rows more: {by_turns} and {alone}");
}

/// Each question is a round trip under the lock that all nodes wait for.
#[tokio::test]
async fn after_another_nodes_commit_a_thread_and_its_members_totals_are_one_question() {
    if !chat_testkit::mariadb::wanted("after_another_nodes_commit_a_thread_and_its_members_totals_are_one_question") {
        return;
    }
    let server = MariaDb::start();
    let mut w = World::open(&server.database("chat")).await;
    let mut other = w.another_writer("beta").await;
    let questions = || {
        let asked = "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Com_select'";
        server.sql(asked).trim().parse::<u64>().unwrap()
    };
    let hello = [w.text(user(1), user(2), "hello")];
    w.commit(&hello).await;
    let hello = [w.text(user(2), user(1), "hello")];
    other.commit(&hello).await.unwrap();
    let hello = [w.text(user(1), user(2), "hello")];
    let before = questions();
    w.commit(&hello).await;
    // The last one is of this test itself.
    assert_eq!(questions() - before - 1, 3, "the counter's row, the log, and the thread");
    assert_eq!((w.totals(user(1)).await.messages, w.totals(user(2)).await.messages), (1, 2));
}
