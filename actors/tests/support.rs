//! A hub in the test's own process, and users who talk through it without sockets.

#![allow(dead_code, unreachable_pub, reason = "each module uses its part")]

use std::collections::VecDeque;
use std::time::Duration;

use chat_actors::Hub;
use chat_actors::hub::{Opening, Options, Rates, SessionHandle};
use chat_actors::images;
use chat_actors::outbox::{Capacity, Close, Drained};
use chat_actors::protocol::client::{self, Socket};
use chat_actors::protocol::server::Limits;
use chat_database::Database;
use chat_database::ids::UserId;
use chat_database::media::Store;
use chat_database::nodes::NodeId;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(10);

/// A hub over a database of its own.
pub struct World {
    pub hub: Hub,
    pub database: Database,
    folder: TempDir,
}

pub fn options(node: &str) -> Options {
    Options {
        node: NodeId::draw(node).expect("a name"),
        limits: Limits { frame_bytes: 65_536, text_chars: 4_000, images: 10, in_flight: 16, rate: None },
        burst: 60,
        rates: Rates::OFF,
        connections_per_user: 10,
        edit_window: Duration::from_secs(900),
        outbox: Capacity::default(),
        writes: 16_384,
        commit_poll_interval: Duration::from_millis(20),
        thread_idle: Duration::from_secs(60),
        offline_after: Duration::from_millis(200),
        heartbeat: Duration::from_secs(25),
        images: images::Options::new([7; 32]),
        relay: chat_actors::relay::Options::default(),
        audit_kept: Duration::from_secs(400 * 24 * 3_600),
        audit_sweep: chat_actors::audit::SWEEP,
        webhooks: chat_actors::webhooks::Options {
            secret: chat_actors::webhooks::signature::RootSecret::derive(b"secret"),
            policy: chat_actors::webhooks::address::Policy::default(),
        },
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = connect(&folder).await;
        chat_migrations::up(database.for_migrations()).await.expect("migrated");
        let mut options = options("one");
        change(&mut options);
        let hub = Hub::start(database.clone(), Store::in_memory(), options).await.expect("started");
        Self { hub, database, folder }
    }

    /// Another hub on the same database, through connections of its own: another node.
    pub async fn another_hub(&self, node: &str) -> Hub {
        self.another_hub_with(node, |_| {}).await
    }

    pub async fn another_hub_with(&self, node: &str, change: impl FnOnce(&mut Options)) -> Hub {
        let mut options = options(node);
        change(&mut options);
        Hub::start(connect(&self.folder).await, Store::in_memory(), options).await.expect("started")
    }
}

async fn connect(folder: &TempDir) -> Database {
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("chat.db").display());
    Database::connect(&chat_database::connect::Options { url, readers: 4 }).await.expect("a database")
}

pub fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

/// A user's connection.
pub struct Device {
    pub session: SessionHandle,
    user: UserId,
    socket: Socket,
    heard: VecDeque<Value>,
    pub closed: Option<Close>,
}

impl Device {
    /// Connects and hears `auth_ok` and the totals.
    pub async fn connect(hub: &Hub, id: u64) -> Self {
        let mut device = Self::open(hub, id, None, Socket::Chat);
        device.hears("auth_ok").await;
        device.hears("nav_counts").await;
        device
    }

    pub fn open(hub: &Hub, id: u64, cursor: Option<String>, socket: Socket) -> Self {
        let opening = Opening { user: user(id), issued_at: None, socket, notifications: false, cursor };
        let session = hub.open(opening).expect("a session");
        Self { session, user: user(id), socket, heard: VecDeque::new(), closed: None }
    }

    /// Comes back with a cursor; returns what was replayed and the cursor of `synced`.
    pub async fn resume(hub: &Hub, id: u64, cursor: &str) -> (Self, Vec<Value>, String) {
        let mut device = Self::open(hub, id, Some(cursor.to_owned()), Socket::Chat);
        let auth_ok = device.hears("auth_ok").await;
        assert_eq!((&auth_ok["resumed"], &auth_ok["reset"]), (&json!(true), &json!(false)), "{auth_ok}");
        assert_eq!(auth_ok["cursor"], json!(cursor), "the same cursor");
        let mut replayed = Vec::new();
        loop {
            let frame = device.next().await;
            match frame["type"].as_str() {
                Some("synced") => return (device, replayed, frame["cursor"].as_str().expect("a cursor").to_owned()),
                Some("nav_counts") => {}
                _ => {
                    assert!(frame.get("cursor").is_none(), "no cursor before synced: {frame}");
                    replayed.push(frame);
                }
            }
        }
    }

    pub async fn says(&self, frame: Value) {
        let permit = self.session.permit().await;
        self.session.handle(client::parse(&frame.to_string(), self.socket, Some(self.user)), permit);
    }

    pub async fn sends(&self, to: u64, temp_id: &str, content: &str) {
        self.says(json!({"type": "message_send", "receiver_id": to, "temp_id": temp_id, "content": content})).await;
    }

    /// Returns the next frame of a type; others that come before stay for later.
    pub async fn hears(&mut self, kind: &str) -> Value {
        let mut passed = VecDeque::new();
        let found = loop {
            let frame = self.next_before(kind, &passed).await;
            if frame["type"] == kind {
                break frame;
            }
            passed.push_back(frame);
        };
        passed.append(&mut self.heard);
        self.heard = passed;
        found
    }

    pub async fn next(&mut self) -> Value {
        self.next_before("anything", &VecDeque::new()).await
    }

    async fn next_before(&mut self, kind: &str, passed: &VecDeque<Value>) -> Value {
        loop {
            if let Some(frame) = self.heard.pop_front() {
                return frame;
            }
            let drained = tokio::time::timeout(PATIENCE, self.session.outbox().drain()).await;
            match drained.unwrap_or_else(|_| panic!("{} waited in vain for {kind}; heard {passed:#?}", self.user)) {
                Drained::Frames(frames) => {
                    let read = |frame: &bytes::Bytes| serde_json::from_slice(frame).expect("a frame is JSON");
                    self.heard.extend(frames.iter().map(read));
                }
                Drained::Closed(close) => panic!("{} waited for {kind}, and was closed: {close:?}", self.user),
            }
        }
    }

    /// Hears everything up to the end.
    pub async fn ends(&mut self) -> Close {
        loop {
            match tokio::time::timeout(PATIENCE, self.session.outbox().drain()).await.expect("an end") {
                Drained::Closed(close) => return close,
                Drained::Frames(_) => {}
            }
        }
    }
}
