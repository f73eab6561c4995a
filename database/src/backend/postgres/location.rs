//! A server of PostgreSQL.

use std::fmt;

use sea_orm::sqlx::postgres::PgConnectOptions;
use url::Url;

/// What may stand behind the question mark. The driver would log any other parameter with its value.
const PARAMETERS: [&str; 12] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
    "hostaddr",
    "options",
];

/// A server, and the database on it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// The user that the hub logs in as.
    pub user: String,
    /// Its host, or the folder of its socket.
    pub host: String,
    /// Its port, 5432 by default.
    pub port: u16,
    /// The database on it.
    pub database: String,
    /// All of it as the driver reads it, with the password.
    url: String,
    /// Whether it is reached by a socket of this machine.
    socket: bool,
}

impl PostgresServer {
    /// Parses what stands behind `postgres:`.
    pub(crate) fn parse(rest: &str) -> Result<Self, String> {
        const FORM: &str =
            "write postgres://user:password@host:5432/database, or postgres://user@/database?host=/run/postgresql";
        const ESCAPES: &str =
            "in user and password, write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25";
        let wrong = |what: &str| format!("{what}; {FORM}, and {ESCAPES}");
        if !rest.starts_with("//") {
            return Err(wrong("two slashes are missing behind the colon"));
        }
        // A URL has no user without a host: libpq takes one.
        let given = format!("postgres:{}", rest.replacen("@/", "@localhost/", 1));
        // The error names a rule, and nothing of the text.
        let url = Url::parse(&given).map_err(|error| wrong(&format!("it cannot be understood ({error})")))?;
        if [Some(url.path()), url.query(), url.fragment()].into_iter().flatten().any(|part| part.contains('@')) {
            return Err(wrong(
                "there is an @ behind the host, so that what stands before it may be a password cut in two",
            ));
        }
        if url.fragment().is_some() || url.query_pairs().any(|(key, _)| !PARAMETERS.contains(&&*key)) {
            return Err(wrong(&format!("behind a ? there may be {}, and nothing else", PARAMETERS.join(", "))));
        }
        let has_host = |name: &str| url.query_pairs().any(|(key, value)| key == name && !value.is_empty());
        let names_host = !rest.contains("@/") && url.host_str().is_some_and(|host| !host.is_empty());
        if !names_host && !has_host("host") && !has_host("hostaddr") {
            return Err(wrong("it names no host"));
        }
        let options: PgConnectOptions = given
            .parse()
            .map_err(|_| wrong("its parameters, or what is percent-encoded in it, cannot be understood"))?;
        let database = options.get_database().unwrap_or_default();
        if database.is_empty() || database.contains('/') {
            return Err(wrong("it names no database"));
        }
        let socket = options.get_socket().map(|socket| socket.display().to_string());
        Ok(Self {
            user: options.get_username().to_owned(),
            socket: socket.is_some(),
            host: socket.unwrap_or_else(|| options.get_host().to_owned()),
            port: options.get_port(),
            database: database.to_owned(),
            url: given,
        })
    }

    /// Returns host and port as one types them, or the file of the socket.
    #[must_use]
    pub fn address(&self) -> String {
        if self.socket {
            format!("{}/.s.PGSQL.{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the whole URL, with the password: for the driver alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for PostgresServer {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}/{}", self.user, self.address(), self.database)
    }
}

impl fmt::Debug for PostgresServer {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PostgresServer({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        for (text, shown) in [
            ("//chat:hunter2@db/chat", "chat@db:5432/chat"),
            ("//chat:hunter2@db:5433/chat?sslmode=disable", "chat@db:5433/chat"),
            ("//chat@[::1]/chat", "chat@[::1]:5432/chat"),
            ("//a%40b:hunter2%2F@db/my%20chat", "a@b@db:5432/my chat"),
            ("//chat@/chat?host=/run/postgresql", "chat@/run/postgresql/.s.PGSQL.5432/chat"),
            ("//chat:hunter2@localhost/chat?host=/run/postgresql&port=5433", "chat@/run/postgresql/.s.PGSQL.5433/chat"),
            ("//%2Frun%2Fpostgresql/chat?user=chat&password=hunter2", "chat@/run/postgresql/.s.PGSQL.5432/chat"),
        ] {
            let server = PostgresServer::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
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
            "//chat:hunter2@host/chat?sslmode=hunter2",
            "//chat:hunter2@host/chat?pasword=hunter2",
            "//chat@host/chat#hunter2",
        ] {
            let refused = PostgresServer::parse(text).expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
