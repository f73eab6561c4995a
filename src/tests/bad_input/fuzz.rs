//! Random frames: each is answered with an error at most.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::device::of_type;
use crate::support::{Device, Hub, usual_or_long};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A frame of a known type, its fields of any shape.
fn any_frame() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        "message_send",
        "message",
        "message_edit",
        "message_delete",
        "message_seen",
        "message_delivered",
        "typing",
        "stop_typing",
        "who_is_online",
        "nav_counts",
        "subscribe",
        "sync",
        "ping",
        "echo",
        "notification_read",
        "notifications_read_all",
        "x",
    ]);
    let names = vec![
        "temp_id",
        "receiver_id",
        "thread_id",
        "content",
        "images",
        "image_urls",
        "extra_data",
        "reply_to",
        "message_id",
        "up_to",
        "to",
        "user_ids",
        "channels",
        "cursor",
        "t",
        "data",
        "id",
        "sender_id",
    ];
    let fields = prop::collection::hash_map(prop::sample::select(names), any_json(), 0..6);
    (kinds, fields).prop_map(|(kind, fields)| {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        of_type(Value::Object(fields), kind)
    })
}

#[test]
fn no_frame_whatever_ends_more_than_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (hub, mut device) = runtime.block_on(async {
        let hub = Hub::start().await;
        let device = hub.person(42).connect().await;
        (hub, device)
    });
    let device = std::cell::RefCell::new(&mut device);
    let config = Config { cases: usual_or_long(400, 4_000), failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&any_frame(), |frame| {
        runtime.block_on(survives(&mut device.borrow_mut(), frame));
        Ok(())
    });
    let _inside = runtime.enter();
    drop(hub);
    ran.unwrap_or_else(|error| panic!("{error}"));
}

/// Says a frame, and holds that the connection goes on, and that no error was the hub's own fault.
async fn survives(device: &mut Device, frame: Value) {
    let said = frame.to_string();
    device.says(frame).await;
    for answer in device.settles().await {
        let own_fault = answer["type"] == "error" && answer["code"] == "internal";
        assert!(!own_fault, "{said} was answered with {answer}");
    }
}
