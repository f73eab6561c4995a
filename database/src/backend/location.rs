//! Where the database is, as `DATABASE_URL` says it: parsed once, and shown without its password.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::kind::ServerKind;
use super::server::location::Server;
use super::sqlite::File;

/// The scheme of the URL of SQLite's file.
const SQLITE: &str = "sqlite";

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
        let scheme = scheme.to_ascii_lowercase();
        if scheme == SQLITE {
            return File::parse(rest).map(Self::Sqlite);
        }
        let server = ServerKind::ALL.into_iter().find(|kind| kind.schemes().contains(&scheme.as_str()));
        server.map_or_else(|| Err(unknown()), |server| server.parse(rest).map(Self::Server))
    }
}

fn unknown() -> String {
    let servers = ServerKind::ALL.iter().flat_map(|kind| kind.schemes());
    let schemes: Vec<String> = [&SQLITE].into_iter().chain(servers).map(|scheme| format!("{scheme}:")).collect();
    let (last, others) = schemes.split_last().unwrap_or_else(|| unreachable!("SQLite is one"));
    format!("it begins with neither {} nor {last}", others.join(", "))
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
