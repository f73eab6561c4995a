//! A user who is suspended on one node sends nothing on any other, from the next message on; ended sessions end everywhere.

use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use serde_json::json;

use super::Pair;
use crate::admin::{restore, suspend};
use crate::support::{Hub, until};

on_each_server!(a_suspension_counts_on_both_nodes_at_once, ended_sessions_end_on_both_nodes,);

async fn pair(database: Server) -> Pair {
    let url = database.database("chat");
    let node = async |name: &str| {
        Hub::set(&[("DATABASE_URL", url.as_str()), ("CHAT_NODE_NAME", name), ("CHAT_ADMIN", "write")]).await
    };
    Pair { left: node("left").await, right: node("right").await, database }
}

async fn a_suspension_counts_on_both_nodes_at_once(database: Server) {
    let hubs = pair(database).await;
    let (staff, bob) = (hubs.left.staff(), hubs.left.person(7));
    let mut devices = [hubs.left.person(42).connect().await, hubs.right.person(42).connect().await];
    for device in &mut devices {
        device.sends_to(&bob, "hello").await;
    }
    for round in 0..3 {
        suspend(&staff, 42).await;
        for (place, device) in devices.iter_mut().enumerate() {
            let key = format!("s-{round}-{place}");
            let send = json!({"type": "message_send", "receiver_id": 7, "temp_id": key, "content": "spam"});
            device.is_refused(send, "suspended").await;
        }
        restore(&staff, 42).await;
        for device in &mut devices {
            device.sends_to(&bob, "sorry").await;
        }
    }
    assert_eq!(hubs.right.person(7).history_with(&hubs.right.person(42)).await.len(), 8);
}

async fn ended_sessions_end_on_both_nodes(database: Server) {
    let hubs = pair(database).await;
    let people = [hubs.left.person(42), hubs.right.person(42)];
    let mut devices = [people[0].connect().await, people[1].connect().await];
    hubs.left.staff().post("/admin/users/42/end-sessions", &json!({"reason": "a stolen phone"})).await.is(200);
    for device in &mut devices {
        device.is_closed_with(4505).await;
    }
    for person in &people {
        until("the token is refused", || async { (person.get("/chat/threads").await.status == 401).then_some(()) })
            .await;
    }
}
