//! https and wss, with a certificate made here.

use std::sync::Arc;
use std::time::Duration;

use crate::support::device::Device;
use crate::support::raw::{Raw, ask};
use crate::support::{Hub, Person, in_time, until, until_within};
use chat_loadtest::client::{Client, ConnectOptions};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for a name, in two files, and a client that trusts it.
pub(crate) fn certificate(name: &str, folder: &TempDir) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("a file");
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).expect("our certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn dial(hub: &Hub, connector: &TlsConnector) -> TlsStream<TcpStream> {
    encrypt(TcpStream::connect(hub.address()).await.expect("the hub listens"), connector).await
}

async fn encrypt(stream: TcpStream, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, stream).await.expect("a TLS handshake")
}

/// Starts a hub with a certificate and some settings of its own, and returns it with what trusts it.
async fn encrypted(settings: &[(&str, &str)]) -> (Hub, TlsConnector) {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let connector = certificate("localhost", &folder);
    let hub = Hub::beside(Arc::clone(&folder), |launch| {
        launch.tls = true;
        launch.set("CHAT_TLS_CERT", folder.path().join("cert.pem").display().to_string());
        launch.set("CHAT_TLS_KEY", folder.path().join("key.pem").display().to_string());
        for (name, value) in settings {
            launch.set(name, *value);
        }
    })
    .await;
    (hub, connector)
}

/// Returns a device of this person that has a socket, greeted or not.
async fn device(
    person: &Person,
    stream: TlsStream<TcpStream>,
    change: impl FnOnce(&mut ConnectOptions),
) -> Device<TlsStream<TcpStream>> {
    let mut door: ConnectOptions = person.door();
    change(&mut door);
    Device::new(person.id, Client::over(stream, &door, "wss").await.expect("a socket"))
}

#[tokio::test]
async fn https_and_wss_work_with_a_certificate() {
    let (hub, connector) = encrypted(&[]).await;

    let mut https = dial(&hub, &connector).await;
    https
        .write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .expect("written");
    let mut answer = String::new();
    in_time("an answer", https.read_to_string(&mut answer)).await.expect("read");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let by_tls_alone = "strict-transport-security: max-age=31536000";
    assert!(answer.contains(by_tls_alone), "{answer}");
    for request in ["CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n"] {
        let mut https = dial(&hub, &connector).await;
        https.write_all(request.as_bytes()).await.expect("written");
        let answer =
            in_time("an answer", Raw::read(&mut https)).await.unwrap_or_else(|| panic!("{request}: no answer"));
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{request}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{request}");
    }
    let plain = Hub::start().await;
    let answer = ask(plain.address(), "GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n").await.expect("an answer");
    assert_eq!(answer.header("strict-transport-security"), "", "who comes without TLS may go on so");

    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut devices = Vec::new();
    for person in [&alice, &bob] {
        let mut device = device(person, dial(&hub, &connector).await, |_| {}).await;
        device.is_greeted().await;
        devices.push(device);
    }
    let [laptop, desk] = devices.as_mut_slice() else { panic!("two devices") };
    laptop.sends_to(&bob, "in private").await;
    desk.receives("in private").await;
    laptop.says(json!({"type": "echo", "data": "x".repeat(40_000)})).await;
    laptop.expect("echo").await;
}

/// Returns how many connections have a session, as the hub's metrics tell.
async fn connections(hub: &Hub, connector: &TlsConnector) -> u64 {
    let mut https = dial(hub, connector).await;
    https.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("written");
    let answer = in_time("the metrics", Raw::read(&mut https)).await.expect("an answer");
    let metrics = String::from_utf8(answer.body).expect("a text");
    let count = metrics.lines().find_map(|line| line.strip_prefix("chat_connections ")?.parse().ok());
    count.unwrap_or_else(|| panic!("no chat_connections in {metrics}"))
}

/// A session that waited for room in the outbox of a connection that was gone stayed for ever, and kept its user online.
#[tokio::test]
async fn an_encrypted_socket_that_goes_in_the_middle_of_a_replay_leaves_nothing_behind() {
    let (hub, connector) = encrypted(&[("CHAT_HEARTBEAT", "1s"), ("CHAT_RATE_LIMIT", "off")]).await;
    let (author, reader) = (hub.person(1), hub.person(2));
    let mut desk = device(&author, dial(&hub, &connector).await, |_| {}).await;
    desk.is_greeted().await;
    desk.sends_to(&reader, "first").await;
    let mut phone = device(&reader, dial(&hub, &connector).await, |_| {}).await;
    phone.is_greeted().await;
    phone.settles().await;
    let cursor = phone.cursor.clone();
    drop(phone);
    let text = "🙂".repeat(4_000);
    for _ in 0..600 {
        desk.sends_to(&reader, &text).await;
    }
    desk.leaves().await;
    for how in ["closed", "reset", "left open"] {
        let mut devices = Vec::new();
        for _ in 0..10 {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4 * 1024).expect("a small buffer");
            let stream = socket.connect(hub.address()).await.expect("the hub listens");
            let resumes = |door: &mut ConnectOptions| door.cursor = Some(cursor.clone());
            devices.push(device(&reader, encrypt(stream, &connector).await, resumes).await);
        }
        until("all have a session", || async { (connections(&hub, &connector).await == 10).then_some(()) }).await;
        match how {
            "closed" => devices.clear(),
            "reset" => {
                let lines = devices.iter().map(|device| device.client.stream().get_ref().0);
                lines.for_each(|line| line.set_zero_linger().expect("a socket"));
                devices.clear();
            }
            _ => {}
        }
        // A client that takes nothing has ten seconds.
        let gone = async || (connections(&hub, &connector).await == 0).then_some(());
        until_within(Duration::from_secs(30), &format!("{how}: no session is left"), gone).await;
    }
}

#[tokio::test]
async fn a_plain_client_at_a_tls_port_disturbs_no_other_client() {
    let (hub, connector) = encrypted(&[]).await;
    for garbage in ["GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", ""] {
        let mut plain = TcpStream::connect(hub.address()).await.expect("the hub listens");
        plain.write_all(garbage.as_bytes()).await.expect("written");
        plain.shutdown().await.expect("shut");
        let mut rest = Vec::new();
        // However it ends, it ends.
        let _ = in_time("the end", plain.read_to_end(&mut rest)).await;
    }
    dial(&hub, &connector).await;
}
