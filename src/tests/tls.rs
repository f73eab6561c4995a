//! https and wss, with a certificate made here.

mod support;

use std::sync::Arc;

use chat_loadtest::client::{Client, Door};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use support::device::Device;
use support::raw::{Raw, ask};
use support::{Hub, in_time};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for localhost, in two files, and a client that trusts it.
fn certificate(folder: &TempDir) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("a file");
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).expect("our certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn dial(hub: &Hub, connector: &TlsConnector) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(hub.address()).await.expect("the hub listens");
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, stream).await.expect("a TLS handshake")
}

#[tokio::test]
async fn https_and_wss_work_with_a_certificate() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let connector = certificate(&folder);
    let hub = Hub::beside(Arc::clone(&folder), |launch| {
        launch.tls = true;
        launch.set("CHAT_TLS_CERT", folder.path().join("cert.pem").display().to_string());
        launch.set("CHAT_TLS_KEY", folder.path().join("key.pem").display().to_string());
    })
    .await;

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
        let door: Door = person.door();
        let client = Client::over(dial(&hub, &connector).await, &door, "wss").await.expect("a socket");
        let mut device = Device::new(person.id, client);
        device.is_greeted().await;
        devices.push(device);
    }
    let [laptop, desk] = devices.as_mut_slice() else { panic!("two devices") };
    laptop.sends_to(&bob, "in private").await;
    desk.receives("in private").await;
    laptop.says(json!({"type": "echo", "data": "x".repeat(40_000)})).await;
    laptop.expect("echo").await;
}

#[tokio::test]
async fn a_plain_client_at_a_tls_port_disturbs_nobody() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let connector = certificate(&folder);
    let hub = Hub::beside(Arc::clone(&folder), |launch| {
        launch.tls = true;
        launch.set("CHAT_TLS_CERT", folder.path().join("cert.pem").display().to_string());
        launch.set("CHAT_TLS_KEY", folder.path().join("key.pem").display().to_string());
    })
    .await;
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
