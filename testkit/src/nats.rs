//! A NATS server for one test, on a free port. It ends with the test's process.
//!
//! It needs Debian's package `nats-server`, or the newer server that `scripts/setup` puts under `target/nats`; no running
//! server and no privileges.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::keeper::{self, Keeper};

/// Tells whether tests that need NATS are to run (`CHAT_TEST_NATS=1`); prints that the test is skipped if not.
#[must_use]
pub fn wanted(test: &str) -> bool {
    keeper::wanted("CHAT_TEST_NATS", test)
}

/// Returns the servers that are installed, the oldest first: Debian's, and the one under `target/nats`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn programs() -> Vec<PathBuf> {
    let newer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/nats/bin/nats-server");
    let all = [PathBuf::from("/usr/sbin/nats-server"), newer];
    let found: Vec<_> = all.into_iter().filter(|program| program.exists()).collect();
    assert!(!found.is_empty(), "no nats-server is installed: run scripts/setup");
    found
}

/// A running server.
#[derive(Debug)]
pub struct Nats {
    folder: PathBuf,
    port: u16,
    program: PathBuf,
    keeper: Option<Keeper>,
}

impl Nats {
    /// Starts the oldest server that is installed.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&programs()[0], "")
    }

    /// Starts a given server with lines of configuration, as in `authorization { token: x }`.
    #[must_use]
    pub fn with(program: &Path, configuration: &str) -> Self {
        let port = keeper::free_port();
        let folder = keeper::own_folder("nats", port);
        let mut server = Self { folder, port, program: program.to_owned(), keeper: None };
        server.configure(configuration);
        server.run();
        server
    }

    /// Writes another configuration, for the next start.
    pub fn configure(&self, configuration: &str) {
        std::fs::write(self.folder.join("nats.conf"), configuration).unwrap();
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address, as `NATS_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Returns the server's process id, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()
    }

    /// Kills the server (`SIGKILL`), and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }

    /// Starts the server again, on the same port.
    pub fn restart(&mut self) {
        self.run();
    }

    /// Stops the server (`SIGSTOP`): connections stay open, and no answer comes.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets a stopped server go on (`SIGCONT`).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// Returns what the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    fn run(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("pid"));
        let mut server = Command::new(&self.program);
        server
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string()])
            .arg("--config")
            .arg(self.folder.join("nats.conf"))
            .arg("--pid")
            .arg(self.folder.join("pid"));
        self.keeper = Some(Keeper::run(&server, &self.folder, "KILL"));
        let runs = || keeper::listens(self.port) && self.folder.join("pid").exists();
        keeper::try_wait_for(runs).unwrap_or_else(|()| panic!("NATS does not start: {}", self.log()));
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        keeper::ends(self.keeper.take(), &self.folder);
    }
}
