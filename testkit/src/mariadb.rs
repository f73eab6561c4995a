//! A MariaDB server with its own data folder: for one test or one run of the load test, and it ends with that process; or
//! for all tests that need no more than a database.
//!
//! It needs the package `mariadb-server`, no running server and no privileges.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::keeper::{self, Keeper};

/// The settings of a durable server, as in production: a commit is on the disk when it is acknowledged.
const DURABLE: &[&str] = &["--innodb-flush-log-at-trx-commit=1"];

/// The settings of a server that no test kills: a commit need not be on the disk.
const FORGETFUL: &[&str] = &["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"];

/// The size of the redo log, which is made when a server is installed.
const LOG_SIZE: &str = "--innodb-log-file-size=512M";

/// Tells whether tests that need MariaDB are to run (`CHAT_TEST_MARIADB=1`); prints that the test is skipped if not.
#[must_use]
pub fn wanted(test: &str) -> bool {
    keeper::wanted("CHAT_TEST_MARIADB", test)
}

/// A running server.
#[derive(Debug)]
pub struct MariaDb {
    folder: PathBuf,
    port: u16,
    keeper: Option<Keeper>,
}

impl MariaDb {
    /// Starts a server with an empty data folder.
    #[must_use]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a server with an empty data folder.
    ///
    /// # Errors
    /// With what its programs said.
    pub fn try_start() -> Result<Self, String> {
        let port = keeper::free_port();
        let mut server = Self { folder: keeper::own_folder("mariadb", port), port, keeper: None };
        install(&server.folder)?;
        server.run()?;
        Ok(server)
    }

    /// Returns the server that all tests of all processes share, except those that kill a server or change its settings.
    /// Each test has its own database in it.
    #[must_use]
    pub fn shared() -> Self {
        let prepare = |folder: &Path| install(folder).unwrap_or_else(|error| panic!("{error}"));
        let server = |folder: &Path, port: u16| server(folder, port, FORGETFUL);
        let (folder, port, keeper) = keeper::share("mariadb", "KILL", prepare, server, |_, port| keeper::listens(port));
        Self { folder, port, keeper: Some(keeper) }
    }

    /// Returns the server's process id, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a database and returns its URL.
    pub fn database(&self, name: &str) -> String {
        self.sql(&format!("CREATE DATABASE `{name}`"));
        self.url(name)
    }

    /// Returns a database's URL.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement with the command-line client, and returns its output.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.client().args(["-e", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the command-line client; it prints values alone.
    pub(crate) fn client(&self) -> Command {
        let mut command = self.tool("mariadb");
        command.args(["--batch", "--skip-column-names", "--raw", "--unbuffered"]);
        command
    }

    /// Returns one of the server's tools (`mariadb-dump`).
    pub(crate) fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(["--no-defaults", "--user=root"])
            .arg(format!("--socket={}", self.folder.join("socket").display()));
        command
    }

    /// Kills the server (`SIGKILL`), as a power cut would.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.end();
    }

    /// Sends the server a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
        }
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        self.run().unwrap_or_else(|error| panic!("{error}"));
    }

    fn run(&mut self) -> Result<(), String> {
        self.keeper = Some(Keeper::run(&server(&self.folder, self.port, DURABLE), &self.folder, "KILL"));
        let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        keeper::try_wait_for(|| keeper::listens(self.port)).map_err(|()| format!("MariaDB does not start: {}", log()))
    }

    fn end(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        keeper::ends(self.keeper.take(), &self.folder);
    }
}

/// Puts the data of a server that has just been installed into a folder.
fn install(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder.join("tmp")).unwrap();
    copy(folder)?;
    // The copy is sparse; this allocates the log's space on the disk, as a server's own log has it.
    let log = Command::new("fallocate").args(["-l", "512M"]).arg(folder.join("data/ib_logfile0")).status();
    if log.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err("there is no room for the log of MariaDB".to_owned())
    }
}

fn copy(folder: &Path) -> Result<(), String> {
    keeper::copy_of("mariadb", &keeper::version_of(Path::new("mariadbd")), &folder.join("data"), |folder| {
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let installed = Command::new("mariadb-install-db")
            // At start, a server deletes the temporary tables in its TMPDIR: each server needs its own.
            .env("TMPDIR", folder.join("tmp"))
            .args([
                "--no-defaults",
                "--user=root",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                LOG_SIZE,
            ])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .output()
            .map_err(|error| format!("mariadb-install-db: {error}"))?;
        let said = [installed.stdout, installed.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        if installed.status.success() { Ok(()) } else { Err(format!("mariadb-install-db failed: {said}")) }
    })
}

/// Returns the command of a server.
fn server(folder: &Path, port: u16, settings: &[&str]) -> Command {
    let mut command = Command::new("mariadbd");
    command
        .env("TMPDIR", folder.join("tmp"))
        .args(["--no-defaults", "--user=root", "--skip-name-resolve", "--skip-log-bin", "--bind-address=127.0.0.1"])
        .args(["--innodb-buffer-pool-size=512M", "--max-connections=200", LOG_SIZE])
        .args(settings)
        .arg(format!("--port={port}"))
        .arg(format!("--datadir={}", folder.join("data").display()))
        .arg(format!("--socket={}", folder.join("socket").display()))
        .arg(format!("--pid-file={}", folder.join("pid").display()));
    command
}
