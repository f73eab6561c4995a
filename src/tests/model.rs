//! Two people, four devices, random histories: the hub against a simple model.

mod state;

use crate::support::person::{array, number, text};
use crate::support::{DEADLINE, Device, Hub, Person, usual_or_long};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use state::{Model, View};

/// What a device does. Messages are named by their place among those that exist, whatever their number.
#[derive(Debug, Clone)]
enum Op {
    Send { device: usize, text: String },
    Repeat { device: usize, of: usize },
    Edit { device: usize, message: usize, text: String },
    Delete { device: usize, message: usize },
    Seen { device: usize, up_to: Option<u64> },
    Delivered { device: usize, up_to: u64 },
    Reconnect { device: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let device = 0..4_usize;
    let words = "[a-zà-ü\u{1F600}-\u{1F610} ]{0,8}x";
    let up_to = prop_oneof![Just(None), (0..usual_or_long(60, 100_u64)).prop_map(Some)];
    prop_oneof![
        6 => (device.clone(), words).prop_map(|(device, text)| Op::Send { device, text }),
        1 => (device.clone(), any::<usize>()).prop_map(|(device, of)| Op::Repeat { device, of }),
        2 => (device.clone(), any::<usize>(), words).prop_map(|(device, message, text)| Op::Edit { device, message, text }),
        2 => (device.clone(), any::<usize>()).prop_map(|(device, message)| Op::Delete { device, message }),
        2 => (device.clone(), up_to).prop_map(|(device, up_to)| Op::Seen { device, up_to }),
        1 => (device.clone(), 0..usual_or_long(60, 100_u64)).prop_map(|(device, up_to)| Op::Delivered { device, up_to }),
        1 => device.prop_map(|device| Op::Reconnect { device }),
    ]
}

/// Four devices: 0 and 1 are the first person's, 2 and 3 the second's.
struct World {
    people: [Person; 2],
    devices: Vec<Device>,
    views: Vec<View>,
    model: Model,
    thread: u64,
}

impl World {
    async fn open(hub: &Hub, first: u64) -> Self {
        let people = [hub.person(first), hub.person(first + 1)];
        let mut devices = Vec::new();
        for owner in [0, 0, 1, 1] {
            devices.push(people[owner].connect().await);
        }
        let mut world = Self { people, devices, views: vec![View::default(); 4], model: Model::default(), thread: 0 };
        // The thread begins with a message, so that every operation has one.
        world.send(0, "first").await;
        world
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::Send { device, text } => self.send(device, &text).await,
            Op::Repeat { device, of } => self.repeat(device, of).await,
            Op::Edit { device, message, text } => self.edit(device, message, &text).await,
            Op::Delete { device, message } => self.delete(device, message).await,
            Op::Seen { device, up_to } => self.seen(device, up_to).await,
            Op::Delivered { device, up_to } => self.delivered(device, up_to).await,
            Op::Reconnect { device } => self.reconnect(device).await,
        }
    }

    async fn send(&mut self, device: usize, content: &str) {
        let owner = device / 2;
        let key = format!("m-{}", self.model.messages.len());
        let to = self.people[1 - owner].id;
        let ack = self.devices[device].sends(json!({"temp_id": key, "receiver_id": to, "content": content})).await;
        self.model.sends(owner, &key, content);
        let stored = self.model.messages.last_mut().expect("just sent");
        stored.id = number(&ack, "message_id");
        assert_eq!((number(&ack, "seq"), number(&ack, "rev")), (stored.seq, stored.rev), "{ack}");
        self.thread = number(&ack, "thread_id");
        // A device's own message is known to it by the ack.
        let own = stored.clone();
        self.views[device].knows(&own);
    }

    async fn repeat(&mut self, device: usize, of: usize) {
        let owner = device / 2;
        let own: Vec<_> = self.model.messages.iter().filter(|message| message.author == owner).cloned().collect();
        if own.is_empty() {
            return;
        }
        let message = &own[of % own.len()];
        let to = self.people[1 - owner].id;
        let again = json!({"temp_id": message.key, "receiver_id": to, "content": message.original});
        let ack = self.devices[device].sends(again).await;
        assert_eq!((&ack["duplicate"], number(&ack, "message_id")), (&Value::Bool(true), message.id));
    }

    async fn edit(&mut self, device: usize, message: usize, content: &str) {
        let (id, wanted) = self.model.edits(device / 2, message, content);
        self.devices[device].says(json!({"type": "message_edit", "message_id": id, "content": content})).await;
        self.answered(device, id, "message_updated", wanted).await;
    }

    async fn delete(&mut self, device: usize, message: usize) {
        let (id, wanted) = self.model.deletes(device / 2, message);
        self.devices[device].says(json!({"type": "message_delete", "message_id": id})).await;
        self.answered(device, id, "message_deleted", wanted).await;
    }

    async fn answered(&mut self, device: usize, id: u64, kind: &str, wanted: Result<u64, &'static str>) {
        let device = &mut self.devices[device];
        match wanted {
            Ok(rev) => {
                let told = |frame: &Value| frame["id"] == id && frame["rev"] == rev;
                // It stays in the inbox for the view.
                device.peek_where(kind, told).await;
            }
            Err(code) => {
                let error = device.expect("error").await;
                assert_eq!((text(&error, "code"), &error["message_id"]), (code, &json!(id)));
            }
        }
    }

    async fn seen(&mut self, device: usize, up_to: Option<u64>) {
        let mut frame = json!({"type": "message_seen", "thread_id": self.thread});
        if let Some(up_to) = up_to {
            frame["up_to"] = json!(up_to);
        }
        self.devices[device].says(frame).await;
        let moved = self.model.seen(device / 2, up_to);
        let (reader, mark) = (self.people[device / 2].id, self.model.read[device / 2]);
        self.marked(device, "messages_seen", "seen_by", moved.then_some((reader, mark))).await;
    }

    async fn delivered(&mut self, device: usize, up_to: u64) {
        self.devices[device].says(json!({"type": "message_delivered", "thread_id": self.thread, "up_to": up_to})).await;
        let moved = self.model.delivered(device / 2, up_to);
        let (reader, mark) = (self.people[device / 2].id, self.model.delivered[device / 2]);
        self.marked(device, "messages_delivered", "delivered_to", moved.then_some((reader, mark))).await;
    }

    /// Waits until the other side has heard of a watermark, if it moved.
    async fn marked(&mut self, device: usize, kind: &str, who: &str, moved: Option<(u64, u64)>) {
        if let Some((reader, mark)) = moved {
            let other = (1 - device / 2) * 2;
            self.devices[other].peek_where(kind, |frame| frame[who] == reader && frame["up_to"] == mark).await;
        } else {
            self.devices[device].barrier().await;
        }
    }

    async fn reconnect(&mut self, device: usize) {
        self.devices[device].barrier().await;
        self.views[device].hears(&self.devices[device].takes_all());
        let cursor = self.devices[device].cursor.clone();
        self.devices[device] = self.people[device / 2].resumes(&cursor).await;
        let missed = self.devices[device].catches_up().await;
        self.views[device].hears(&missed);
    }

    /// Compares everything that each user can see with the model.
    async fn hold(&mut self) {
        let wanted = self.model.as_seen();
        for device in 0..4 {
            let began = std::time::Instant::now();
            loop {
                let frames = self.devices[device].settles().await;
                self.views[device].hears(&frames);
                if self.views[device].messages == wanted || began.elapsed() > DEADLINE {
                    break;
                }
            }
            assert_eq!(self.views[device].messages, wanted, "device {device} sees another history");
        }
        for side in 0..2 {
            let (me, other) = (self.people[side].clone(), self.people[1 - side].clone());
            let history = me.history_with(&other).await;
            let told: Vec<_> = history.iter().map(state::Seen::of).collect();
            assert_eq!(told, self.model.as_seen().into_values().collect::<Vec<_>>(), "history");
            let thread = me.thread_with(&other).await;
            let unread = self.model.unread(side);
            let wanted = json!({
                "unread": unread, "read_seq": self.model.read[side], "last_seq": self.model.messages.len(), "rev": self.model.rev,
                "other_read_seq": self.model.read[1 - side], "other_delivered_seq": self.model.delivered[1 - side],
            });
            for (name, value) in wanted.as_object().expect("an object") {
                assert_eq!(&thread[name], value, "{name} of {thread}");
            }
            let counts = me.get("/chat/unread").await.is(200);
            let by_user = if unread == 0 { json!({}) } else { json!({other.id.to_string(): unread}) };
            assert_eq!(counts, json!({"messages": unread, "notifications": u64::from(unread > 0), "by_user": by_user}));
            let bell = me.get("/notifications?unread=true").await.is(200);
            let alerts: Vec<_> = array(&bell, "notifications")
                .iter()
                .map(|alert| (number(alert, "count"), text(alert, "body")))
                .collect();
            let newest = self.model.newest_unread(side);
            assert_eq!(alerts, newest.iter().map(|body| (unread, body.as_str())).collect::<Vec<_>>(), "the bell");
        }
    }
}

#[test]
fn random_histories_are_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let hub = runtime.block_on(Hub::start());
    let next = std::cell::Cell::new(1_000);
    let (cases, length) = usual_or_long((24, 40), (500, 100));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let ran = TestRunner::new(config).run(&vec(op(), 1..length), |ops| {
        // Every history is of two people who have never met.
        next.set(next.get() + 2);
        let first = next.get();
        let history = async {
            let mut world = World::open(&hub, first).await;
            for op in ops {
                world.perform(op).await;
            }
            world.hold().await;
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(history)));
        outcome.map_err(|_| TestCaseError::fail("the hub and the model differ: see above"))
    });
    // The hub is ended inside of the runtime that started it.
    let _inside = runtime.enter();
    drop(hub);
    ran.unwrap_or_else(|error| panic!("{error}"));
}
