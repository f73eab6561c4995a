//! F21: faults of all kinds at random, by a seed.
//!
//! `CHAT_TEST_SEED=<seed>` runs the schedule of that seed alone; a failure prints it with what was done and when.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::{Direction, When};
use chat_testkit::mariadb::MariaDb;
use chat_testkit::nats::{self, Nats};
use chat_testkit::on_each_server;
use chat_testkit::postgres::Postgres;
use chat_testkit::server::Server;

use super::crew::Crew;
use super::rolling::DRAIN;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, passes, usual_or_long};

on_each_server!(faults_at_random_break_no_promise);

/// What was done so far, which is printed if the test fails.
struct Story {
    seed: u64,
    began: Instant,
    told: String,
}

impl Story {
    fn tells(&mut self, what: &str) {
        let at = self.began.elapsed().as_secs_f64();
        // Writing to a String does not fail.
        let _ = writeln!(self.told, "  {at:6.2} s  {what}");
    }
}

#[expect(clippy::print_stderr, reason = "the reader of the test's output needs the seed")]
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("CHAT_TEST_SEED={} failed; what was done:\n{}", self.seed, self.told);
        }
    }
}

/// Puts one fault on the cluster, and ends it.
async fn one_fault(cluster: &mut Cluster, dice: &mut Dice, story: &mut Story) {
    let hub = dice.below(NODES);
    let name = format!("n{}", hub + 1);
    let lasts = Duration::from_millis(200 + dice.below(3_000) as u64);
    let way = if dice.below(2) == 0 { Direction::Up } else { Direction::Down };
    let faults = if cluster.nats.is_empty() { 11 } else { 15 };
    match dice.below(faults) {
        0 => {
            story.tells(&format!("{name} is killed, and starts again after {lasts:?}"));
            cluster.hubs[hub].kill().await;
            passes(lasts).await;
            cluster.hubs[hub].restart().await;
        }
        1 => {
            story.tells(&format!("{name} ends by SIGTERM, and starts again"));
            cluster.hubs[hub].asks_to_end().await;
            cluster.hubs[hub].ends(Duration::from_secs(40)).await;
            cluster.hubs[hub].restart().await;
        }
        2 => {
            story.tells(&format!("{name} stands still for {lasts:?}"));
            cluster.hubs[hub].freeze().await;
            passes(lasts).await;
            cluster.hubs[hub].thaw().await;
        }
        3 => {
            story.tells(&format!("the database stands still for {lasts:?}"));
            cluster.database().signal("STOP");
            passes(lasts).await;
            cluster.database().signal("CONT");
        }
        4 => {
            story.tells("the database is killed, and starts again");
            cluster.has_database(Server::kill).await;
            cluster.has_database(Server::restart).await;
        }
        11 => {
            story.tells(&format!("NATS is killed, and starts again after {lasts:?}"));
            cluster.has_nats(0, Nats::kill).await;
            passes(lasts).await;
            cluster.has_nats(0, Nats::restart).await;
        }
        12 => {
            story.tells(&format!("NATS stands still for {:?}", lasts * 3));
            cluster.nats[0].stop();
            passes(lasts * 3).await;
            cluster.nats[0].go_on();
        }
        fault => {
            let is_nats = fault > 12;
            let link = if is_nats { &cluster.nats_links[hub] } else { &cluster.links[hub] };
            let what = match fault {
                5 | 13 => {
                    link.cut();
                    "is cut".to_owned()
                }
                6 => {
                    link.reset();
                    "is reset".to_owned()
                }
                7 | 14 => {
                    link.black_hole(way);
                    format!("passes nothing {way:?}")
                }
                8 => {
                    let by = Duration::from_millis(5 + dice.below(100) as u64);
                    link.delay(way, by);
                    format!("delays {way:?} by {by:?}")
                }
                9 => {
                    let bytes = dice.below(20_000) as u64;
                    link.cut_after(way, bytes);
                    format!("is cut after {bytes} more bytes {way:?}")
                }
                _ => {
                    let when = if way == Direction::Up { When::Before } else { When::After };
                    link.cut_at(b"COMMIT", when, dice.below(2) == 0);
                    format!("is cut {when:?} a COMMIT")
                }
            };
            let to = if is_nats { "NATS" } else { "the database" };
            story.tells(&format!("the link of {name} to {to} {what}, for {lasts:?}"));
            passes(lasts).await;
            link.heal();
        }
    }
}

async fn faults_at_random_break_no_promise(database: Server) {
    let given = std::env::var("CHAT_TEST_SEED").ok().map(|seed| seed.parse().expect("CHAT_TEST_SEED is a number"));
    let (schedules, lasts) = usual_or_long((1, 60), (60, 600));
    // New faults with each run; what fails is run again by its seed.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let seeds: Vec<u64> = given.map_or_else(|| (now..now + schedules).collect(), |seed| vec![seed]);
    let (is_postgres, mut first) = (database.is_postgres(), Some(database));
    for seed in seeds {
        let another =
            || if is_postgres { Server::Postgres(Postgres::start()) } else { Server::MariaDb(MariaDb::start()) };
        let database = first.take().unwrap_or_else(another);
        let nats = if nats::wanted("faults of NATS") { vec![Nats::start()] } else { Vec::new() };
        let mut cluster = Cluster::with(database, nats, &DRAIN).await;
        let mut story = Story { seed, began: Instant::now(), told: String::new() };
        let crew = Crew::begin(&cluster).await;
        crew.goes_on(200).await;
        let (mut dice, before) = (Dice::new(seed), cluster.memory());
        while story.began.elapsed() < Duration::from_secs(lasts) {
            one_fault(&mut cluster, &mut dice, &mut story).await;
            let calm = Duration::from_millis(dice.below(1_500) as u64);
            passes(calm).await;
        }
        story.tells("the last fault is over");
        cluster.is_ready().await;
        if !cluster.nats.is_empty() {
            cluster.shows_all_online().await;
        }
        let tally = crew.finishes(&cluster).await;
        story.tells(&format!("{tally:?}"));
        holds_memory(&before, &cluster.memory());
    }
}
