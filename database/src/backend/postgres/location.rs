//! A server of PostgreSQL, as a URL says it.

use sea_orm::sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::backend::kind::ServerKind;
use crate::backend::server::location::{self, Server};

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

/// How a URL is written.
const FORM: &str = "postgres://user:password@host:5432/database, or postgres://user@/database?host=/run/postgresql";

/// Parses what stands behind `postgres:`.
pub(crate) fn parse(rest: &str) -> Result<Server, String> {
    let wrong = |what: &str| location::wrong(what, FORM);
    if !rest.starts_with("//") {
        return Err(wrong("two slashes are missing behind the colon"));
    }
    // A URL has no user without a host: libpq takes one.
    let given = format!("postgres:{}", rest.replacen("@/", "@localhost/", 1));
    // The error names a rule, and nothing of the text.
    let url = Url::parse(&given).map_err(|error| wrong(&format!("it cannot be understood ({error})")))?;
    location::check_passwords_end(&url).map_err(wrong)?;
    if url.fragment().is_some() || url.query_pairs().any(|(key, _)| !PARAMETERS.contains(&&*key)) {
        return Err(wrong(&format!("behind a ? there may be {}, and nothing else", PARAMETERS.join(", "))));
    }
    let has_host = |name: &str| url.query_pairs().any(|(key, value)| key == name && !value.is_empty());
    let names_host = !rest.contains("@/") && url.host_str().is_some_and(|host| !host.is_empty());
    if !names_host && !has_host("host") && !has_host("hostaddr") {
        return Err(wrong("it names no host"));
    }
    let options: PgConnectOptions = given.parse().map_err(|_| wrong(location::NOT_UNDERSTOOD))?;
    let port = options.get_port();
    let socket = options.get_socket().map(|folder| format!("{}/.s.PGSQL.{port}", folder.display()));
    Ok(Server {
        kind: ServerKind::Postgres,
        user: options.get_username().to_owned(),
        host: options.get_host().to_owned(),
        port,
        database: location::database(options.get_database()).map_err(wrong)?,
        url: given,
        socket,
    })
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
            let server = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
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
            "///hunter2",
            "//chat:hunter2@host/chat?sslmode=hunter2",
            "//chat:hunter2@host/chat?pasword=hunter2",
            "//chat@host/chat#hunter2",
        ] {
            let refused = parse(text).expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
