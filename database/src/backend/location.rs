//! Where the database is, as `DATABASE_URL` says it: parsed once, and shown without its password.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::server::location::Server;
use super::sqlite::File;
use super::{mysql, postgres};

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// SQLite: one machine, one file.
    Sqlite(File),
    /// A server, which many nodes share.
    Server(Server),
}

impl Location {
    /// Returns SQLite's file, if it is one.
    #[must_use]
    pub fn sqlite(&self) -> Option<&File> {
        match self {
            Self::Sqlite(file) => Some(file),
            Self::Server(_) => None,
        }
    }

    /// Returns the path of SQLite's file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.sqlite().map(|file| file.path.as_path())
    }
}

impl FromStr for Location {
    type Err = String;

    /// Parses the URL. An error quotes nothing of it: where it is malformed, the password may be anywhere.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => File::parse(rest).map(Self::Sqlite),
            "mysql" | "mariadb" => mysql::parse(rest).map(Self::Server),
            "postgres" | "postgresql" => postgres::parse(rest).map(Self::Server),
            _ => Err("it begins with neither sqlite:, mysql:, mariadb:, postgres: nor postgresql:".to_owned()),
        }
    }
}

impl fmt::Display for Location {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.fmt(out),
            Self::Server(server) => server.fmt(out),
        }
    }
}

impl fmt::Debug for Location {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_read_whatever_its_case() {
        for (text, shown) in [
            ("SQLite://[a]#1.db", "[a]#1.db"),
            ("MySQL://root@[::1]/chat", "root@[::1]:3306/chat"),
            ("PostgreSQL://chat@db/chat", "chat@db:5432/chat"),
        ] {
            let location: Location = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(location.to_string(), shown);
        }
        for text in ["oracle://chat:hunter2@host/chat", "hunter2", ""] {
            let refused = text.parse::<Location>().expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
