//! Presence and typing over hub processes that share a MariaDB and a NATS server: users see each other on whichever node they
//! are, and no client is told of an absence that was none, whatever happens to a hub or to NATS.
//!
//! Needs `mariadb-server` and `nats-server`; runs with `CHAT_TEST_MARIADB=1` and `CHAT_TEST_NATS=1`.

mod faults;

use std::time::Duration;

use chat_testkit::mariadb::{self, MariaDb};
use chat_testkit::nats::{self, Nats};
use serde_json::{Value, json};

use crate::support::person::{answer, array, number, text};
use crate::support::{Device, Hub, Person, Receiver, until};
use crate::webhooks::add;

/// Tells whether these tests are to run; prints that the test is skipped if not.
fn wanted(test: &str) -> bool {
    mariadb::wanted(test) && nats::wanted(test)
}

/// Hubs on one database.
struct Nodes {
    hubs: Vec<Hub>,
    nats: Nats,
    /// Dropped last.
    database: MariaDb,
}

impl Nodes {
    /// Starts hubs that have heard of each other.
    async fn start(names: &[&str]) -> Self {
        let (database, nats) = (MariaDb::start(), Nats::start());
        let (url, nats_url) = (database.database("chat"), nats.url());
        let mut hubs = Vec::new();
        for name in names {
            let settings = [
                ("DATABASE_URL", url.as_str()),
                ("CHAT_NODE_NAME", name),
                ("NATS_URL", &nats_url),
                ("CHAT_TICKET_SECRET", "the secret of all nodes, long enough to be one"),
            ];
            hubs.push(Hub::set(&settings).await);
        }
        let nodes = Self { hubs, nats, database };
        for hub in &nodes.hubs {
            has(hub, "chat_nodes", names.len()).await;
        }
        nodes
    }
}

/// Alice at the first of two nodes, and Bob at the second: they have a thread, and each node knows that the other user is online.
struct Friends {
    nodes: Nodes,
    alice: Person,
    bob: Person,
    /// A device of Alice's.
    desk: Device,
    /// A device of Bob's.
    tablet: Device,
    thread: Value,
}

impl Friends {
    /// Has them meet; `None` if these tests are not to run.
    async fn meet(test: &str) -> Option<Self> {
        if !wanted(test) {
            return None;
        }
        let nodes = Nodes::start(&["one", "two"]).await;
        let (alice, bob) = (nodes.hubs[0].person(42), nodes.hubs[1].person(7));
        let (mut desk, mut tablet) = (alice.connect().await, bob.connect().await);
        let thread = acquaints(&mut desk, &mut tablet, &bob).await;
        for hub in &nodes.hubs {
            has(hub, "chat_presence_remote", 1).await;
        }
        tablet.settles().await;
        Some(Self { nodes, alice, bob, desk, tablet, thread })
    }
}

/// Waits until a metric of a hub has a value.
async fn has(hub: &Hub, metric: &str, value: usize) {
    let line = format!("{metric} {value}");
    until(&line, || async {
        let text = answer(hub.person(1).request(reqwest::Method::GET, "/metrics")).await.text;
        text.lines().any(|said| said == line).then_some(())
    })
    .await;
}

/// Tells whether a user is online, as REST says it to a counterpart.
async fn is_online(asker: &Person, of: &Person) -> bool {
    let presence = asker.get(&format!("/chat/presence?user_ids={}", of.id)).await.is(200);
    let inbox = asker.thread_with(of).await;
    let online = array(&presence, "users")[0]["online"].as_bool().expect("true or false");
    // Between two questions it may change.
    if inbox["other_online"] == online { online } else { Box::pin(is_online(asker, of)).await }
}

/// Has two users a thread.
async fn acquaints(author: &mut Device, reader: &mut Device, to: &Person) -> Value {
    let ack = author.sends_to(to, "hello").await;
    reader.receives("hello").await;
    ack["thread_id"].clone()
}

fn is_of(user: &Person) -> impl Fn(&Value) -> bool {
    let id = user.id;
    move |frame| frame["user_id"] == id
}

#[tokio::test]
async fn users_on_two_nodes_see_each_other_come_type_and_go() {
    let friends = Friends::meet("users_on_two_nodes_see_each_other_come_type_and_go").await;
    let Some(Friends { nodes, alice, bob, mut desk, mut tablet, thread }) = friends else { return };
    assert!(is_online(&alice, &bob).await && is_online(&bob, &alice).await);
    desk.says(json!({"type": "who_is_online"})).await;
    assert_eq!(desk.expect("online_users").await["users"], json!([7]));

    // A second node of hers is no arrival, and the end of her first one no departure.
    let alice_at_two = nodes.hubs[1].person(42);
    let mut phone = alice_at_two.connect().await;
    phone.settles().await;

    for (writer, heard) in [(&mut desk, "typing"), (&mut phone, "typing")] {
        writer.says(json!({"type": "typing", "thread_id": thread})).await;
        assert_eq!(tablet.expect(heard).await["from"], 42);
    }
    desk.says(json!({"type": "stop_typing", "thread_id": thread})).await;
    desk.settles().await;
    phone.says(json!({"type": "stop_typing", "thread_id": thread})).await;
    assert_eq!(tablet.expect("stop_typing").await["from"], 42);
    desk.says(json!({"type": "typing", "thread_id": thread})).await;
    tablet.expect("typing").await;
    // What says that she has stopped is that her connection is gone.
    desk.leaves().await;
    assert_eq!(tablet.expect("stop_typing").await["from"], 42);

    phone.leaves().await;
    let offline =
        tablet.expect_within(Duration::from_secs(15), "user_offline", |frame| frame["type"] == "user_offline");
    assert!(offline.await["last_seen"].is_string());
    assert!(!is_online(&bob, &alice).await);
    let mut desk = alice.connect().await;
    assert_eq!(tablet.expect_where("user_online", is_of(&alice)).await["last_seen"], Value::Null);
    desk.settles().await;
    let told = tablet.settles().await;
    assert!(!told.iter().any(|frame| frame["type"] == "user_offline"), "{told:?}");
}

/// H9: typing stayed on for ever.
#[tokio::test]
async fn a_user_whose_node_dies_has_stopped_typing_after_six_seconds() {
    let friends = Friends::meet("a_user_whose_node_dies_has_stopped_typing_after_six_seconds").await;
    let Some(Friends { mut nodes, mut desk, mut tablet, thread, .. }) = friends else { return };
    desk.says(json!({"type": "typing", "thread_id": thread})).await;
    tablet.expect("typing").await;
    nodes.hubs[0].kill().await;
    assert_eq!(tablet.expect("stop_typing").await["from"], 42);
}

#[tokio::test]
async fn a_changed_profile_is_told_to_users_of_other_nodes() {
    let friends = Friends::meet("a_changed_profile_is_told_to_users_of_other_nodes").await;
    let Some(Friends { nodes, alice, bob, mut tablet, .. }) = friends else { return };
    let named = |name: &str| json!({"profiles": [{"user_id": 42, "name": name}]});
    nodes.hubs[0].core().put("/internal/profiles", &named("Alice")).await.is(200);
    assert_eq!(tablet.expect("profile_updated").await["name"], "Alice");
    nodes.hubs[1].core().put("/internal/profiles", &named("Alice Amani")).await.is(200);
    assert_eq!(tablet.expect("profile_updated").await["name"], "Alice Amani");
    assert_eq!(bob.thread_with(&alice).await["other"]["name"], "Alice Amani");
}

#[tokio::test]
async fn a_card_crosses_over_with_its_message_and_so_does_its_change() {
    let friends = Friends::meet("a_card_crosses_over_with_its_message_and_so_does_its_change").await;
    let Some(Friends { nodes, alice, bob, mut desk, mut tablet, .. }) = friends else { return };
    let lamp = |version: u64, title: &str| json!({"kind": "product", "id": "5", "version": version, "title": title, "url": "https://shop.example/p/5"});
    nodes.hubs[0].core().put("/internal/cards", &json!({"cards": [lamp(1, "A lamp")]})).await.is(200);
    desk.sends(json!({"temp_id": "c", "receiver_id": 7, "card": {"kind": "product", "id": "5"}})).await;
    let told = tablet.expect("new_message").await;
    assert_eq!((&told["card"]["title"], &told["card"]["version"]), (&json!("A lamp"), &json!(1)));
    assert_eq!(bob.history_with(&alice).await[1]["card"], told["card"], "as the database has it");
    nodes.hubs[0].core().put("/internal/cards", &json!({"cards": [lamp(2, "Sold")]})).await.is(200);
    assert_eq!(tablet.expect("card_updated").await["card"]["title"], "Sold");
}

#[tokio::test]
async fn a_system_message_crosses_over_in_each_members_language() {
    let friends = Friends::meet("a_system_message_crosses_over_in_each_members_language").await;
    let Some(Friends { nodes, mut desk, mut tablet, .. }) = friends else { return };
    nodes.hubs[0]
        .core()
        .put("/internal/profiles", &json!({"profiles": [{"user_id": 7, "name": "Bob", "locale": "fr-CD"}]}))
        .await
        .is(200);
    let paid = json!({"user_a": 42, "user_b": 7, "text": {"en": "Paid", "fr": "Payé"}, "dedupe_key": "k"});
    nodes.hubs[0].core().post("/internal/messages", &paid).await.is(201);
    let told = tablet.receives("Payé").await;
    assert_eq!((&told["kind"], &told["sender_id"]), (&json!("system"), &Value::Null));
    desk.receives("Paid").await;
    nodes.hubs[1].core().post("/internal/messages", &paid).await.is(200);
}

/// The node that tells the users around tells the webhooks as well, whichever node sends all other events.
#[tokio::test]
async fn a_webhook_hears_each_change_of_presence_once_from_whichever_node() {
    if !wanted("a_webhook_hears_each_change_of_presence_once_from_whichever_node") {
        return;
    }
    let nodes = Nodes::start(&["one", "two"]).await;
    let [one, two] = &nodes.hubs[..] else { panic!("two hubs") };
    let receiver = Receiver::start().await;
    add(&one.staff(), &receiver, &["user.online", "user.offline"]).await;
    let (desk, tablet) = (one.person(42).connect().await, two.person(7).connect().await);
    receiver.takes(2).await;
    has(two, "chat_presence_remote", 1).await;
    // A second node is no arrival, and the end of the first one no departure.
    let phone = two.person(42).connect().await;
    has(one, "chat_presence_remote", 2).await;
    desk.leaves().await;
    phone.leaves().await;
    tablet.leaves().await;
    let heard = receiver.takes_within(4, Duration::from_secs(20)).await;
    let mut told: Vec<_> =
        heard.iter().map(|one| (text(&one.body, "type"), number(&one.body["data"], "user_id"))).collect();
    told.sort_unstable();
    assert_eq!(told, [("user.offline", 7), ("user.offline", 42), ("user.online", 7), ("user.online", 42)]);
    assert_eq!(receiver.heard().len(), 4, "each of them once");
}
