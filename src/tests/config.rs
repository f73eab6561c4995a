//! Configuration: what is wrong is said at the start, with what to do about it, and nothing is listened on.

mod config_file;
mod disk;
mod files;
mod secrets;
mod start;

use std::process::Stdio;
use std::time::Duration;

use crate::support::hub::program;
use crate::support::{Hub, in_time};
use tempfile::TempDir;
use tokio::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the program to its end.
async fn runs(folder: &TempDir, arguments: &[&str], settings: &[(&str, &str)]) -> Said {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().envs(settings.iter().copied()).current_dir(folder.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        in_time(&format!("the end of {arguments:?} with {settings:?}"), command.output()).await.expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

const SECRET: (&str, &str) = ("JWT_SECRET", "a secret of 32 bytes and a bit more");

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    for (settings, names) in [
        (&[("JWT_SECRET", "short")][..], &["JWT_SECRET", "32"][..]),
        (&[("CHAT_LISTEN", "0.0.0.0:0")], &["JWT", "loopback"]),
        (&[SECRET, ("CHAT_LISTEN", "nonsense")], &["CHAT_LISTEN"]),
        (&[SECRET, ("CHAT_BASE_PATH", "a b")], &["CHAT_BASE_PATH"]),
        (&[SECRET, ("DATABASE_URL", "postgres://x")], &["DATABASE_URL"]),
        (&[SECRET, ("DATABASE_URL", "oracle://user:hunter2@x")], &["DATABASE_URL"]),
        (&[SECRET, ("CHAT_TLS_CERT", "cert.pem")], &["CHAT_TLS_CERT", "CHAT_TLS_KEY"]),
        (&[SECRET, ("CHAT_TLS_CERT", "no.pem"), ("CHAT_TLS_KEY", "no.pem")], &["no.pem"]),
        (&[SECRET, ("CHAT_ALLOWED_ORIGINS", "*")], &["CHAT_ALLOWED_ORIGINS"]),
        (&[("JWT_PUBLIC_KEY", "no.pem")], &["no.pem"]),
        (&[SECRET, ("CHAT_RATE_LIMIT", "lots")], &["rate"]),
        (&[SECRET, ("CHAT_TICKET_SECRET", "short")], &["CHAT_TICKET_SECRET"]),
        (&[SECRET, ("NATS_URL", "nats://chat:hunter2@host/x")], &["NATS_URL", "nats://user:password@host"]),
        (&[SECRET, ("NATS_URL", "host:4222")], &["NATS_URL"]),
        (&[SECRET, ("CHAT_NODE_NAME", "kampala.1")], &["CHAT_NODE_NAME", "kampala.1"]),
        (&[SECRET, ("CHAT_NODE_NAME", "*")], &["CHAT_NODE_NAME"]),
        (&[SECRET, ("CHAT_NODE_NAME", ">")], &["CHAT_NODE_NAME"]),
        (&[SECRET, ("CHAT_NODE_NAME", "kampala 1")], &["CHAT_NODE_NAME", "kampala 1"]),
        (&[SECRET, ("CHAT_RELAY", "nats")], &["NATS_URL"]),
        (&[SECRET, ("CHAT_RELAY", "redis")], &["relay", "auto"]),
        (&[SECRET, ("NATS_URL", "nats://host"), ("NATS_CREDS", "no.creds")], &["NATS_CREDS", "no.creds"]),
        (&[SECRET, ("NATS_URL", "tls://host"), ("NATS_CA", "no.pem")], &["NATS_CA", "no.pem"]),
    ] {
        let mut settings = settings.to_vec();
        settings.push(("RUST_LOG", "info"));
        let said = runs(&folder, &[], &settings).await;
        assert!(!matches!(said.code, Some(0) | None), "{settings:?} was accepted, or crashed: {}", said.err);
        for name in names {
            let everything = said.err.to_lowercase();
            assert!(everything.contains(&name.to_lowercase()), "{settings:?} says nothing of {name}: {}", said.err);
        }
        assert!(!said.err.contains("panicked"), "{}", said.err);
        assert!(!said.err.contains("hunter2"), "a secret is told: {}", said.err);
    }
}

#[tokio::test]
async fn help_is_worth_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = runs(&folder, &["serve", "--help"], &[]).await;
    assert_eq!(said.code, Some(0));
    for name in [
        "CHAT_LISTEN",
        "DATABASE_URL",
        "JWT_SECRET",
        "JWT_PUBLIC_KEY",
        "JWT_JWKS",
        "NATS_URL",
        "CHAT_NODE_NAME",
        "CHAT_BASE_PATH",
        "CHAT_ALLOWED_ORIGINS",
        "CHAT_PUBLIC_URL",
        "CHAT_RATE_LIMIT",
        "CHAT_TICKET_SECRET",
        "CHAT_TLS_CERT",
        "CHAT_TLS_KEY",
        "CHAT_DRAIN_SECONDS",
    ] {
        assert!(said.out.contains(name), "{name} is not in the help");
    }
}

#[tokio::test]
async fn a_token_can_be_minted_and_the_database_migrated() {
    let folder = tempfile::tempdir().expect("a folder");
    let minted = runs(&folder, &["token", "--user", "42"], &[SECRET]).await;
    assert_eq!(minted.code, Some(0), "{}", minted.err);
    let token = minted.out.trim();
    assert_eq!(token.split('.').count(), 3, "{token}");
    let hub = Hub::set(&[SECRET]).await;
    hub.person_with(42, token).connect().await;
    for _ in 0..2 {
        let migrated = runs(&folder, &["migrate"], &[("DATABASE_URL", "sqlite://m.db?mode=rwc")]).await;
        assert_eq!(migrated.code, Some(0), "{}", migrated.err);
    }
}

/// In another folder than the hub's the commands made a secret of their own, and signed with it what no hub took.
#[tokio::test]
async fn no_command_signs_with_a_secret_that_no_hub_has() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [&["token", "--user", "1"], &["ticket", "--user", "1"]] {
        let said = runs(&folder, command, &[]).await;
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{command:?}");
        for part in ["JWT_SECRET", "CHAT_CONFIG", "data/development.secret"] {
            assert!(said.err.contains(part), "{command:?}: {}", said.err);
        }
    }
    assert!(!folder.path().join("data").exists(), "a secret was made");
}

#[tokio::test]
async fn without_configuration_two_links_open_the_demo() {
    let mut hub = Hub::with(|launch| {
        launch.settings.remove("JWT_SECRET");
    })
    .await;
    let links = |out: String| -> Vec<String> {
        out.lines().filter(|line| line.contains("#token=")).map(str::to_owned).collect()
    };
    let first = links(hub.said());
    assert_eq!(first.len(), 2, "{}", hub.said());
    let mut tokens = Vec::new();
    for (link, (user, named)) in first.iter().zip([(1, "product:5"), (2, "shop:1")]) {
        let (address, rest) = link.trim().split_once("/#token=").expect("a link");
        let (token, card) = rest.split_once("&card=").expect("a card");
        assert_eq!((address, card), (format!("http://{}", hub.address()).as_str(), named));
        assert_eq!(token.split('.').count(), 3);
        let found = hub.person_with(user, token).get(&format!("/chat/cards?refs={card}")).await.is(200);
        assert_eq!(found["cards"].as_array().map(Vec::len), Some(1), "the shop has it");
        tokens.push(token.to_owned());
    }
    // The secret is kept: the same token is good after a restart.
    let token = tokens.remove(0);
    let status = |hub: &Hub| {
        let person = hub.person_with(1, &token);
        async move { person.get("/chat/threads").await.status }
    };
    assert_eq!(status(&hub).await, 200);
    hub.kill().await;
    hub.restart().await;
    assert_eq!(status(&hub).await, 200);
}

#[tokio::test]
async fn logs_are_json_and_tell_no_secrets() {
    let mut hub = Hub::set(&[("RUST_LOG", "debug")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let ticket = alice.ticket().await;
    let path = format!("/chat?ticket={ticket}");
    alice.knocks(&path, &[]).await;
    alice.knocks(&format!("/chat?token={}", alice.token), &[]).await;
    alice.connect().await.sends_to(&bob, "a very private message").await;
    hub.asks_to_end().await;
    hub.ends(Duration::from_secs(25)).await;
    let log = hub.log();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    }
    for secret in [hub.secret(), &alice.token, &ticket, "a very private message"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
}
