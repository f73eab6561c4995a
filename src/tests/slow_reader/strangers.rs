//! Many who write to one who reads.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::person::{number, text};
use crate::support::{Hub, usual_or_long};

/// Fifty strangers with a burst of long messages each closed the connection of a user who read all the time.
#[tokio::test]
async fn however_much_strangers_write_a_user_who_reads_is_not_closed_and_misses_nothing() {
    let strangers = usual_or_long(20, 50);
    const EACH: u64 = 40;
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let victim = hub.person(1);
    // What the system keeps for it is soon full: the outbox is what counts.
    let mut device = victim.connect_with(|door| door.receive_buffer = Some(8 * 1024)).await;
    device.settles().await;
    let content = "🙂".repeat(4_000);
    let mut writers = Vec::new();
    for id in 0..strangers {
        let mut writer = hub.person(100 + id).connect().await;
        let (victim, content) = (victim.clone(), content.clone());
        writers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                writer.sends_to(&victim, &content).await;
            }
        }));
    }
    // It reads, but one frame at a time, and more slowly than all of them write.
    let mut places: BTreeMap<u64, u64> = BTreeMap::new();
    let mut hears = |frame: &Value| {
        if text(frame, "type") == "new_message" {
            let last = places.entry(number(frame, "thread_id")).or_default();
            let seq = number(frame, "seq");
            assert!(seq <= *last + 1, "a gap: {seq} after {last}");
            *last = seq.max(*last);
        }
        places.len() as u64 == strangers && places.values().all(|last| *last == EACH)
    };
    let mut pace = tokio::time::interval(std::time::Duration::from_millis(4));
    while writers.iter().any(|writer| !writer.is_finished()) {
        pace.tick().await;
        hears(&device.next_frame("what strangers write").await);
    }
    for writer in writers {
        writer.await.expect("every stranger is served");
    }
    // It may write all the time, and hears of it when it has read what came before.
    device.says(json!({"type": "message_send", "temp_id": "v1", "receiver_id": 100, "content": "please stop"})).await;
    loop {
        let frame = device.next_frame("all that strangers wrote").await;
        if hears(&frame) {
            break;
        }
    }
    device.is_acked("v1").await;
    device.settles().await;
    let metrics = victim.get("/metrics").await.text;
    let behind = metrics.lines().find_map(|line| line.strip_prefix("chat_outbox_fell_behind_total "));
    assert!(behind.is_some_and(|count| count != "0"), "it never fell behind: this is no test\n{metrics}");
    // Where it is now is where it would go on.
    let cursor = device.cursor.clone();
    device.leaves().await;
    let missed = victim.resumes(&cursor).await.catches_up().await;
    assert!(missed.len() < 60, "its cursor had come along: {} frames", missed.len());
}
