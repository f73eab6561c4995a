//! Our accept loop: connections in, each served by hyper under limits, all of them ended by the drain.
//!
//! `warp::serve` has no limit on connections, no deadline for headers, no TLS, no `TCP_NODELAY`, and its graceful
//! end ignores upgraded sockets; so this stands in its place.

mod late;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use late::Late;
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

/// The answer to whom there is no room for.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
Connection: close\r\nContent-Length: 127\r\n\r\n\
{\"error\":{\"code\":\"overloaded\",\"message\":\"this node has no room for another connection\",\"temporary\":true,\
\"retry_after_ms\":1000}}";

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many connections there may be, upgraded ones included.
    pub connections: usize,
    /// With what to speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
}

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
    let acceptor = options.tls.map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
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
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            complaint.about("there is no room for another connection", &"see CHAT_MAX_CONNECTIONS");
            lifetime.tasks.spawn(turn_away(socket, acceptor.is_some()));
            continue;
        };
        let (acceptor, filter) = (acceptor.clone(), filter.clone());
        let (draining, late, cut) = (lifetime.draining.clone(), lifetime.late.clone(), lifetime.cut.clone());
        // `run_until_cancelled` would have room for the future twice.
        lifetime.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cut.cancelled() => {}
                () = connection(socket, place, acceptor, filter, (draining, late)) => {}
            }
        });
    }
}

async fn connection(
    socket: TcpStream,
    place: tokio::sync::OwnedSemaphorePermit,
    acceptor: Option<TlsAcceptor>,
    filter: BoxedFilter<(Response,)>,
    (draining, late): (CancellationToken, CancellationToken),
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    let stream = match acceptor {
        None => Stream::plain(socket, place),
        Some(acceptor) => match timeout(PATIENCE, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => Stream::tls(stream, place),
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        },
    };
    let service = Late::new(TowerToHyperService::new(warp::service(filter)), late);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
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

/// Says that there is no room, to those who understand it.
async fn turn_away(mut socket: TcpStream, tls: bool) {
    if tls {
        return;
    }
    let answer = async {
        socket.write_all(FULL).await?;
        socket.shutdown().await?;
        // What the client has sent must be read, or the system takes our answer back.
        let mut rest = [0; 1_024];
        while tokio::io::AsyncReadExt::read(&mut socket, &mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    drop(timeout(Duration::from_secs(1), answer).await);
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

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_answer_to_a_crowd_is_of_the_length_that_it_says() {
        let text = std::str::from_utf8(FULL).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["error"]["code"], "overloaded");
    }
}
