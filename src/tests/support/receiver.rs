//! A receiver of webhooks: what it answers is in the test's hand, and it keeps what it has heard.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::DEADLINE;

/// A request that has come.
#[derive(Debug, Clone)]
pub struct Heard {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: Value,
    pub raw: Vec<u8>,
    /// What the receiver answered.
    pub code: u16,
}

/// How the receiver answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With a status, further headers and a body.
    Says(u16, &'static str, String),
    /// With a status by what was heard.
    Judges(fn(&Heard) -> u16),
    /// Never.
    Hangs,
    /// By closing the connection.
    Resets,
}

impl Manner {
    pub fn status(code: u16) -> Self {
        Self::Says(code, "", String::new())
    }
}

/// A receiver of webhooks. It ends when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<AbortHandle>,
}

struct Shared {
    manner: Mutex<Manner>,
    heard: Mutex<Vec<Heard>>,
    /// Something was heard.
    news: Notify,
    connections: Mutex<Vec<AbortHandle>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Starts one that answers 204.
    pub async fn start() -> Self {
        let shared = Shared {
            manner: Mutex::new(Manner::status(204)),
            heard: Mutex::default(),
            news: Notify::new(),
            connections: Mutex::default(),
        };
        let mut receiver = Self { address: ([127, 0, 0, 1], 0).into(), shared: Arc::new(shared), accepting: None };
        receiver.comes_back().await;
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Listens again at the same place.
    pub async fn comes_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is free");
        self.address = listener.local_addr().expect("an address");
        let shared = Arc::clone(&self.shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = tokio::spawn(serve(Arc::clone(&shared), stream));
                lock(&shared.connections).push(serving.abort_handle());
            }
        });
        self.accepting = Some(accepting.abort_handle());
    }

    /// Is gone, with all connections.
    pub fn goes(&mut self) {
        self.accepting.take().inspect(AbortHandle::abort);
        lock(&self.shared.connections).drain(..).for_each(|connection| connection.abort());
    }

    pub fn answers(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// Returns everything that it has heard, in order.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// Returns what it took, each event once, in order.
    pub fn taken(&self) -> Vec<Heard> {
        let mut seen = std::collections::HashSet::new();
        let taken = self.heard().into_iter().filter(|heard| (200..300).contains(&heard.code));
        taken.filter(|heard| seen.insert(heard.id.clone())).collect()
    }

    /// Waits until it has taken so many events.
    pub async fn takes(&self, count: usize) -> Vec<Heard> {
        self.takes_within(count, DEADLINE).await
    }

    /// Waits until it has taken so many events, at most so long: a lease of a hub that was killed has to run out first.
    pub async fn takes_within(&self, count: usize, most: Duration) -> Vec<Heard> {
        let taken = || Some(self.taken()).filter(|taken| taken.len() >= count);
        self.waits(&format!("{count} events"), most, taken).await
    }

    /// Waits for a request that is wanted.
    pub async fn hears(&self, what: &str, wanted: impl Fn(&Heard) -> bool) -> Heard {
        self.waits(what, DEADLINE, || self.heard().into_iter().find(|heard| wanted(heard))).await
    }

    /// Looks at what it has heard whenever it hears something.
    async fn waits<T>(&self, what: &str, most: Duration, look: impl Fn() -> Option<T>) -> T {
        let waiting = async {
            loop {
                // From here on no news is missed.
                let mut news = std::pin::pin!(self.shared.news.notified());
                news.as_mut().enable();
                if let Some(found) = look() {
                    return found;
                }
                news.await;
            }
        };
        let late = |_| panic!("{what}: not within {most:?}; there are {} events", self.taken().len());
        tokio::time::timeout(most, waiting).await.unwrap_or_else(late)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.goes();
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    while let Some(mut heard) = read(&mut stream).await {
        let manner = lock(&shared.manner).clone();
        let (code, headers, body) = match &manner {
            Manner::Says(code, headers, body) => (*code, *headers, body.clone()),
            Manner::Judges(judge) => (judge(&heard), "", String::new()),
            Manner::Hangs | Manner::Resets => (0, "", String::new()),
        };
        heard.code = code;
        lock(&shared.heard).push(heard);
        shared.news.notify_waiters();
        match code {
            0 if matches!(manner, Manner::Hangs) => std::future::pending().await,
            0 => return,
            code => {
                let answer = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
                if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    assert!(head.starts_with("POST ") && header("content-type") == "application/json", "{head}");
    let mut raw = vec![0; header("content-length").parse().ok()?];
    stream.read_exact(&mut raw).await.ok()?;
    Some(Heard {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: serde_json::from_slice(&raw).unwrap_or_else(|error| panic!("no JSON: {error}")),
        raw,
        code: 0,
    })
}
