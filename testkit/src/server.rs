//! A database server for one test, MariaDB or PostgreSQL: what a test does with either.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::mariadb::{self, MariaDb};
use crate::postgres::{self, Postgres};

/// A running server.
#[derive(Debug)]
pub enum Server {
    /// MariaDB.
    MariaDb(MariaDb),
    /// PostgreSQL.
    Postgres(Postgres),
}

impl Server {
    /// Starts MariaDB, unless tests that need it are not to run.
    #[must_use]
    pub fn mariadb(test: &str) -> Option<Self> {
        mariadb::wanted(test).then(|| Self::MariaDb(MariaDb::start()))
    }

    /// Starts PostgreSQL, unless tests that need it are not to run.
    #[must_use]
    pub fn postgres(test: &str) -> Option<Self> {
        postgres::wanted(test).then(|| Self::Postgres(Postgres::start()))
    }

    /// Tells whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::MariaDb(server) => server.port(),
            Self::Postgres(server) => server.port(),
        }
    }

    /// Creates a database and returns its URL.
    pub fn database(&self, name: &str) -> String {
        match self {
            Self::MariaDb(server) => server.database(name),
            Self::Postgres(server) => server.database(name),
        }
    }

    /// Returns a database's URL through a proxy on `port`, without TLS: the proxy must be able to read the traffic.
    #[must_use]
    pub fn url_through(&self, port: u16, name: &str) -> String {
        match self {
            Self::MariaDb(_) => format!("mysql://root@127.0.0.1:{port}/{name}?ssl-mode=disabled"),
            Self::Postgres(_) => format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable"),
        }
    }

    /// Runs a statement in a database with the command-line client, and returns its output.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        match self {
            Self::MariaDb(server) => server.sql(&format!("USE `{database}`; {sql}")),
            Self::Postgres(server) => server.sql_in(database, sql),
        }
    }

    /// Runs a query that takes locks with a command-line client, in a transaction that stays open until the returned value
    /// is dropped.
    #[must_use]
    pub fn hold_locks(&self, database: &str, query: &str) -> OpenTransaction {
        let mut client = self.client(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = format!("BEGIN;\n{query};\nSELECT 'held';\n");
        client.stdin.as_mut().unwrap().write_all(said.as_bytes()).unwrap();
        let answers = BufReader::new(client.stdout.take().unwrap()).lines();
        assert!(answers.map_while(Result::ok).any(|line| line == "held"), "{query}: the client has ended");
        OpenTransaction { client }
    }

    /// Writes a dump of a database to a file, by the server's own tool, as `docs/OPERATIONS.md` says.
    pub fn dump(&self, database: &str, to: &Path) {
        let mut tool = match self {
            Self::MariaDb(server) => {
                let mut tool = server.tool("mariadb-dump");
                tool.args(["--single-transaction", database]);
                tool
            }
            Self::Postgres(server) => server.client("pg_dump", database),
        };
        let status = tool.stdout(File::create(to).unwrap()).status().unwrap();
        assert!(status.success(), "no dump of {database}: {status}");
    }

    /// Reads a dump into a database that is empty.
    pub fn read_back(&self, database: &str, from: &Path) {
        let status = self.client(database).stdin(File::open(from).unwrap()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{} cannot be read into {database}: {status}", from.display());
    }

    /// Returns the command-line client, for a database.
    fn client(&self, database: &str) -> Command {
        match self {
            Self::MariaDb(server) => {
                let mut client = server.client();
                client.arg(database);
                client
            }
            Self::Postgres(server) => server.psql(database),
        }
    }

    /// Kills the server (`SIGKILL`), as a power cut would.
    pub fn kill(&mut self) {
        match self {
            Self::MariaDb(server) => server.kill(),
            Self::Postgres(server) => server.kill(),
        }
    }

    /// Sends the server a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        match self {
            Self::MariaDb(server) => server.signal(name),
            Self::Postgres(server) => server.signal(name),
        }
    }

    /// Starts the server again, on the same port and data.
    pub fn restart(&mut self) {
        match self {
            Self::MariaDb(server) => server.restart(),
            Self::Postgres(server) => server.restart(),
        }
    }
}

/// A transaction of a command-line client. It is rolled back when this is dropped.
#[derive(Debug)]
pub struct OpenTransaction {
    client: Child,
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        // The client ends with its input, and the transaction with the client.
        drop(self.client.stdin.take());
        let _ = self.client.wait();
    }
}

/// Makes a test of each function of a module, once for each kind of server.
#[macro_export]
macro_rules! on_each_server {
    ($($test:ident),* $(,)?) => {
        mod on_mariadb {
            $(#[tokio::test] async fn $test() {
                if let Some(server) = $crate::server::Server::mariadb(stringify!($test)) {
                    super::$test(server).await;
                }
            })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $test() {
                if let Some(server) = $crate::server::Server::postgres(stringify!($test)) {
                    super::$test(server).await;
                }
            })*
        }
    };
}
