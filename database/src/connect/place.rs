//! Where the database is, as `DATABASE_URL` says it: read once, and told without its password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sea_orm::DatabaseBackend;
use sea_orm::sqlx::mysql::MySqlConnectOptions;
use url::Url;

use crate::location;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// SQLite: one machine, one file.
    File {
        /// Relative ones are of the folder that the hub was started in.
        path: PathBuf,
        /// Whether it is made where there is none (`?mode=rwc`).
        make: bool,
    },
    /// MySQL or MariaDB.
    Server(Server),
}

/// A server, and what is wanted of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Whom it knows us as.
    pub user: String,
    /// Its host, or the file of its socket.
    pub host: String,
    /// Its port; 3306 if nothing is said. Means nothing for a socket.
    pub port: u16,
    /// The database on it.
    pub database: String,
    /// All of it as the driver reads it, with the password.
    url: String,
    /// Whether it is reached by a socket of this machine.
    socket: bool,
}

impl Place {
    pub(crate) fn backend(&self) -> DatabaseBackend {
        match self {
            Self::File { .. } => DatabaseBackend::Sqlite,
            Self::Server(_) => DatabaseBackend::MySql,
        }
    }
}

impl Server {
    /// Returns host and port as one types them, or the file of the socket.
    #[must_use]
    pub fn address(&self) -> String {
        if self.socket { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Returns the whole URL, password and all: for the driver alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl FromStr for Place {
    type Err = String;

    /// Reads the URL. What is said against it quotes nothing of it: where it is malformed, the password may be anywhere.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => file(rest.strip_prefix("//").unwrap_or(rest)),
            "mysql" | "mariadb" => server(rest).map(Self::Server),
            _ => Err("it begins with neither sqlite:, mysql: nor mariadb:".to_owned()),
        }
    }
}

/// Reads what stands behind `sqlite://`.
fn file(rest: &str) -> Result<Place, String> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path == ":memory:" || query.contains("mode=memory") {
        return Err(
            "readers cannot share a database in memory: give it a file, as sqlite://data/chat.db?mode=rwc".into()
        );
    }
    let make = match query {
        "" | "mode=rw" => false,
        "mode=rwc" => true,
        "mode=ro" => return Err("the hub writes: it needs mode=rw, or mode=rwc, which also makes the file".into()),
        _ => return Err("behind a file's path there may be ?mode=rw or ?mode=rwc, and nothing else".into()),
    };
    if path.is_empty() {
        return Err("it names no file; write sqlite://data/chat.db?mode=rwc".to_owned());
    }
    Ok(Place::File { path: location::path(path)?, make })
}

/// Reads what stands behind `mysql:`.
fn server(rest: &str) -> Result<Server, String> {
    const FORM: &str = "write mysql://user:password@host:3306/database";
    const ESCAPES: &str = "in user and password, write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25";
    let wrong = |what: &str| format!("{what}; {FORM}, and {ESCAPES}");
    if !rest.starts_with("//") {
        return Err(wrong("two slashes are missing behind the colon"));
    }
    let url = format!("mysql:{rest}");
    // The error names a rule, and nothing of the text.
    let parsed = Url::parse(&url).map_err(|error| wrong(&format!("it cannot be understood ({error})")))?;
    if [Some(parsed.path()), parsed.query(), parsed.fragment()].into_iter().flatten().any(|part| part.contains('@')) {
        return Err(wrong("there is an @ behind the host, so that what stands before it may be a password cut in two"));
    }
    let options: MySqlConnectOptions =
        url.parse().map_err(|_| wrong("its parameters, or what is percent-encoded in it, cannot be understood"))?;
    let database = options.get_database().unwrap_or_default();
    let socket = options.get_socket().map(|socket| socket.display().to_string());
    if parsed.host_str().unwrap_or_default().is_empty() {
        return Err(wrong("it names no host"));
    }
    if database.is_empty() || database.contains('/') {
        return Err(wrong("it names no database"));
    }
    Ok(Server {
        user: options.get_username().to_owned(),
        socket: socket.is_some(),
        host: socket.unwrap_or_else(|| options.get_host().to_owned()),
        port: options.get_port(),
        database: database.to_owned(),
        url,
    })
}

impl fmt::Display for Place {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => path.display().fmt(out),
            Self::Server(server) => write!(out, "{}@{}/{}", server.user, server.address(), server.database),
        }
    }
}

impl fmt::Debug for Place {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Place({self})")
    }
}

impl fmt::Debug for Server {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Server({}@{}/{})", self.user, self.address(), self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, String> {
        text.parse()
    }

    #[test]
    fn a_file_is_a_path_and_whether_it_is_made() {
        for (text, path, make) in [
            ("sqlite://data/chat.db?mode=rwc", "data/chat.db", true),
            ("sqlite:data/chat.db", "data/chat.db", false),
            ("sqlite:///srv/chat.db?mode=rw", "/srv/chat.db", false),
            ("sqlite://my%20data/%63hat.db", "my data/chat.db", false),
            ("sqlite://100%/a%zz%3F.db?mode=rwc", "100%/a%zz?.db", true),
            ("SQLite://[a]#1.db", "[a]#1.db", false),
        ] {
            assert_eq!(place(text), Ok(Place::File { path: path.into(), make }), "{text}");
        }
        for text in ["sqlite:", "sqlite://", "sqlite://?mode=rwc", "sqlite::memory:", "sqlite://x?mode=memory"] {
            let refused = place(text).expect_err(text);
            assert!(refused.contains("file"), "{text}: {refused}");
        }
        for text in ["sqlite://x?mode=ro", "sqlite://x?vfs=y", "sqlite://x%00y", "sqlite://%ff.db"] {
            place(text).expect_err(text);
        }
    }

    #[test]
    fn a_server_is_told_without_its_password() {
        for (text, told) in [
            ("mysql://chat:hunter2@db/chat", "chat@db:3306/chat"),
            ("mariadb://chat:hunter2@db:3307/chat?ssl-mode=disabled", "chat@db:3307/chat"),
            ("MySQL://root@[::1]/chat", "root@[::1]:3306/chat"),
            ("mysql://a%40b:hunter2%2F@db/my%20chat", "a@b@db:3306/my chat"),
            ("mysql://chat:hunter2@hunter2@db/chat", "chat@db:3306/chat"),
            ("mysql://chat:hunter2@localhost/chat?socket=/run/mysqld.sock", "chat@/run/mysqld.sock/chat"),
        ] {
            let place = place(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(place.to_string(), told, "{text}");
            assert!(!format!("{place:?}").contains("hunter2"), "{place:?}");
        }
    }

    #[test]
    fn what_is_said_against_a_url_holds_nothing_of_it() {
        for text in [
            "mysql://chat:hunter2@:/ü1@host/chat",
            "mysql://chat:hunter2/x@host/chat",
            "mysql://chat:12/hunter2@host/chat",
            "mysql://chat:12?hunter2@host/chat",
            "mysql://chat:12#hunter2@host/chat",
            "mysql://chat:hunter2@host:hunter2/chat",
            "mysql://chat:hunter2@host:99999/chat",
            "mysql://chat:hunter2@ho st/chat",
            "mysql://chat:hunter2%ff@host/chat",
            "mysql://chat:hunter2@host",
            "mysql://chat:hunter2@host/",
            "mysql://chat:hunter2@/chat",
            "mysql:chat:hunter2@host/chat",
            "mysql:/chat:hunter2@host/chat",
            "mysql://chat:hunter2@host/chat?ssl-mode=hunter2",
            "postgres://chat:hunter2@host/chat",
            "hunter2",
            "",
        ] {
            let refused = place(text).expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
