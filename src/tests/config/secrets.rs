//! What a program says may stand in a journal, a ticket, a chat: no message holds a password, and none says a thing twice.

use tempfile::TempDir;

use super::{SECRET, Said, runs};

const QUIET: (&str, &str) = ("CHAT_WAIT_FOR_DATABASE", "off");

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn refused(said: &Said, of: &str) {
    assert!(!matches!(said.code, Some(0) | None), "{of} was accepted, or it crashed: {}", said.err);
    for secret in ["hunter2", "panicked"] {
        assert!(!said.err.contains(secret) && !said.out.contains(secret), "{of}: {secret}: {}", said.err);
    }
}

#[tokio::test]
async fn no_message_holds_a_password_however_malformed_its_url_is() {
    let folder = folder();
    for url in [
        "mysql://chat:hunter2@:/ü1@host/chat",
        "mysql://chat:hunter2@127.0.0.1:1/chat",
        "mariadb://chat:hunter2@127.0.0.1:1/chat",
        "mysql://chat:hunter2/x@127.0.0.1/chat",
        "mysql://chat:1/hunter2@127.0.0.1/chat",
        "mysql://chat:1?hunter2@127.0.0.1/chat",
        "mysql://chat:hunter2@127.0.0.1:hunter2/chat",
        "mysql://chat:hunter2@127.0.0.1:1/chat?ssl-mode=hunter2",
        "mysql://chat:hunter2@127.0.0.1:1",
        "mysql://chat:hunter2%ff@127.0.0.1:1/chat",
        "mysql:chat:hunter2@127.0.0.1/chat",
        "MYSQL://chat:hunter2@127.0.0.1:1/chat",
        "postgres://chat:hunter2@127.0.0.1:1/chat",
        "postgresql://chat:hunter2@127.0.0.1:1/chat?pasword=hunter2",
        "oracle://chat:hunter2@127.0.0.1:1/chat",
        "sqlite://chat:hunter2@127.0.0.1/chat",
        "sqlite:chat:hunter2@127.0.0.1/chat?mode=rwc",
        "chat:hunter2@127.0.0.1",
        "hunter2",
    ] {
        for command in [&[][..], &["migrate"]] {
            refused(&runs(&folder, command, &[SECRET, QUIET, ("DATABASE_URL", url)]).await, url);
        }
        refused(&runs(&folder, &["--database-url", url], &[SECRET, QUIET]).await, url);
        refused(&runs(&folder, &[url], &[SECRET, QUIET]).await, url);
        refused(&runs(&folder, &["--databaseurl", url], &[SECRET, QUIET]).await, url);
        if url.contains('@') {
            refused(&runs(&folder, &["--listen", url], &[SECRET, QUIET]).await, url);
        }
    }
}

#[tokio::test]
async fn no_command_beside_the_hub_tells_a_password() {
    let folder = folder();
    for url in [
        "mysql://chat:hunter2@:/ü1@host/chat",
        "mysql://chat:hunter2@127.0.0.1:1/chat",
        "postgres://chat:hunter2@127.0.0.1:1/chat",
        "sqlite://chat:hunter2@127.0.0.1/chat",
        "hunter2",
    ] {
        for command in [
            &["doctor"][..],
            &["backup", "--to", "copy"],
            &["restore", "--epoch"],
            &["users", "show", "7"],
            &["threads", "show", "1", "--reason", "a report"],
            &["audit", "verify"],
            &["webhooks", "list"],
        ] {
            let said = runs(&folder, command, &[SECRET, QUIET, ("DATABASE_URL", url)]).await;
            refused(&said, &format!("{command:?} with {url}"));
        }
        refused(&runs(&folder, &["import", "node", "--from", url], &[QUIET]).await, url);
    }
    // A URL where something else is wanted.
    let url = "mysql://chat:hunter2@127.0.0.1:1/chat";
    for command in [
        &["restore", "--from", url][..],
        &["--config", url],
        &["users", "suspend", "7", "--until", url, "--reason", "a report"],
        &["--webhook-allow", url],
        &["--trusted-proxies", "chat:hunter2@db"],
        &["webhooks", "add", "--url", "https://shop:hunter2@shop.example/hook"],
    ] {
        refused(&runs(&folder, command, &[SECRET, QUIET]).await, &format!("{command:?}"));
    }
}

#[tokio::test]
async fn no_message_holds_a_key_that_stands_where_it_should_not() {
    let folder = folder();
    let secret = "hunter2 and more than thirty-two bytes of it";
    let pem = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----";
    std::fs::write(folder.path().join("jwks.json"), r#"{"keys": "hunter2"}"#).expect("written");
    for settings in [
        &[("JWT_SECRET", "hunter2")][..],
        &[("JWT_SECRET", secret), ("CHAT_TICKET_SECRET", "hunter2")],
        &[("JWT_SECRET", secret), ("NATS_URL", "nats://chat:hunter2@nats/x")],
        &[("JWT_SECRET", secret), ("CHAT_MEDIA_URL", "s3://key:hunter2@bucket/media")],
        &[("JWT_SECRET", secret), ("CHAT_MEDIA_URL", "https://key:hunter2@host/media")],
        &[
            ("JWT_SECRET", secret),
            ("CHAT_MEDIA_URL", "s3://bucket/media"),
            ("AWS_ENDPOINT", "http://key:hunter2@127.0.0.1:1"),
        ],
        &[("JWT_SECRET", secret), ("CHAT_PUBLIC_URL", "chat://ann:hunter2@host?x")],
        &[("JWT_SECRET", secret), ("CHAT_ALLOWED_ORIGINS", "https://ann:hunter2@shop.example/x")],
        &[("JWT_SECRET", secret), ("CHAT_HEARTBEAT", "ann:hunter2@host")],
        &[("JWT_PUBLIC_KEY", pem)],
        &[("JWT_JWKS", r#"{"keys": [{"kty": "oct", "k": "hunter2"}]}"#)],
        &[("JWT_JWKS", "jwks.json")],
        &[("JWT_SECRET", secret), ("CHAT_TLS_CERT", "no.pem"), ("CHAT_TLS_KEY", pem)],
    ] {
        refused(&runs(&folder, &[], settings).await, &format!("{settings:?}"));
    }
    // A secret with a space in it, and no quotes around it.
    for line in [&["--jwt-secret", "an", "hunter2"][..], &["token", "--user", "1", "--jwt-secret", "an", "hunter2"]] {
        refused(&runs(&folder, line, &[]).await, &format!("{line:?}"));
    }
    let help =
        runs(&folder, &["--help"], &[("CHAT_MEDIA_URL", "s3://key:hunter2@bucket"), ("JWT_SECRET", secret)]).await;
    assert!(help.code == Some(0) && !help.out.contains("hunter2"), "{}", help.out);
}

#[tokio::test]
async fn an_error_is_said_once() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "no database").expect("written");
    for settings in [
        &[("DATABASE_URL", "mysql://chat:x@127.0.0.1:1/chat")][..],
        &[("DATABASE_URL", "sqlite://none.db")],
        &[("DATABASE_URL", "sqlite://file")],
        &[("DATABASE_URL", "sqlite://file/chat.db?mode=rwc")],
        &[("DATABASE_URL", "sqlite://.?mode=rwc")],
        &[("CHAT_MEDIA_URL", "file:file/media")],
        &[("CHAT_LISTEN", "192.0.2.1:80")],
    ] {
        let said = runs(&folder, &[], &[settings, &[SECRET, QUIET, ("RUST_LOG", "error")]].concat()).await;
        assert_eq!(said.code, Some(1), "{settings:?}: {}", said.err);
        let parts: Vec<&str> = said.err.split(": ").map(str::trim).collect();
        for (at, part) in parts.iter().enumerate() {
            assert!(!parts[at + 1..].contains(part), "{part:?} is said twice: {}", said.err);
        }
    }
}
