//! nginx with the site of `packaging/nginx/`, in front of hubs, and what a client does that comes through it.

use std::net::{Ipv4Addr, SocketAddr};

use chat_loadtest::client::Client;
use chat_testkit::nginx::{self, Nginx};
use reqwest::Method;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt as _, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::device::Device;
use crate::support::raw::Raw;
use crate::support::{Person, in_time};
use crate::tls::certificate;

const SITE: &str = include_str!("../../../packaging/nginx/softadastra-chat.conf");

/// The name in the site.
pub(super) const NAME: &str = "chat.example";

/// A connection to nginx.
pub(super) type Line = TlsStream<TcpStream>;

/// An nginx that runs, and what trusts its certificate.
pub(super) struct Front {
    /// Where it speaks https.
    pub(super) https: SocketAddr,
    /// Where it redirects to https.
    pub(super) http: SocketAddr,
    connector: TlsConnector,
    nginx: Nginx,
    /// Dropped last.
    folder: TempDir,
}

impl Front {
    /// Starts nginx in front of these hubs.
    pub(super) fn before(hubs: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let connector = certificate(NAME, &folder);
        let [https, http] =
            [nginx::free_port(), nginx::free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let nginx = Nginx::start(&site(&folder, hubs, https, http), https.port());
        Self { https, http, connector, nginx, folder }
    }

    /// Connects from an address of this machine.
    pub(super) async fn dial(&self, from: Ipv4Addr) -> Line {
        let name = ServerName::try_from(NAME).expect("a name");
        self.connector.connect(name, tcp(from, self.https).await).await.expect("a TLS handshake")
    }

    /// Opens a socket of a person at a path, as the page of the site does, and is greeted.
    pub(super) async fn opens(&self, person: &Person, path: &str) -> Device<Line> {
        let mut door = person.door();
        (door.address, door.path, door.origin) = (self.https, path.to_owned(), Some(format!("https://{NAME}")));
        let line = self.dial(Ipv4Addr::LOCALHOST).await;
        let client = in_time("the upgrade", Client::over(line, &door, "wss")).await.expect("a socket");
        let mut device = Device::new(person.id, client);
        device.is_greeted().await;
        device
    }

    /// Asks for something on a connection of its own.
    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
        let mut line = self.dial(Ipv4Addr::LOCALHOST).await;
        ask(&mut line, method, path, headers, body).await.unwrap_or_else(|| panic!("{path}: no answer"))
    }

    /// Returns what nginx has logged: requests, and errors.
    pub(super) fn log(&self) -> (String, String) {
        (std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default(), self.nginx.log())
    }
}

/// Opens a connection from an address of this machine.
pub(super) async fn tcp(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
    socket.connect(to).await.expect("it listens")
}

/// Sends a request, and reads the answer; `None` if the connection ended before it. What the other side refuses at once, it need not
/// read to its end.
pub(super) async fn ask<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
    line: &mut S,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Raw> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    let (mut from, mut to) = split(line);
    let writes = async {
        to.write_all(&[head.as_bytes(), body].concat()).await?;
        to.flush().await
    };
    let reads = Raw::read(&mut from);
    tokio::pin!(writes, reads);
    tokio::select! {
        answer = &mut reads => answer,
        // The answer to what could not be sent may still have come.
        _ = &mut writes => reads.await,
    }
}

/// Returns the packaged site with the addresses and the files of a test.
fn site(folder: &TempDir, hubs: &[SocketAddr], https: SocketAddr, http: SocketAddr) -> String {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let hubs: Vec<String> = hubs.iter().map(|hub| format!("server {hub} max_fails=0;")).collect();
    let own = [
        ("server 127.0.0.1:8080 max_fails=0;", hubs.join(" ")),
        ("listen 80;", format!("listen {http};")),
        ("listen [::]:80;", String::new()),
        ("listen 443 ssl http2;", format!("listen {https} ssl http2;")),
        ("listen [::]:443 ssl http2;", String::new()),
        ("/etc/ssl/chat.example/fullchain.pem", file("cert.pem")),
        ("/etc/ssl/chat.example/privkey.pem", file("key.pem")),
        ("/var/log/nginx/softadastra-chat.log", file("access.log")),
    ];
    own.iter().fold(SITE.to_owned(), |site, (printed, own)| {
        assert!(site.contains(printed), "the site has no {printed:?}");
        site.replace(printed, own)
    })
}
