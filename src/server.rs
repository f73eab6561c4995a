//! The accept loop: hyper serves each connection under limits, and the drain ends them all.
//!
//! `warp::serve` has no limit on connections, no deadline for headers, no TLS, no `TCP_NODELAY`, and its graceful
//! shutdown ignores upgraded sockets; this accept loop replaces it.
//!
//! ```text
//!  socket -> write_deadline -> TLS -> stream (hyper_errors: hyper's own error responses in our form) -> hyper -> gate -> warp
//!
//!  operations_reserve   connections for `/health` and `/metrics` when all permits are taken
//! ```

mod bad_gateway;
mod gate;
mod hyper_errors;
mod operations_reserve;
mod read_flag;
mod stream;
mod write_deadline;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use warp::filters::BoxedFilter;
use warp::reply::Response;

pub use bad_gateway::BAD_GATEWAY_CLOSE;
use gate::{Access, Gate};
use operations_reserve::OperationsReserve;
use read_flag::ReadFlag;
pub use stream::Stream;
use write_deadline::WriteDeadline;

use crate::client_address::Peer;
use crate::shutdown::Shutdown;

/// How many connections the kernel queues for `accept`: all clients may reconnect at once.
const BACKLOG: u32 = 4_096;

/// The size of a connection's receive buffer in the kernel (Linux doubles it, for its own bookkeeping). By default it grows to
/// megabytes: memory that a client can take by sending faster than it is answered, and bursts that delay all other clients
/// while they are read. At a round trip time of 100 ms this size still lets some 2 MB a second through.
const RECEIVE_BUFFER: u32 = 192 << 10;

/// The size of a connection's send buffer in the kernel. By default it grows to megabytes, too. The socket becomes writable when
/// a third of the buffer is free, which shows that the client reads.
const SEND_BUFFER: u32 = 192 << 10;

/// The deadline for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the drain waits for the first request of a connection that has sent none yet: a proxy that has just connected is
/// about to send one.
const FIRST_REQUEST: Duration = Duration::from_millis(250);

/// How long the loop waits when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The size of hyper's read buffer; the head of a request must fit.
const REQUEST_BUFFER: usize = 32 << 10;

/// How long a connection from the reserve may last.
const RESERVED_LIFETIME: Duration = Duration::from_secs(5);

/// The settings of the accept loop.
#[derive(Debug, Clone)]
pub struct Options {
    /// The maximum number of connections, upgraded ones included.
    pub connections: usize,
    /// The TLS configuration; `None`: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// The prefix of every path; empty, or `/api`.
    pub base_path: String,
}

/// Opens the listening socket.
///
/// # Errors
/// If the address is taken, or is not one of this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart need not wait until the kernel has forgotten the connections of the last run.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit the sizes. They are set before the TCP handshake, which negotiates the window scale.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Takes a listening socket over from the service manager, which has opened it.
///
/// # Errors
/// If the kernel refuses its settings.
pub fn inherit(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    // As for a socket of our own.
    set_socket_recv_buffer_size(&listener, RECEIVE_BUFFER as usize)?;
    set_socket_send_buffer_size(&listener, SEND_BUFFER as usize)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Accepts and serves connections until the drain begins.
pub async fn serve(listener: TcpListener, filter: BoxedFilter<(Response,)>, options: Options, shutdown: Shutdown) {
    let draining = shutdown.draining.clone();
    let mut connections = Connections {
        gate: Gate::new(filter, &options.base_path, options.tls.is_some(), shutdown.late.clone()),
        acceptor: options.tls.map(TlsAcceptor::from),
        permits: Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS))),
        reserve: OperationsReserve::default(),
        warnings: ThrottledWarnings::default(),
        shutdown,
    };
    loop {
        let accepted = tokio::select! {
            biased;
            () = draining.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => connections.serve(socket),
            Err(error) => {
                connections.warnings.warn("a connection could not be accepted", &error);
                if !is_of_one_connection(&error) {
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    connections.serve_queued(listener);
}

/// The state with which every connection is served.
struct Connections {
    gate: Gate,
    acceptor: Option<TlsAcceptor>,
    permits: Arc<Semaphore>,
    reserve: OperationsReserve,
    warnings: ThrottledWarnings,
    shutdown: Shutdown,
}

impl Connections {
    /// Serves a connection on a task of its own.
    fn serve(&mut self, socket: TcpStream) {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        let (acceptor, gate) = (self.acceptor.clone(), self.gate.clone());
        let (draining, cut) = (self.shutdown.draining.clone(), self.shutdown.cut.clone());
        if permit.is_some() {
            // `run_until_cancelled` would reserve memory for the future twice.
            self.shutdown.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = cut.cancelled() => {}
                    () = connection(socket, permit, acceptor, gate, draining) => {}
                }
            });
        } else {
            self.warnings.warn("there is no room for another connection", &"see CHAT_MAX_CONNECTIONS");
            let reserved = self.reserve.enter();
            self.shutdown.tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = cut.cancelled() => {}
                    () = reserved.cancelled() => {}
                    _ = timeout(RESERVED_LIFETIME, connection(socket, None, acceptor, gate, draining)) => {}
                }
                reserved.cancel();
            });
        }
    }

    /// Serves the connections that the kernel has queued, then closes the listening socket. If it were closed first, the
    /// kernel would reset those connections, and a proxy does not send a POST a second time.
    fn serve_queued(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        for _ in 0..BACKLOG {
            let Ok((socket, _)) = listener.accept() else { return };
            if let Ok(socket) = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)) {
                self.serve(socket);
            }
        }
    }
}

/// Serves a connection; without a permit, only `/health` and `/metrics`.
async fn connection(
    socket: TcpStream,
    permit: Option<OwnedSemaphorePermit>,
    acceptor: Option<TlsAcceptor>,
    gate: Gate,
    draining: CancellationToken,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    let peer = socket.peer_addr().ok().map(Peer);
    let access = if permit.is_some() { Access::Full } else { Access::Operations };
    let read_flag = ReadFlag::default();
    let socket = WriteDeadline::new(socket, read_flag.clone());
    let stream = match acceptor {
        None => Stream::plain(socket, permit),
        Some(acceptor) => match timeout(HEAD_TIMEOUT, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => Stream::tls(stream, permit),
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        },
    };
    let first_request = Arc::new(Notify::new());
    let asked = Arc::clone(&first_request);
    let service = service_fn(move |mut request: Request<Incoming>| {
        asked.notify_one();
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        Box::pin(gate.clone().answer(request, access, read_flag.clone()))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(access == Access::Full)
        .max_buf_size(REQUEST_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    // hyper's graceful shutdown closes a connection that has sent no request at once, so the first request is awaited.
    let ending = async {
        draining.cancelled().await;
        let _ = timeout(FIRST_REQUEST, first_request.notified()).await;
    };
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = ending => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection failed");
    }
}

/// Tells whether an error of `accept` concerns only the accepted connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Logs at most one warning a second.
#[derive(Default)]
struct ThrottledWarnings {
    last: Option<Instant>,
    suppressed: u64,
}

impl ThrottledWarnings {
    fn warn(&mut self, what: &str, why: &dyn std::fmt::Display) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.suppressed += 1;
            return;
        }
        tracing::warn!(error = %why, repeated = self.suppressed, "{what}");
        self.last = Some(Instant::now());
        self.suppressed = 0;
    }
}
