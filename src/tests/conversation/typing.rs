//! Typing: a user is typing until the last of their connections has stopped.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::person::{answer, text};
use crate::support::scene::Scene;
use crate::support::{Device, Hub, until};

/// Waits until the hub has so many connections.
async fn connected(scene: &Scene, connections: usize) {
    let line = format!("chat_connections {connections}");
    until(&line, || async {
        let metrics = answer(scene.bob.request(Method::GET, "/metrics")).await.text;
        metrics.lines().any(|said| said == line).then_some(())
    })
    .await;
}

/// Has a device say that its user writes, and returns what the other side has heard of writing up to then.
async fn writes(device: &mut Device, frame: &Value, other: &mut Device) -> Vec<String> {
    device.says(frame.clone()).await;
    device.settles().await;
    let frames = other.settles().await;
    frames.iter().map(|frame| text(frame, "type").to_owned()).filter(|kind| kind.ends_with("typing")).collect()
}

/// Two tabs wrote, and one stopped, sent or was closed: the other side was told that the user had stopped.
#[tokio::test]
async fn a_user_is_seen_to_write_until_the_last_of_their_connections_has_stopped() {
    let (mut scene, first) = Scene::begun().await;
    let thread = &first["thread_id"];
    let (typing, stops) =
        (json!({"type": "typing", "thread_id": thread}), json!({"type": "stop_typing", "thread_id": thread}));
    assert_eq!(writes(&mut scene.phone, &typing, &mut scene.desk).await, ["typing"]);

    assert_eq!(writes(&mut scene.laptop, &typing, &mut scene.desk).await, ["typing"]);
    assert_eq!(writes(&mut scene.laptop, &stops, &mut scene.desk).await, [""; 0], "the phone goes on");

    // A message ends the writing where it was written, and is no end of the other; pages take every message for one.
    writes(&mut scene.laptop, &typing, &mut scene.desk).await;
    scene.laptop.sends_to(&scene.bob, "by the laptop").await;
    scene.desk.receives("by the laptop").await;
    scene.desk.expect("typing").await;
    assert_eq!(writes(&mut scene.laptop, &json!({"type": "ping"}), &mut scene.desk).await, [""; 0]);

    writes(&mut scene.laptop, &typing, &mut scene.desk).await;
    let send = json!({"receiver_id": 7, "content": "by REST"});
    scene.alice.post("/chat/send", &send).await.is(201);
    scene.desk.receives("by REST").await;
    scene.desk.expect("typing").await;

    writes(&mut scene.laptop, &typing, &mut scene.desk).await;
    let fifth = scene.alice.connect().await;
    connected(&scene, 5).await;
    std::mem::replace(&mut scene.laptop, fifth).leaves().await;
    connected(&scene, 4).await;
    assert_eq!(writes(&mut scene.phone, &typing, &mut scene.desk).await, ["typing"], "the phone goes on");

    assert_eq!(writes(&mut scene.phone, &stops, &mut scene.desk).await, ["stop_typing"], "it was the last");
}

/// The one connection that writes is the one that sent, by whichever door.
#[tokio::test]
async fn a_message_sent_by_rest_ends_the_writing_that_led_to_it() {
    let (mut scene, first) = Scene::begun().await;
    let typing = json!({"type": "typing", "thread_id": first["thread_id"]});
    assert_eq!(writes(&mut scene.laptop, &typing, &mut scene.desk).await, ["typing"]);
    scene.alice.post("/chat/send", &json!({"receiver_id": 7, "content": "by REST"})).await.is(201);
    scene.desk.expect("stop_typing").await;
    scene.desk.receives("by REST").await;
    scene.desk.heard_nothing_of(&["typing"]).await;
}

/// The thread fell asleep, and with it who was writing: the other side saw them write for ever.
#[tokio::test]
async fn a_thread_stays_awake_while_a_user_writes() {
    let (mut scene, first) = Scene::begun_on(Hub::set(&[("CHAT_THREAD_IDLE", "50ms")]).await).await;
    let typing = json!({"type": "typing", "thread_id": first["thread_id"]});
    assert_eq!(writes(&mut scene.laptop, &typing, &mut scene.desk).await, ["typing"]);
    scene.desk.expect("stop_typing").await;
}
