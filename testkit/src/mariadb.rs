//! A MariaDB server for one test or one run of the load test, with its own data folder. It ends with that process.
//!
//! It needs the package `mariadb-server`, no running server and no privileges.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Tells whether tests that need MariaDB are to run (`CHAT_TEST_MARIADB=1`); prints that the test is skipped if not.
#[must_use]
pub fn wanted(test: &str) -> bool {
    let wanted = std::env::var("CHAT_TEST_MARIADB").is_ok_and(|value| value == "1");
    if !wanted {
        println!("left out without CHAT_TEST_MARIADB=1: {test}");
    }
    wanted
}

/// A running server.
#[derive(Debug)]
pub struct MariaDb {
    folder: PathBuf,
    port: u16,
    keeper: Option<Child>,
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("chat-mariadb-{}-{port}", std::process::id()));
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let installed = Command::new("mariadb-install-db")
            // At start, a server deletes the temporary tables in its TMPDIR: each server needs its own.
            .env("TMPDIR", folder.join("tmp"))
            .arg("--no-defaults")
            .arg("--user=root")
            .arg("--auth-root-authentication-method=normal")
            .arg("--skip-test-db")
            .arg(format!("--datadir={}", folder.join("data").display()))
            .output()
            .map_err(|error| format!("mariadb-install-db: {error}"))?;
        let said = [installed.stdout, installed.stderr].concat();
        if !installed.status.success() {
            return Err(format!("mariadb-install-db failed: {}", String::from_utf8_lossy(&said)));
        }
        let mut server = Self { folder, port, keeper: None };
        server.run()?;
        Ok(server)
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

    /// Returns the command-line client, which prints values alone.
    pub(crate) fn client(&self) -> Command {
        let mut command = Command::new("mariadb");
        command
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--raw", "--unbuffered"])
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

    /// The server's keeper ends it as soon as its input ends, and that ends with this process; the folder goes, too,
    /// unless it is told to stay.
    fn run(&mut self) -> Result<(), String> {
        const KEEPER: &str = r#"folder=$1; shift; mariadbd "$@" & server=$!; read -r word
            kill $server 2>/dev/null; wait $server; [ "$word" = stay ] || rm -rf "$folder""#;
        let log = std::fs::File::create(self.folder.join("log")).unwrap();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&self.folder)
            .env("TMPDIR", self.folder.join("tmp"))
            .args(["--no-defaults", "--user=root", "--skip-name-resolve"])
            .args(["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M", "--skip-log-bin"])
            .args(["--bind-address=127.0.0.1", "--max-connections=200", "--innodb-log-file-size=512M"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--datadir={}", self.folder.join("data").display()))
            .arg(format!("--socket={}", self.folder.join("socket").display()))
            .arg(format!("--pid-file={}", self.folder.join("pid").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.keeper = Some(keeper);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("MariaDB does not start: {}", log_of(&self.folder)));
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "there may be no runtime: tests start a server before theirs"
            )]
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(b"stay\n");
            }
            let _ = keeper.wait();
        }
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
