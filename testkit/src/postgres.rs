//! A PostgreSQL server with its own data folder: for one test, and it ends with that test's process; or for all tests that
//! need no more than a database.
//!
//! It needs the package `postgresql`, no running server and no privileges. PostgreSQL refuses to run as root: tests that run
//! as root start it as the user `postgres`, which the package creates.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::keeper::{self, Keeper, free_port, wait_for};

/// The superuser.
const ROOT: &str = "postgres";

/// Tells whether tests that need PostgreSQL are to run (`CHAT_TEST_POSTGRES=1`); prints that the test is skipped if not.
#[must_use]
pub fn wanted(test: &str) -> bool {
    keeper::wanted("CHAT_TEST_POSTGRES", test)
}

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    keeper: Option<Keeper>,
}

impl Postgres {
    /// Starts a server with an empty data folder.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with an empty data folder, and with further settings, as `name=value`.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let mut server = Self::prepared(settings);
        install(&server.folder);
        server.run();
        server
    }

    /// Returns the server that all tests of all processes share, except those that kill a server or change its settings.
    /// Each test has its own database in it.
    #[must_use]
    pub fn shared() -> Self {
        let prepare = |folder: &Path| {
            chown_to_server(folder);
            install(folder);
        };
        let (folder, port, keeper) = keeper::share(
            "postgres",
            "QUIT",
            prepare,
            |folder, port| server(folder, port, &[]),
            |_, port| answers(port),
        );
        Self { folder, port, settings: Vec::new(), keeper: Some(keeper) }
    }

    /// Makes a folder and finds a port.
    fn prepared(settings: &[&str]) -> Self {
        let port = free_port();
        let folder = keeper::own_folder("postgres", port);
        chown_to_server(&folder);
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self { folder, port, settings, keeper: None }
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Creates a database and returns its URL.
    pub fn database(&self, name: &str) -> String {
        self.sql(&format!(r#"CREATE DATABASE "{name}""#));
        self.url(name)
    }

    /// Returns a database's URL.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{ROOT}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement with the command-line client, and returns its output.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("postgres", sql)
    }

    /// Runs a statement in a database with the command-line client, and returns its output.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database).args(["-c", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the command-line client, which prints values alone.
    pub(crate) fn psql(&self, database: &str) -> Command {
        let mut command = self.client("psql", database);
        command.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]);
        command
    }

    /// Returns one of the server's clients (`psql`, `pg_dump`), to be run on a database.
    #[must_use]
    pub fn client(&self, program: &str, database: &str) -> Command {
        client(self.port, program, database)
    }

    /// Requires passwords from now on, except through the socket and for the superuser, whom the clients here use.
    pub fn require_passwords(&self) {
        let rules =
            "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(self.folder.join("data/pg_hba.conf"), rules).unwrap();
        self.sql("SELECT pg_reload_conf()");
    }

    /// Starts a standby of this server.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::prepared(&[]);
        let copied = unprivileged("pg_basebackup")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", ROOT, "-R", "--no-sync", "-c", "fast", "-D"])
            .arg(standby.folder.join("data"))
            .current_dir(&standby.folder)
            .output()
            .unwrap();
        assert!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        standby.run();
        standby
    }

    /// Starts PgBouncer before the server, in a mode: `session`, `transaction` or `statement`.
    #[must_use]
    pub fn pooler(&self, mode: &str) -> Pooler {
        let port = free_port();
        let file = self.folder.join(format!("pooler-{port}.ini"));
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user={ROOT}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\n",
            self.port
        );
        std::fs::write(&file, settings).unwrap();
        let mut command = unprivileged_of(Path::new("pgbouncer"));
        let process = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Pooler { port, process };
        wait_for("PgBouncer", || keeper::listens(port));
        pooler
    }

    /// Kills all processes of the server (`SIGKILL`), as a power cut would. A process that is left would keep the shared
    /// memory, and no other server could start on the data.
    pub fn kill(&mut self) {
        let pids = self.processes();
        let _ = Command::new("kill").arg("-KILL").args(&pids).status();
        self.end();
        wait_for("the end of PostgreSQL", || !pids.iter().any(|pid| is_alive(pid)));
    }

    /// Returns the id of the server's first process, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.processes().first()?.parse().ok()
    }

    /// Sends all of the server's processes a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill").arg(format!("-{name}")).args(self.processes()).status();
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        self.run();
    }

    /// Returns the ids of its first process and of that one's children.
    fn processes(&self) -> Vec<String> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        let Some(first) = file.lines().next() else { return Vec::new() };
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        std::iter::once(first).chain(children.split_whitespace()).map(str::to_owned).collect()
    }

    fn run(&mut self) {
        // With `QUIT` it ends at once; no later server needs what a clean shutdown would write.
        self.keeper = Some(Keeper::run(&server(&self.folder, self.port, &self.settings), &self.folder, "QUIT"));
        wait_for(&format!("PostgreSQL in {}", self.folder.display()), || answers(self.port));
    }

    fn end(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        keeper::ends(self.keeper.take(), &self.folder);
    }
}

/// Makes the server's own user the owner of a folder, if this process is root's.
fn chown_to_server(folder: &Path) {
    if is_root() {
        let owned = Command::new("chown").arg(ROOT).arg(folder).status().unwrap();
        assert!(owned.success(), "there is no user {ROOT}: install the package postgresql");
    }
}

/// Puts the data of a server that has just been installed into a folder.
fn install(folder: &Path) {
    let copied =
        keeper::copy_of("postgres", &keeper::version_of(&binary("postgres")), &folder.join("data"), |folder| {
            chown_to_server(folder);
            let made = unprivileged("initdb")
                .args(["-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync", "-U", ROOT, "-D"])
                .arg(folder.join("data"))
                .current_dir(folder)
                .output()
                .unwrap();
            let said = [made.stdout, made.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            if made.status.success() { Ok(()) } else { Err(format!("initdb failed: {said}")) }
        });
    copied.unwrap_or_else(|error| panic!("{error}"));
}

/// Returns the command of a server.
fn server(folder: &Path, port: u16, settings: &[String]) -> Command {
    let mut command = unprivileged("postgres");
    command
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(folder)
        .args(["-c", "fsync=on", "-c", "max_connections=200", "-c", "shared_buffers=256MB"])
        .args(["-c", "max_wal_size=4GB", "-c", "log_min_messages=warning"])
        .args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
    command
}

/// Returns one of the server's clients, to be run on a database.
fn client(port: u16, program: &str, database: &str) -> Command {
    let mut command = Command::new(binary(program));
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", ROOT, "-d", database]);
    command
}

/// Tells whether a server takes connections. A server that is still recovering listens already.
fn answers(port: u16) -> bool {
    let asks = || client(port, "pg_isready", "postgres").stdout(Stdio::null()).status();
    keeper::listens(port) && asks().is_ok_and(|status| status.success())
}

/// A running PgBouncer.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    process: Child,
}

impl Pooler {
    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tells whether a process runs: one that has ended and was not waited for does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Returns a command that runs a program of the server's without root's rights.
fn unprivileged(program: &str) -> Command {
    unprivileged_of(&binary(program))
}

fn unprivileged_of(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ROOT, "--regid", ROOT, "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    keeper::user() == 0
}

/// Finds a program of the newest version: Debian keeps most of them out of the path.
fn binary(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(program)).filter(|path| path.exists());
    found.max().unwrap_or_else(|| program.into())
}
