//! A real hub in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_loadtest::server::{Launch, Server, Signal, last_lines};
use chat_loadtest::token;
use tempfile::TempDir;

use super::person::Person;

/// Where the hub listens now; it moves when the hub restarts.
#[derive(Debug, Clone)]
pub struct Place(Arc<Mutex<SocketAddr>>);

/// A hub that runs. Dropping it ends it, and fails the test if the hub has panicked or logged an error.
pub struct Hub {
    pub launch: Launch,
    server: Option<Server>,
    place: Place,
    http: reqwest::Client,
    expects_errors: bool,
    /// Dropped last.
    folder: Arc<TempDir>,
}

impl Place {
    pub fn now(&self) -> SocketAddr {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Starts a hub with a fresh SQLite database.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a hub with some settings of its own.
    pub async fn set(settings: &[(&str, &str)]) -> Self {
        Self::with(|launch| {
            for (name, value) in settings {
                launch.set(name, *value);
            }
        })
        .await
    }

    /// Starts a hub that is launched in another way.
    pub async fn with(change: impl FnOnce(&mut Launch)) -> Self {
        let folder = tempfile::Builder::new().prefix("chat-test-").tempdir().expect("a temporary folder");
        Self::beside(Arc::new(folder), change).await
    }

    /// Starts a hub in a given folder: with the database of another hub, for one.
    pub async fn beside(folder: Arc<TempDir>, change: impl FnOnce(&mut Launch)) -> Self {
        let mut launch = Launch::new(program(), folder.path());
        launch.set("RUST_LOG", std::env::var("HUB_LOG").unwrap_or_else(|_| "info".to_owned()));
        change(&mut launch);
        let server = launch.start().await.unwrap_or_else(|error| panic!("{error}"));
        let place = Place(Arc::new(Mutex::new(server.address())));
        // The hub's store of images brings TLS to this client, too, without saying with which crypto.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("an HTTP client");
        Self { launch, server: Some(server), place, http, expects_errors: false, folder }
    }

    /// Returns a user of the marketplace, who has a token.
    pub fn person(&self, id: u64) -> Person {
        let token = token::mint(self.secret(), id, Duration::from_secs(3_600)).expect("a token");
        Person::new(id, token, self.place.clone(), self.base(), self.http.clone())
    }

    /// Returns the marketplace's core, which may create notifications.
    pub fn core(&self) -> Person {
        let token = token::mint_with_role(self.secret(), 1, Duration::from_secs(3_600), Some("service"));
        Person::new(1, token.expect("a token"), self.place.clone(), self.base(), self.http.clone())
    }

    /// Returns a member of the marketplace's staff.
    pub fn staff(&self) -> Person {
        let token = token::mint_with_role(self.secret(), 2, Duration::from_secs(3_600), Some("admin"));
        Person::new(2, token.expect("a token"), self.place.clone(), self.base(), self.http.clone())
    }

    /// Returns a user with a given token.
    pub fn person_with(&self, id: u64, token: &str) -> Person {
        Person::new(id, token.to_owned(), self.place.clone(), self.base(), self.http.clone())
    }

    /// Returns a metric, by its name and labels as `/metrics` writes them.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.person(1).get("/metrics").await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not in\n{text}")).parse().expect("a number")
    }

    /// Returns the secret that tokens are signed with.
    pub fn secret(&self) -> &str {
        &self.launch.settings["JWT_SECRET"]
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.place.now()
    }

    /// Returns the running process.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("the hub runs")
    }

    /// Returns what the hub has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("hub.log")).unwrap_or_default()
    }

    /// Returns what the hub has said on stdout.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("hub.out")).unwrap_or_default()
    }

    /// Returns the folder of its data.
    pub fn folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Takes `kill -9` to the hub, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.server().kill().await.expect("the hub can be killed");
        self.server = None;
    }

    /// Starts the hub again with the same data.
    pub async fn restart(&mut self) {
        self.server = None;
        let server = self.launch.start().await.unwrap_or_else(|error| panic!("{error}"));
        *self.place.0.lock().unwrap_or_else(PoisonError::into_inner) = server.address();
        self.server = Some(server);
    }

    /// Asks the hub to end, without waiting.
    pub async fn asks_to_end(&self) {
        self.hears(Signal::Term).await;
    }

    /// Sends the hub a signal.
    pub async fn hears(&self, signal: Signal) {
        let server = self.server.as_ref().expect("the hub runs");
        server.signal(signal).await.expect("the hub takes signals");
    }

    /// Waits until the hub has ended by itself.
    pub async fn ends(&mut self, deadline: Duration) -> ExitStatus {
        let ending = tokio::time::timeout(deadline, self.server().wait()).await;
        let status =
            ending.unwrap_or_else(|_| panic!("the hub still runs after {deadline:?}")).expect("it can be waited for");
        self.server = None;
        status
    }

    /// Freezes the hub; [`Hub::thaw`] lets it go on.
    pub async fn freeze(&self) {
        self.server.as_ref().expect("the hub runs").signal(Signal::Stop).await.expect("the hub takes SIGSTOP");
    }

    pub async fn thaw(&self) {
        self.server.as_ref().expect("the hub runs").signal(Signal::Cont).await.expect("the hub takes SIGCONT");
    }

    /// Says that this test makes the hub log errors.
    pub fn expects_errors(&mut self) -> &mut Self {
        self.expects_errors = true;
        self
    }

    fn base(&self) -> String {
        self.launch.settings.get("CHAT_BASE_PATH").cloned().unwrap_or_default()
    }
}

/// Returns the hub's program: the one of this build, or `CHAT_TEST_HUB`, to hold another build to the same tests.
pub fn program() -> PathBuf {
    let given = std::env::var_os("CHAT_TEST_HUB").map(PathBuf::from);
    given.unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_softadastra-chat")))
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.server = None;
        let log = self.log();
        if std::thread::panicking() {
            eprintln!("--- the hub's last lines\n{}\n---", last_lines(&log, 40));
            return;
        }
        let wrong =
            |line: &&str| line.contains("panicked") || (!self.expects_errors && line.contains(r#""level":"ERROR""#));
        let wrong: Vec<&str> = log.lines().filter(wrong).collect();
        assert!(wrong.is_empty(), "the hub panicked or logged an error:\n{}", wrong.join("\n"));
    }
}
