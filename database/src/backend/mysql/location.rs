//! A server of MySQL or MariaDB, as a URL says it.

use sea_orm::sqlx::mysql::MySqlConnectOptions;
use url::Url;

use crate::backend::kind::ServerKind;
use crate::backend::server::location::{self, Server};

/// How a URL is written.
const FORM: &str = "mysql://user:password@host:3306/database";

/// Parses what stands behind `mysql:`.
pub(crate) fn parse(rest: &str) -> Result<Server, String> {
    let wrong = |what: &str| location::wrong(what, FORM);
    if !rest.starts_with("//") {
        return Err(wrong("two slashes are missing behind the colon"));
    }
    let url = format!("mysql:{rest}");
    // The error names a rule, and nothing of the text.
    let parsed = Url::parse(&url).map_err(|error| wrong(&format!("it cannot be understood ({error})")))?;
    location::check_passwords_end(&parsed).map_err(wrong)?;
    let options: MySqlConnectOptions = url.parse().map_err(|_| wrong(location::NOT_UNDERSTOOD))?;
    if parsed.host_str().unwrap_or_default().is_empty() {
        return Err(wrong("it names no host"));
    }
    Ok(Server {
        kind: ServerKind::MySql,
        user: options.get_username().to_owned(),
        host: options.get_host().to_owned(),
        port: options.get_port(),
        database: location::database(options.get_database()).map_err(wrong)?,
        socket: options.get_socket().map(|socket| socket.display().to_string()),
        url,
    })
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
            "//chat:hunter2@host/chat?ssl-mode=hunter2",
        ] {
            let refused = parse(text).expect_err(text);
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
    }
}
