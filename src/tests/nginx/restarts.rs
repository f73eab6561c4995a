//! Hubs restart behind nginx while clients ask: one with the socket that its service manager holds, and three one after another.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chat_loadtest::server::{Launch, Server, Signal, free_port};
use chat_loadtest::token;
use chat_testkit::nginx::wanted;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use super::front::{Front, ask};
use crate::service_manager::Manager;
use crate::support::hub::program;
use crate::support::{in_time, until, usual_or_long};

const CLIENTS: u64 = 6;

/// Clients who read and write over REST, each as fast as it is answered.
struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    answered: AtomicUsize,
    stops: AtomicBool,
}

impl Load {
    /// Begins it; `name` sets its messages apart from those of other loads.
    fn begin(front: &Arc<Front>, name: &'static str) -> Self {
        let shared = Arc::<Shared>::default();
        let asks = |id| tokio::spawn(asks(Arc::clone(front), name, id, Arc::clone(&shared)));
        let clients = (1..=CLIENTS).map(asks).collect();
        Self { shared, clients }
    }

    /// Waits until so many more requests were answered.
    async fn goes_on(&self, requests: usize) {
        let answered = || self.shared.answered.load(Ordering::Relaxed);
        let wanted = answered() + requests;
        until("requests are answered", || async {
            let failed = self.clients.iter().any(JoinHandle::is_finished);
            (failed || answered() >= wanted).then_some(())
        })
        .await;
    }

    /// Ends the load; fails if any request failed.
    async fn ends(self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        in_time("the last answers", join_all(self.clients))
            .await
            .into_iter()
            .for_each(|client| client.expect("all went well"));
    }
}

async fn asks(front: Arc<Front>, name: &str, id: u64, shared: Arc<Shared>) {
    let token = token::mint(token::SECRET, id, Duration::from_secs(3_600)).expect("a token");
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let mut line = front.dial(Ipv4Addr::LOCALHOST).await;
    for turn in 0.. {
        if shared.stops.load(Ordering::Relaxed) {
            return;
        }
        let message =
            json!({"receiver_id": 5_000 + id, "temp_id": format!("{name}-{turn}"), "content": "x"}).to_string();
        let (method, path, body, status) = match turn % 2 {
            0 => (Method::POST, "/api/chat/send", message, 201),
            _ => (Method::GET, "/api/chat/threads", String::new(), 200),
        };
        let answer = ask(&mut line, method, path, &headers, body.as_bytes()).await;
        let answer = answer.unwrap_or_else(|| panic!("{path}: no answer; nginx: {}", front.log().1));
        assert_eq!(answer.status, status, "{path}: {answer:?}; nginx: {}", front.log().1);
        shared.answered.fetch_add(1, Ordering::Relaxed);
        // nginx ends a connection after a thousand requests.
        if answer.header("connection") == "close" {
            line = front.dial(Ipv4Addr::LOCALHOST).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_hub_restarts_whose_socket_stays_open_requests_wait_and_none_fails() {
    if !wanted("while_a_hub_restarts_whose_socket_stays_open_requests_wait_and_none_fails") {
        return;
    }
    let mut manager = Manager::new("127.0.0.1:0");
    manager.launch.set("CHAT_BASE_PATH", "/api");
    let front = Arc::new(Front::before(&[manager.address()]));
    let mut hub = manager.starts();
    manager.hears("READY=1").await;
    let load = Load::begin(&front, "restarts");
    for _ in 0..usual_or_long(5, 50) {
        load.goes_on(200).await;
        let status = manager.ends(&mut hub).await;
        assert!(status.success(), "{status}: {}", manager.log());
        hub = manager.starts();
        manager.hears("READY=1").await;
    }
    load.goes_on(200).await;
    load.ends().await;
    manager.ends(&mut hub).await;
}

/// Three hubs on one file, each at an address of its own.
struct Three {
    hubs: Vec<(Launch, u16, Server)>,
    _folder: tempfile::TempDir,
}

impl Three {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut hubs = Vec::new();
        for number in 1..=3 {
            let own = folder.path().join(format!("n{number}"));
            std::fs::create_dir(&own).expect("a folder");
            let mut launch = Launch::new(program(), &own);
            launch.set("DATABASE_URL", format!("sqlite://{}?mode=rwc", folder.path().join("shared.db").display()));
            launch.set("CHAT_BASE_PATH", "/api").set("CHAT_NODE_NAME", format!("n{number}"));
            let port = free_port().expect("a port");
            let server = launch.start_at(port).await.unwrap_or_else(|error| panic!("{error}"));
            hubs.push((launch, port, server));
        }
        Self { hubs, _folder: folder }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.hubs.iter().map(|(_, _, server)| server.address()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_three_hubs_restart_one_after_another_no_request_fails() {
    if !wanted("while_three_hubs_restart_one_after_another_no_request_fails") {
        return;
    }
    let mut three = Three::start().await;
    let front = Arc::new(Front::before(&three.addresses()));
    let load = Load::begin(&front, "restarts");
    for _ in 0..usual_or_long(2, 20) {
        for (launch, port, server) in &mut three.hubs {
            load.goes_on(100).await;
            server.signal(Signal::Term).await.expect("it takes signals");
            let status = in_time("the end of a hub", server.wait()).await.expect("it ends");
            assert!(status.success(), "{status}: {}", server.log());
            load.goes_on(100).await;
            *server = launch.start_at(*port).await.unwrap_or_else(|error| panic!("{error}"));
        }
    }
    load.ends().await;

    // One that is killed answers no request any more; the others answer all of those that come then.
    let (_, _, killed) = &mut three.hubs[0];
    killed.kill().await.expect("it can be killed");
    let load = Load::begin(&front, "killed");
    load.goes_on(200).await;
    load.ends().await;
}
