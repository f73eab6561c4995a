//! Two nodes over real servers, old and new: they hear each other; a server that dies or hangs is noticed, and nothing that
//! waits for it grows without bound.

use std::future::ready;
use std::path::Path;

use chat_testkit::nats;
use chat_testkit::waiting::{passes, until_within};
use tokio::task::JoinHandle;

use super::super::envelope::Codec;
use super::super::handle::{Outbound, RelayHandle};
use super::super::message::Kind;
use super::super::receiver::tests::{codec, frontier, node, receiver};
use super::super::transport::Sender;
use super::*;

/// How long something may take that happens at once.
const SOON: Duration = Duration::from_secs(5);

/// A node's half of the relay, running.
struct Node {
    pumps: Arc<Pumps>,
    handle: RelayHandle,
    task: JoinHandle<()>,
}

impl Node {
    fn start(name: &str, codec: Codec, options: NatsOptions) -> Self {
        let (me, outbound) = (node(name, 1), Arc::new(Outbound::new(frontier())));
        let receiver = receiver(me.clone(), codec.clone());
        let handle = RelayHandle::over(Arc::clone(&outbound));
        let pumps = Arc::new(Pumps { sender: Sender { me, codec, outbound }, receiver });
        let running = Arc::clone(&pumps);
        let task = tokio::spawn(async move { run(&options, &running).await });
        Self { pumps, handle, task }
    }

    fn publishes(&self, to: Destination) {
        self.handle.publish(to, Kind::Presence, "here".into());
    }

    fn last_of(&self, other: &Self, lane: Lane) -> u64 {
        self.pumps.receiver.last_of(&other.pumps.sender.me, lane)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn server(program: &Path) -> nats::Nats {
    nats::Nats::with(program, "")
}

fn options(server: &nats::Nats) -> NatsOptions {
    NatsOptions::new(&[server.url()]).expect("an address")
}

async fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    until_within(within, what, || ready(holds().then_some(()))).await;
}

async fn both_up(one: &Node, two: &Node) {
    until("both are connected", SOON, || one.handle.is_up() && two.handle.is_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_hear_each_other_and_not_themselves() {
    if !nats::wanted("nodes_hear_each_other_and_not_themselves") {
        return;
    }
    const MESSAGES: u64 = 2_000;
    for program in nats::programs() {
        let server = server(&program);
        let (one, two) = (Node::start("one", codec(), options(&server)), Node::start("two", codec(), options(&server)));
        both_up(&one, &two).await;
        for n in 1..=MESSAGES {
            for to in [Destination::AllPresence, Destination::AllCommits, Destination::Node("two".into())] {
                one.publishes(to);
            }
            one.publishes(Destination::Node("three".into()));
            // The queue is bounded, and this is more than it holds.
            until("two hears", SOON, || two.last_of(&one, Lane::Own) + 200 > n).await;
        }
        for lane in [Lane::Presence, Lane::Commits, Lane::Own] {
            until("two hears all of it", SOON, || two.last_of(&one, lane) == MESSAGES).await;
        }
        assert_eq!(two.last_of(&one, Lane::Heartbeats), 0);
        assert_eq!(one.last_of(&one, Lane::Presence), 0, "no echo");
        two.publishes(Destination::AllPresence);
        until("one hears two", SOON, || one.last_of(&two, Lane::Presence) == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_is_noticed_at_once_and_found_again() {
    if !nats::wanted("a_server_that_is_killed_is_noticed_at_once_and_found_again") {
        return;
    }
    for program in nats::programs() {
        let mut server = server(&program);
        let (one, two) = (Node::start("one", codec(), options(&server)), Node::start("two", codec(), options(&server)));
        both_up(&one, &two).await;
        server.kill();
        until("both notice", SOON, || !one.handle.is_up() && !two.handle.is_up()).await;
        for _ in 0..100 {
            one.publishes(Destination::AllPresence);
        }
        server.restart();
        both_up(&one, &two).await;
        one.publishes(Destination::AllPresence);
        until("what is said now is heard", SOON, || two.last_of(&one, Lane::Presence) == 101).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    if !nats::wanted("a_server_that_is_not_there_yet_is_waited_for") {
        return;
    }
    let mut server = nats::Nats::start();
    server.kill();
    let node = Node::start("one", codec(), options(&server));
    node.publishes(Destination::AllPresence);
    assert!(!node.handle.is_up());
    server.restart();
    until("it is connected", SOON, || node.handle.is_up()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_noticed_within_seven_seconds_and_what_waits_is_bounded() {
    if !nats::wanted("a_server_that_hangs_is_noticed_within_seven_seconds_and_what_waits_is_bounded") {
        return;
    }
    let server = nats::Nats::start();
    let (one, two) = (Node::start("one", codec(), options(&server)), Node::start("two", codec(), options(&server)));
    both_up(&one, &two).await;
    server.stop();
    let begun = Instant::now();
    let (mut published, body) = (0, Bytes::from(vec![0; 4_000]));
    while one.handle.is_up() {
        for _ in 0..100 {
            one.handle.publish(Destination::AllPresence, Kind::Presence, body.clone());
            published += 1;
        }
        let (messages, bytes) = one.pumps.sender.outbound.queue.size();
        assert!(messages <= 4_096 && bytes <= 8 << 20, "{messages} messages, {bytes} bytes");
        assert!(begun.elapsed() < Duration::from_secs(7), "not noticed");
        passes(Duration::from_millis(10)).await;
    }
    assert!(published > 5_000, "more than the queue holds: {published}");
    until("the other one notices, too", Duration::from_secs(7), || !two.handle.is_up()).await;
    until("what waited is given up", SOON, || one.pumps.sender.outbound.queue.size().0 == 0).await;
    server.go_on();
    until("both are connected again", Duration::from_secs(10), || one.handle.is_up() && two.handle.is_up()).await;
    one.publishes(Destination::AllPresence);
    until("what is said now is heard", SOON, || two.last_of(&one, Lane::Presence) == published + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_is_not_believed() {
    if !nats::wanted("a_node_with_another_secret_is_not_believed") {
        return;
    }
    let server = nats::Nats::start();
    let stranger = Codec { key: super::super::envelope::Key::derive(b"another secret"), ..codec() };
    let (one, two) = (Node::start("one", codec(), options(&server)), Node::start("two", stranger, options(&server)));
    both_up(&one, &two).await;
    two.publishes(Destination::AllPresence);
    let three = Node::start("three", codec(), options(&server));
    until("the third is connected", SOON, || three.handle.is_up()).await;
    three.publishes(Destination::AllPresence);
    until("one hears the third", SOON, || one.last_of(&three, Lane::Presence) == 1).await;
    assert_eq!(one.last_of(&two, Lane::Presence), 0);
}

async fn next_of(heard: &mut async_nats::Subscriber, what: &str) -> async_nats::Message {
    let next = tokio::time::timeout(SOON, heard.next()).await;
    next.unwrap_or_else(|_| panic!("not within {SOON:?}: {what}")).expect("the subscription stands")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_on_the_bus_changes_nothing() {
    if !nats::wanted("a_stranger_on_the_bus_changes_nothing") {
        return;
    }
    const LIES: usize = 2_000;
    let server = nats::Nats::start();
    let (one, two) = (Node::start("one", codec(), options(&server)), Node::start("two", codec(), options(&server)));
    both_up(&one, &two).await;
    let stranger = async_nats::connect(server.url()).await.expect("a connection");
    let mut heard = stranger.subscribe("chat.>").await.expect("a subscription");
    stranger.flush().await.expect("the server answers");
    let mut dice = fastrand::Rng::with_seed(13);
    for n in 1..=LIES {
        one.publishes(Destination::AllPresence);
        let truth = next_of(&mut heard, "what one says").await;
        let mut bytes = truth.payload.to_vec();
        let at = dice.usize(0..bytes.len());
        match dice.u8(0..4) {
            0 => bytes[at] ^= 1 << dice.u8(0..8),
            1 => bytes.truncate(at),
            2 => bytes.extend_from_slice(b"more"),
            _ => {}
        }
        stranger.publish(truth.subject, bytes.into()).await.expect("the server takes it");
        next_of(&mut heard, "the lie").await;
        until("two has heard the truth", SOON, || two.last_of(&one, Lane::Presence) == n as u64).await;
    }
    assert!(!two.task.is_finished() && one.handle.is_up() && two.handle.is_up());
}

/// Returns what is said of an attempt to connect.
async fn advice(options: &NatsOptions) -> String {
    let signs = Arc::new(Signs::default());
    let error = dial::connect(options, "one", &signs).await.expect_err("it fails");
    trouble::advice_on(&error)
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    if !nats::wanted("what_is_wrong_is_said_with_what_to_do") {
        return;
    }
    for program in nats::programs() {
        let mut server = nats::Nats::with(&program, "authorization { user: ann, password: hunter2 }");
        let login =
            |user: &str, password: &str| Login::Password { user: user.to_owned(), password: password.to_owned() };
        for login in [Login::Open, login("ann", "hunter3"), Login::Token("hunter3".to_owned())] {
            let said = advice(&options(&server).with_login(login)).await;
            assert!(said.contains("refuses the login") && !said.contains("hunter"), "{said}");
        }
        let signs = Arc::new(Signs::default());
        let right = options(&server).with_login(login("ann", "hunter2"));
        assert!(dial::connect(&right, "one", &signs).await.is_ok());

        let tls = NatsOptions::new(&[server.url().replace("nats:", "tls:")]).expect("an address");
        assert!(advice(&tls).await.contains("TLS fails"), "{}", advice(&tls).await);
        server.kill();
        assert!(advice(&options(&server)).await.contains("refused"));
    }
    let nowhere = NatsOptions::new(&["nats://nowhere.invalid:4222".to_owned()]).expect("an address");
    assert!(advice(&nowhere).await.contains("no address"), "{}", advice(&nowhere).await);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("nats://{}", listener.local_addr().expect("an address"));
    let said = advice(&NatsOptions::new(&[silent]).expect("an address")).await;
    assert!(said.contains("does not answer"), "{said}");
}
