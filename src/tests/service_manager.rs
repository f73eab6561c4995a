//! A service manager, as systemd is one: it listens for the hub, and goes on listening while no hub runs; it is told when a hub
//! serves, lives and ends.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command as Shell, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chat_loadtest::client::{Client, ConnectOptions, Error, Received};
use chat_loadtest::server::{Launch, last_lines};
use chat_loadtest::token;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpStream, UnixDatagram};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::support::hub::program;
use crate::support::person::{number, text};
use crate::support::{DEADLINE, in_time, passes, until, usual_or_long};

const IN_FLIGHT: usize = 8;

/// What systemd does for a hub whose unit has a socket.
pub(crate) struct Manager {
    listener: TcpListener,
    /// The lines that hubs have told.
    notices: Mutex<UnboundedReceiver<String>>,
    pub(crate) launch: Launch,
    folder: TempDir,
}

impl Manager {
    pub(crate) fn new(listen: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut launch = Launch::new(program(), folder.path());
        // Where the hub must not listen: the socket is there already.
        launch.set("CHAT_LISTEN", "127.0.0.1:1");
        launch.set("NOTIFY_SOCKET", folder.path().join("notify").display().to_string());
        launch.set("WATCHDOG_USEC", "200000");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        let (tells, notices) = unbounded_channel();
        // Read at once, as systemd does: a hub waits when ten notices lie unread.
        tokio::spawn(async move {
            let mut buffer = [0; 1_024];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let lines = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if lines.lines().try_for_each(|line| tells.send(line.to_owned())).is_err() {
                    break;
                }
            }
        });
        let listener = TcpListener::bind(listen).expect("a socket");
        Self { listener, notices: Mutex::new(notices), launch, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Starts a hub that is handed the socket as descriptor 3, and its number.
    pub(crate) fn starts(&self) -> Child {
        const HAND_OVER: &str =
            r#"exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$0""#;
        let log = OpenOptions::new().create(true).append(true).open(self.folder.path().join("hub.log")).expect("a log");
        let socket = OwnedFd::from(self.listener.try_clone().expect("another descriptor"));
        let mut command = Command::new("/bin/sh");
        command.args(["-c", HAND_OVER]).arg(program().canonicalize().expect("a program"));
        command.env_clear().envs(&self.launch.settings).current_dir(self.folder.path());
        command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        command.spawn().expect("it can be run")
    }

    /// Waits until the hub tells something.
    pub(crate) async fn hears(&self, news: &str) {
        let heard = async {
            let mut notices = self.notices.lock().await;
            while notices.recv().await.expect("a notice") != news {}
        };
        let heard = timeout(DEADLINE, heard).await;
        heard.unwrap_or_else(|_| panic!("no {news} of the hub; its log:\n{}", last_lines(&self.log(), 20)));
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("hub.log")).unwrap_or_default()
    }

    /// Asks a hub to end, and waits for that.
    pub(crate) async fn ends(&self, hub: &mut Child) -> ExitStatus {
        let status = Shell::new("kill").args(["-TERM", &hub.id().expect("it runs").to_string()]).status();
        assert!(status.expect("kill").success());
        let ended = timeout(DEADLINE, hub.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("the hub does not end; its log:\n{}", last_lines(&self.log(), 20)))
            .expect("it ends")
    }

    fn sql(&self, query: &str) -> String {
        let output = Shell::new("sqlite3").arg(self.folder.path().join("chat.db")).arg(query).output();
        let output = output.expect("sqlite3 is installed");
        assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a text")
    }
}

/// What the clients know together.
#[derive(Default)]
struct Shared {
    acked: std::sync::Mutex<BTreeSet<(u64, u64)>>,
    sent: AtomicU64,
    connected: AtomicU64,
    refused: AtomicU64,
    stops: AtomicBool,
}

impl Shared {
    fn acked(&self) -> usize {
        self.acked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    async fn more(&self) {
        let wanted = self.acked() + usual_or_long(300, 10_000);
        until("messages are acknowledged", || async { (self.acked() >= wanted).then_some(()) }).await;
    }
}

/// Sends as fast as it is answered; when its connection ends, it connects again at once and repeats what was not answered.
async fn author(id: u64, address: SocketAddr, shared: Arc<Shared>) {
    let token = token::mint(token::SECRET, id, Duration::from_secs(3_600)).expect("a token");
    let door = ConnectOptions::new(address, token);
    let frame = |key: u64| {
        json!({"type": "message_send", "temp_id": key.to_string(), "receiver_id": 5_000 + id, "content": "x"})
            .to_string()
    };
    let (mut next, mut waiting) = (0, BTreeSet::new());
    loop {
        let mut client = match Client::connect(&door).await {
            Ok(client) => client,
            Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            // The hub was ending when the connection was there.
            Err(_) => continue,
        };
        shared.connected.fetch_add(1, Ordering::Relaxed);
        let mut open = true;
        for key in &waiting {
            open = open && client.send(frame(*key)).await.is_ok();
        }
        while open {
            while waiting.len() < IN_FLIGHT && !shared.stops.load(Ordering::Relaxed) && open {
                waiting.insert(next);
                open = client.send(frame(next)).await.is_ok();
                next += 1;
                shared.sent.fetch_add(1, Ordering::Relaxed);
            }
            if waiting.is_empty() {
                return;
            }
            let Received::Text(said) = client.next().await else { break };
            let said: Value = serde_json::from_str(&said).expect("a frame");
            if said["type"] == "message_ack" {
                waiting.remove(&text(&said, "temp_id").parse().expect("one of our keys"));
                let message = (id, number(&said, "message_id"));
                shared.acked.lock().unwrap_or_else(PoisonError::into_inner).insert(message);
            }
        }
    }
}

/// Connects again and again, and asks nothing.
async fn knocker(address: SocketAddr, shared: Arc<Shared>) {
    while !shared.stops.load(Ordering::Relaxed) {
        if TcpStream::connect(address).await.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            shared.refused.fetch_add(1, Ordering::Relaxed);
        }
        passes(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_hub_that_migrates_asks_for_time_before_it_is_ready() {
    let manager = Manager::new("127.0.0.1:0");
    let _hub = manager.starts();
    manager.hears("EXTEND_TIMEOUT_USEC=60000000").await;
    manager.hears("READY=1").await;
}

#[tokio::test]
async fn through_restarts_under_load_no_connection_is_refused_and_no_message_is_lost() {
    const AUTHORS: u64 = 6;
    let manager = Manager::new("127.0.0.1:0");
    let (address, shared) = (manager.address(), Arc::<Shared>::default());
    // They come before the first hub does.
    let authors: Vec<_> = (1..=AUTHORS).map(|id| tokio::spawn(author(id, address, Arc::clone(&shared)))).collect();
    let knocker = tokio::spawn(knocker(address, Arc::clone(&shared)));
    let restarts = usual_or_long(3, 20);
    for life in 0..=restarts {
        let mut hub = manager.starts();
        manager.hears("READY=1").await;
        manager.hears("WATCHDOG=1").await;
        shared.more().await;
        if life == restarts {
            shared.stops.store(true, Ordering::Relaxed);
            in_time("every message is acknowledged", join_all(authors))
                .await
                .into_iter()
                .for_each(|done| done.expect("done"));
            manager.ends(&mut hub).await;
            break;
        }
        let status = manager.ends(&mut hub).await;
        manager.hears("STOPPING=1").await;
        assert!(status.success(), "{status}: {}", last_lines(&manager.log(), 20));
        // No hub runs: the kernel takes the connection, and keeps it for the next one.
        TcpStream::connect(address).await.expect("a connection that waits");
    }
    knocker.await.expect("it knocked");
    assert_eq!(shared.refused.load(Ordering::Relaxed), 0, "connections were refused");
    assert!(
        shared.connected.load(Ordering::Relaxed) >= AUTHORS * (restarts + 1),
        "each has lived through each restart"
    );
    let stored = manager.sql("SELECT count(*), count(DISTINCT temp_id || ' ' || sender_id) FROM chat_messages");
    let sent = shared.sent.load(Ordering::Relaxed);
    assert_eq!(stored.trim(), format!("{sent}|{sent}"), "each message is there once");
    let ids: BTreeSet<(u64, u64)> = shared.acked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let all = manager.sql("SELECT sender_id || ' ' || id FROM chat_messages");
    let all: BTreeSet<(u64, u64)> = all
        .lines()
        .map(|line| line.split_once(' ').expect("two numbers"))
        .map(|(sender, id)| (sender.parse().expect("a user"), id.parse().expect("an id")))
        .collect();
    assert_eq!(ids, all, "what was acknowledged is what is there");
    assert!(!manager.log().contains("panicked"), "{}", last_lines(&manager.log(), 20));
}

#[tokio::test]
async fn in_development_mode_a_socket_that_is_open_to_others_is_refused() {
    let mut manager = Manager::new("0.0.0.0:0");
    manager.launch.settings.remove("JWT_SECRET");
    let mut hub = manager.starts();
    let status = in_time("the end of the hub", hub.wait()).await.expect("it ends");
    assert_eq!(status.code(), Some(1));
    let log = manager.log();
    assert!(log.contains("development mode") && log.contains("JWT_SECRET"), "{log}");
}
