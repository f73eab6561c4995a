//! A server of MySQL or MariaDB.

use std::fmt;

use sea_orm::sqlx::mysql::MySqlConnectOptions;
use url::Url;

/// A server, and the database on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// The user that the hub logs in as.
    pub user: String,
    /// Its host, or the file of its socket.
    pub host: String,
    /// Its port, 3306 by default. Means nothing for a socket.
    pub port: u16,
    /// The database on it.
    pub database: String,
    /// All of it as the driver reads it, with the password.
    url: String,
    /// Whether it is reached by a socket of this machine.
    socket: bool,
}

impl Server {
    /// Parses what stands behind `mysql:`.
    pub(crate) fn parse(rest: &str) -> Result<Self, String> {
        const FORM: &str = "write mysql://user:password@host:3306/database";
        const ESCAPES: &str =
            "in user and password, write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25";
        let wrong = |what: &str| format!("{what}; {FORM}, and {ESCAPES}");
        if !rest.starts_with("//") {
            return Err(wrong("two slashes are missing behind the colon"));
        }
        let url = format!("mysql:{rest}");
        // The error names a rule, and nothing of the text.
        let parsed = Url::parse(&url).map_err(|error| wrong(&format!("it cannot be understood ({error})")))?;
        let behind_host = [Some(parsed.path()), parsed.query(), parsed.fragment()];
        if behind_host.into_iter().flatten().any(|part| part.contains('@')) {
            return Err(wrong(
                "there is an @ behind the host, so that what stands before it may be a password cut in two",
            ));
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
        Ok(Self {
            user: options.get_username().to_owned(),
            socket: socket.is_some(),
            host: socket.unwrap_or_else(|| options.get_host().to_owned()),
            port: options.get_port(),
            database: database.to_owned(),
            url,
        })
    }

    /// Returns host and port as one types them, or the file of the socket.
    #[must_use]
    pub fn address(&self) -> String {
        if self.socket { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Returns the whole URL, with the password: for the driver alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for Server {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}/{}", self.user, self.address(), self.database)
    }
}

impl fmt::Debug for Server {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Server({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        for (text, shown) in [
            ("//chat:hunter2@db/chat", "chat@db:3306/chat"),
            ("//chat:hunter2@db:3307/chat?ssl-mode=disabled", "chat@db:3307/chat"),
            ("//root@[::1]/chat", "root@[::1]:3306/chat"),
            ("//a%40b:hunter2%2F@db/my%20chat", "a@b@db:3306/my chat"),
            ("//chat:hunter2@hunter2@db/chat", "chat@db:3306/chat"),
            ("//chat:hunter2@localhost/chat?socket=/run/mysqld.sock", "chat@/run/mysqld.sock/chat"),
        ] {
            let server = Server::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(server.to_string(), shown, "{text}");
            assert!(!format!("{server:?}").contains("hunter2"), "{server:?}");
        }
    }

    #[test]
    fn an_error_quotes_nothing_of_a_url() {
        for text in [
            "//chat:hunter2@:/ü1@host/chat",
            "//chat:hunter2/x@host/chat",
            "//chat:12/hunter2@host/chat",
            "//chat:12?hunter2@host/chat",
            "//chat:12#hunter2@host/chat",
            "//chat:hunter2@host:hunter2/chat",
            "//chat:hunter2@host:99999/chat",
            "//chat:hunter2@ho st/chat",
            "//chat:hunter2%ff@host/chat",
            "//chat:hunter2@host",
            "//chat:hunter2@host/",
            "//chat:hunter2@/chat",
            "chat:hunter2@host/chat",
            "/chat:hunter2@host/chat",
            "//chat:hunter2@host/chat?ssl-mode=hunter2",
        ] {
            let refused = Server::parse(text).expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
