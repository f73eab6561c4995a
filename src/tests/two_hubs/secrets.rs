//! Hubs without NATS whose secrets differ: the one that comes later is told so by the database.

use chat_testkit::on_each_server;
use chat_testkit::server::Server;

use crate::support::Hub;

on_each_server!(a_hub_whose_secret_differs_from_that_of_another_node_is_told_so_in_one_line);

const SECRETS: [&str; 2] =
    ["the secret of all nodes, long enough to be one", "another secret, by mistake, and also long enough"];

/// What the line says.
const TOLD: &str = "CHAT_TICKET_SECRET of other nodes on this database differs";

async fn a_hub_whose_secret_differs_from_that_of_another_node_is_told_so_in_one_line(database: Server) {
    let url = database.database("chat");
    let node = async |name: &str, secret: &str| {
        Hub::set(&[("DATABASE_URL", url.as_str()), ("CHAT_NODE_NAME", name), ("CHAT_TICKET_SECRET", secret)]).await
    };
    let [shared, another] = SECRETS;
    let (one, two) = (node("one", shared).await, node("two", shared).await);
    let three = node("three", another).await;
    let log = three.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(TOLD)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let names_both = [r#""nodes":"one, two""#, r#""nodes":"two, one""#].iter().any(|named| lines[0].contains(named));
    assert!(names_both && lines[0].contains("Set the same one on every node"), "{}", lines[0]);
    assert!(!SECRETS.iter().any(|secret| log.contains(secret)), "a secret is told: {log}");
    for hub in [&one, &two] {
        assert!(!hub.log().contains(TOLD), "{}", hub.log());
    }
    // Messages need no secret.
    let (mut alice, mut bob) = (one.person(42).connect().await, three.person(7).connect().await);
    alice.sends_to(&three.person(7), "hello").await;
    bob.receives("hello").await;
}
