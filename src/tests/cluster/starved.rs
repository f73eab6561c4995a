//! F15: a hub has no time for what NATS sends it, and NATS, whose buffers are small, gives its connection up (a slow consumer).

use std::time::{Duration, Instant};

use chat_testkit::nats::{self, Nats};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::NODES;
use super::at_work::AtWork;
use super::nats::BACK;
use crate::support::{Dice, in_time, usual_or_long};

/// What NATS keeps for a client that does not read, at most: the largest message, which is the least that it takes.
const SMALL_BUFFERS: &str = "max_pending: 1048576\nwrite_deadline: \"1s\"";

/// The size of one of the messages that the hub has no time for.
const LARGE: usize = 64 * 1_024;

/// How long the others may wait: as long as when a hub stands still inside a transaction.
const OTHERS: Duration = Duration::from_secs(3);

/// A client of NATS that is no hub.
struct Stranger(BufReader<TcpStream>);

impl Stranger {
    async fn at(nats: &Nats) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", nats.port())).await.expect("NATS runs");
        let mut stranger = Self(BufReader::new(stream));
        stranger.says("CONNECT {\"verbose\":false}\r\n").await;
        stranger
    }

    async fn says(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.expect("NATS listens");
    }

    /// Reads lines until one begins with a word.
    async fn hears(&mut self, word: &str) -> String {
        let mut line = String::new();
        while !line.starts_with(word) {
            line.clear();
            assert!(self.0.read_line(&mut line).await.expect("NATS speaks") > 0, "NATS has ended the connection");
        }
        line
    }

    /// Returns what the subjects of the hubs begin with, `chat.<database>`, by listening to them.
    async fn overhears(&mut self) -> String {
        self.says("SUB chat.*.h 1\r\n").await;
        let line = self.hears("MSG ").await;
        self.says("UNSUB 1\r\n").await;
        let subject = line.split(' ').nth(1).expect("a subject");
        subject.strip_suffix(".h").expect("a heartbeat").to_owned()
    }

    /// Sends a large message to a subject.
    async fn burdens(&mut self, subject: &str) {
        self.says(&format!("PUB {subject} {LARGE}\r\n{}\r\n", "x".repeat(LARGE))).await;
    }
}

/// Returns how often NATS has given a client up.
fn times_given_up(nats: &Nats) -> usize {
    nats.log().matches("Slow Consumer Detected").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_nats_gives_up_as_a_slow_consumer_reads_what_it_missed_and_the_others_go_on() {
    let test = "a_hub_that_nats_gives_up_as_a_slow_consumer_reads_what_it_missed_and_the_others_go_on";
    let nats = || Nats::with(&nats::programs()[0], SMALL_BUFFERS);
    let Some(at_work) = AtWork::begin(test, nats).await else { return };
    let AtWork { cluster, crew, .. } = &at_work;
    let mut stranger = Stranger::at(&cluster.nats[0]).await;
    let prefix = stranger.overhears().await;
    let mut dice = Dice::new(15);
    for time in 0..usual_or_long(1, 20) {
        let starved = dice.below(NODES);
        let others: Vec<usize> = (0..NODES).filter(|hub| *hub != starved).collect();
        let given_up = times_given_up(&cluster.nats[0]);
        let began = Instant::now();
        cluster.hubs[starved].freeze().await;
        let subject = format!("{prefix}.n.n{}", starved + 1);
        in_time("NATS gives the hub up", async {
            while times_given_up(&cluster.nats[0]) == given_up {
                stranger.burdens(&subject).await;
            }
        })
        .await;
        let waited = crew.seen.longest_wait(began, &others);
        cluster.hubs[starved].thaw().await;
        assert!(waited <= OTHERS, "time {time}, of n{}: elsewhere {waited:?}", starved + 1);
        cluster.has_relays(NODES, BACK).await;
        crew.goes_on(100).await;
    }
    at_work.finishes().await;
}
