//! Our accept loop: connections in, each served by hyper under limits, all of them ended by the drain.
//!
//! `warp::serve` has no limit on connections, no deadline for headers, no TLS, no `TCP_NODELAY`, and its graceful
//! end ignores upgraded sockets; so this stands in its place.
//!
//! ```text
//!  socket -> paced (the client must read) -> TLS -> stream (retold: hyper's own answers as ours) -> hyper -> gate -> warp
//!
//!  reserve   places for `/health` and `/metrics` when all others are taken
//! ```

mod gate;
mod paced;
mod reserve;
mod retold;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use gate::{Access, Arrivals, Gate};
use paced::Paced;
use reserve::Reserve;
pub use stream::Stream;

/// How many connections the system may keep for us to accept: a whole crowd may come back at once.
const BACKLOG: u32 = 4_096;

/// How many bytes the system may hold of what a client has sent and we have not read (Linux doubles it, for what it keeps
/// beside the bytes). Left to itself it lets that grow to megabytes: memory that anybody can take who sends faster than they
/// are answered, and bursts that keep everybody else waiting for as long as they take to read. At 100 ms of round trip time
/// it still lets some 2 MB a second through.
const RECEIVE: u32 = 192 << 10;

/// How many bytes the system may hold of what we have written and a client has not read. Left to itself it lets that grow to
/// megabytes, too; and it says that there is room again when a third of it is free, by which we see that a client reads.
const SEND: u32 = 192 << 10;

/// How long a TLS handshake may take, and the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long we rest when the system has no file descriptor left.
const REST: Duration = Duration::from_millis(50);

/// How many bytes of a request are held at a time; its head must fit.
const BUFFER: usize = 32 << 10;

/// How long a connection may last for which there is no place but one in reserve.
const RESERVED: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many connections there may be, upgraded ones included.
    pub connections: usize,
    /// With what to speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// What stands before every path.
    pub base_path: String,
}

/// Where a request comes from, among its extensions: a proxy, if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What the server's tasks live and die by. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifetime {
    /// Every task of a connection, upgraded or not.
    pub tasks: TaskTracker,
    /// Cancelled when the drain begins: nothing new is accepted, idle connections end.
    pub draining: CancellationToken,
    /// Cancelled when the drain's time is nearly over: requests that still wait for their answer are told so.
    pub late: CancellationToken,
    /// Cancelled when the drain's time is over: what is left is cut.
    pub cut: CancellationToken,
}

/// Opens the listening socket.
///
/// # Errors
/// If the address is taken, or not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart need not wait for the connections of the last run to be forgotten.
    socket.set_reuseaddr(true)?;
    // Connections inherit it; and it must stand before the handshake, which agrees on the scale of the window.
    socket.set_recv_buffer_size(RECEIVE)?;
    socket.set_send_buffer_size(SEND)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts and serves connections until the drain begins.
pub async fn serve(listener: TcpListener, filter: BoxedFilter<(Response,)>, options: Options, lifetime: Lifetime) {
    let gate = Gate::new(filter, &options.base_path, options.tls.is_some(), lifetime.late.clone());
    let acceptor = options.tls.map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
    let reserve = Reserve::default();
    let mut complaint = Complaint::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = lifetime.draining.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                complaint.about("a connection could not be accepted", &error);
                if !is_of_one_connection(&error) {
                    sleep(REST).await;
                }
                continue;
            }
        };
        let place = Arc::clone(&room).try_acquire_owned().ok();
        let (acceptor, gate) = (acceptor.clone(), gate.clone());
        let (draining, cut) = (lifetime.draining.clone(), lifetime.cut.clone());
        if place.is_some() {
            // `run_until_cancelled` would have room for the future twice.
            lifetime.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = cut.cancelled() => {}
                    () = connection(socket, place, acceptor, gate, draining) => {}
                }
            });
        } else {
            complaint.about("there is no room for another connection", &"see CHAT_MAX_CONNECTIONS");
            let reserved = reserve.enter();
            lifetime.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = cut.cancelled() => {}
                    () = reserved.cancelled() => {}
                    _ = timeout(RESERVED, connection(socket, None, acceptor, gate, draining)) => {}
                }
                reserved.cancel();
            });
        }
    }
}

/// Serves a connection; without a place, what those ask who run the node.
async fn connection(
    socket: TcpStream,
    place: Option<OwnedSemaphorePermit>,
    acceptor: Option<TlsAcceptor>,
    gate: Gate,
    draining: CancellationToken,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    let peer = socket.peer_addr().ok().map(Peer);
    let access = if place.is_some() { Access::Full } else { Access::Operations };
    let arrivals = Arrivals::default();
    let socket = Paced::new(socket, arrivals.clone());
    let stream = match acceptor {
        None => Stream::plain(socket, place),
        Some(acceptor) => match timeout(PATIENCE, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => Stream::tls(stream, place),
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        },
    };
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        Box::pin(gate.clone().answer(request, access, arrivals.clone()))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(access == Access::Full)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection failed");
    }
}

/// Tells whether an error of `accept` is about the connection alone that was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Says what is wrong at most once a second.
#[derive(Default)]
struct Complaint {
    last: Option<Instant>,
    kept_back: u64,
}

impl Complaint {
    fn about(&mut self, what: &str, why: &dyn std::fmt::Display) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.kept_back += 1;
            return;
        }
        tracing::warn!(error = %why, repeated = self.kept_back, "{what}");
        self.last = Some(Instant::now());
        self.kept_back = 0;
    }
}
