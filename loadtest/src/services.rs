//! The servers that a run starts beside its hubs: the database and NATS.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use chat_testkit::mariadb::MariaDb;
use chat_testkit::nats::Nats;
use chat_testkit::postgres::Postgres;

use crate::args::{Database, Relay};
use crate::environment::in_path;
use crate::usage;

/// The database's name.
const NAME: &str = "chat";

/// Where Debian's package of PostgreSQL puts its programs, by version.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The servers that a run started. They end with this value, or with this program.
#[derive(Debug, Default)]
pub struct Services {
    database: Option<DatabaseServer>,
    relay: Option<Nats>,
}

#[derive(Debug)]
enum DatabaseServer {
    MariaDb(MariaDb),
    Postgres(Postgres),
}

/// A server beside the hubs, and what it used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceUsage {
    /// Its name.
    pub name: &'static str,
    /// Whether it is the database.
    pub is_database: bool,
    /// Its CPU seconds since it started.
    pub cpu: f64,
    /// Its resident memory, in KB.
    pub resident_kb: u32,
}

impl Services {
    /// Starts the database of a run and returns its URL; `None` for SQLite, which has no server.
    ///
    /// # Errors
    /// If its program is not installed or does not start.
    pub fn start_database(&mut self, database: &Database) -> anyhow::Result<Option<String>> {
        match database {
            Database::Sqlite => Ok(None),
            Database::Url(url) => Ok(Some(url.clone())),
            Database::MariaDb => {
                is_installed("mariadbd", "mariadb-server")?;
                is_installed("mariadb-install-db", "mariadb-server")?;
                let server = MariaDb::try_start().map_err(anyhow::Error::msg).context("--database mariadb")?;
                let url = server.database(NAME);
                self.database = Some(DatabaseServer::MariaDb(server));
                Ok(Some(url))
            }
            Database::Postgres => {
                let found = Path::new(POSTGRES).read_dir().is_ok_and(|mut versions| versions.next().is_some());
                ensure!(found, "PostgreSQL is not installed: {}", advice("postgresql"));
                let server = Postgres::start();
                let url = server.database(NAME);
                self.database = Some(DatabaseServer::Postgres(server));
                Ok(Some(url))
            }
        }
    }

    /// Starts NATS and returns its URL; `None` if the hubs poll.
    ///
    /// # Errors
    /// If its program is not installed or does not start.
    pub fn start_relay(&mut self, relay: Relay) -> anyhow::Result<Option<String>> {
        match relay {
            Relay::Poll => Ok(None),
            Relay::Nats => {
                is_installed("nats-server", "nats-server")?;
                let server = Nats::start();
                let url = server.url();
                self.relay = Some(server);
                Ok(Some(url))
            }
        }
    }

    /// Returns what each of the servers has used.
    #[must_use]
    pub fn usage(&self) -> Vec<ServiceUsage> {
        let database = self.database.as_ref().map(|server| match server {
            DatabaseServer::MariaDb(server) => ("MariaDB", true, server.pid()),
            DatabaseServer::Postgres(server) => ("PostgreSQL", true, server.pid()),
        });
        let relay = self.relay.as_ref().map(|server| ("NATS", false, server.pid()));
        let of = |(name, is_database, pid): (&'static str, bool, Option<u32>)| {
            let (cpu, resident_kb) = pid.and_then(|pid| usage::family(pid).ok()).unwrap_or_default();
            ServiceUsage { name, is_database, cpu, resident_kb }
        };
        relay.into_iter().chain(database).map(of).collect()
    }
}

/// Makes sure that a program is in one of the folders of `PATH`, or in `/usr/sbin`.
fn is_installed(program: &str, package: &str) -> anyhow::Result<()> {
    if in_path(program).is_some() || Path::new("/usr/sbin").join(program).exists() {
        return Ok(());
    }
    bail!("{program} is not installed: {}", advice(package))
}

fn advice(package: &str) -> String {
    format!("`apt-get install {package}`, or give --database the URL of a database that runs, and --relay poll")
}
