//! Nodes that share a database, a store and their secrets show each other's pictures, and read each other's links.

use serde_json::json;

use super::Pair;
use crate::images::form::{PIXEL, ids, uploads};
use crate::support::Hub;
use crate::support::person::text;
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(a_picture_of_one_node_is_sent_through_another_and_its_links_are_good_on_both,);

async fn a_picture_of_one_node_is_sent_through_another_and_its_links_are_good_on_both(database: Server) {
    let store = tempfile::tempdir().expect("a folder");
    let media = format!("file:{}", store.path().display());
    let secret = "one secret that both nodes have and no other";
    let url = database.database("chat");
    let node = async |name: &str| {
        let shared = [("DATABASE_URL", url.as_str()), ("CHAT_MEDIA_URL", media.as_str()), ("JWT_SECRET", secret)];
        Hub::set(&[&shared[..], &[("CHAT_NODE_NAME", name)]].concat()).await
    };
    let hubs = Pair { left: node("left").await, right: node("right").await, database };
    let [alice, alice_right] = [&hubs.left, &hubs.right].map(|hub| hub.person(42));
    let [bob_left, bob] = [&hubs.left, &hubs.right].map(|hub| hub.person(7));
    let mallory = hubs.right.person(666);
    let mut desk = bob.connect().await;

    let images = uploads(&alice, &[PIXEL, PIXEL]).await;
    let own = text(&images[0], "url");
    for (who, status) in [(&alice, 200), (&alice_right, 200)] {
        assert_eq!(who.fetch(own, &[]).await.status, status, "{own}");
    }
    let send = json!({"receiver_id": 7, "images": [ids(&images)[0]], "content": "look"});
    alice_right.post("/chat/send", &send).await.is(201);
    let heard = desk.receives("look").await;
    for link in ["url", "thumb_url"] {
        let link = text(&heard["images"][0], link);
        for who in [&bob, &bob_left] {
            assert_eq!(who.fetch(link, &[]).await.status, 200, "{link}");
        }
        let path = link.split_once('?').expect("a link").0;
        assert_eq!(mallory.get(path).await.status, 404);
    }
    // Once is once, whichever node is asked.
    alice.post("/chat/send", &send).await.refused(404, "not_found");
    let second = json!({"receiver_id": 7, "images": [ids(&images)[1]], "temp_id": "k"});
    let (here, there) = tokio::join!(alice.post("/chat/send", &second), alice_right.post("/chat/send", &second));
    let statuses = [here.status, there.status];
    assert!(statuses == [200, 201] || statuses == [201, 200], "{} {}", here.text, there.text);
}
