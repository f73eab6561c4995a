//! Whatever is wrong with the NATS server at the start: the hub serves, and says in one line what to do, without a secret.

use super::*;

/// Starts a hub with a server that it cannot use, and returns the one line that it says of it.
async fn says(settings: &[(&str, &str)]) -> String {
    let hub = Hub::set(settings).await;
    until("the hub has tried", || async { hub.log().contains("NATS is away").then_some(()) }).await;
    assert_eq!(relay(&hub).await, "down");
    let (mut alice, mut bob) = (hub.person(42).connect().await, hub.person(7).connect().await);
    alice.sends_to(&hub.person(7), "on one node").await;
    bob.receives("on one node").await;
    let log = hub.log();
    let mut lines = log.lines().filter(|line| line.contains("NATS"));
    let line = lines.next().expect("a line").to_owned();
    assert_eq!(lines.next(), None, "once: {log}");
    assert!(!log.contains("hunter2") && !log.contains("SUA"), "a secret is told: {log}");
    line
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_is_told_in_one_line() {
    if !wanted("a_server_that_is_away_or_refuses_is_told_in_one_line") {
        return;
    }
    let nats = Nats::with(&nats::programs()[0], "authorization { user: chat, password: right }");
    let host = format!("127.0.0.1:{}", nats.port());
    for (url, said) in [
        ("nats://chat:hunter2@127.0.0.1:1".to_owned(), "127.0.0.1:1"),
        (format!("nats://chat:hunter2@{host}"), "refuses the login"),
        (format!("nats://hunter2@{host}"), "refuses the login"),
        (format!("nats://{host}"), "refuses the login"),
        (format!("tls://chat:hunter2@{host}"), "TLS fails"),
    ] {
        let line = says(&[("NATS_URL", &url)]).await;
        assert!(line.contains(said), "{url}: {line}");
    }
    let hub = Hub::set(&[("NATS_URL", &format!("nats://chat:right@{host}"))]).await;
    until("the relay is up", || async { (relay(&hub).await == "up").then_some(()) }).await;
}

#[tokio::test]
async fn a_server_with_tls_is_used_if_its_certificate_can_be_checked() {
    if !wanted("a_server_with_tls_is_used_if_its_certificate_can_be_checked") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, host) in [("right", "localhost"), ("stranger", "localhost"), ("misnamed", "chat.example")] {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
        std::fs::write(path(&format!("{name}.pem")), made.cert.pem()).expect("written");
        std::fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).expect("written");
    }
    let server = |name: &str| {
        let (cert, key) = (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        Nats::with(&nats::programs()[0], &format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\" }}"))
    };
    let right = server("right");
    let url = format!("tls://localhost:{}", right.port());
    let hub = Hub::set(&[("NATS_URL", &url), ("NATS_CA", &path("right.pem"))]).await;
    until("the relay is up", || async { (relay(&hub).await == "up").then_some(()) }).await;
    let line = says(&[("NATS_URL", &url), ("NATS_CA", &path("stranger.pem"))]).await;
    assert!(line.contains("TLS fails") && line.contains("NATS_CA"), "{line}");
    let misnamed = server("misnamed");
    let url = format!("nats://localhost:{}", misnamed.port());
    let line = says(&[("NATS_URL", &url), ("NATS_CA", &path("misnamed.pem"))]).await;
    assert!(line.contains("TLS fails") && line.contains("certificate"), "{line}");
}

#[tokio::test]
async fn a_seed_logs_in() {
    if !wanted("a_seed_logs_in") {
        return;
    }
    // A key pair of the NATS documentation.
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const USER: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("user.nk");
    std::fs::write(&file, format!("{SEED}\n")).expect("written");
    let nats = Nats::with(&nats::programs()[0], &format!("authorization {{ users: [ {{ nkey: {USER} }} ] }}"));
    let hub = Hub::set(&[("NATS_URL", &nats.url()), ("NATS_CREDS", &file.display().to_string())]).await;
    until("the relay is up", || async { (relay(&hub).await == "up").then_some(()) }).await;
}
