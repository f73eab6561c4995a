//! A TCP proxy in user space that puts faults on a link: between a hub and its database, a hub and NATS, or two NATS servers.
//!
//! ```text
//!  client ──► accept ──► up:   read → hold → due → write ──► server
//!         ◄──            down: write ← due ← hold ← read ◄──
//! ```
//!
//! Each fault is set by a method. It applies to open and to new connections, until [`FaultProxy::heal`]. Nothing is random:
//! the same schedule calls the same methods at the same times.
//!
//! A *black hole* passes nothing in a direction and closes nothing, like a cable that is pulled. The proxy holds the bytes
//! that come meanwhile, and passes them on after [`FaultProxy::heal`], as TCP would send them again.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::waiting::passes;

/// Chunks of a direction that wait for their delay.
const QUEUE: usize = 256;

/// A direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// When a connection is cut at certain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the server receives them.
    Before,
    /// When the server has answered, before the client receives the answer.
    After,
}

/// A running proxy to a port of this machine.
#[derive(Debug)]
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    faults: watch::Sender<Faults>,
    /// How many bytes may pass in a direction before all connections are cut; `u64::MAX` is no limit.
    budgets: [AtomicU64; 2],
    passed: [AtomicU64; 2],
    open: AtomicUsize,
    trap: Mutex<Option<Trap>>,
    /// Bytes, and those that take their place.
    rewriting: Mutex<Option<(Vec<u8>, Vec<u8>)>>,
    sprung: AtomicU64,
}

/// Cuts the link at certain bytes.
#[derive(Debug, Clone)]
struct Trap {
    bytes: Vec<u8>,
    when: When,
    /// Whether the link stays cut.
    for_good: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Faults {
    refuses: bool,
    /// Counts the cuts: a connection ends at the next one.
    cuts: u64,
    /// Whether the last cut was a reset.
    by_reset: bool,
    ways: [Way; 2],
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Way {
    black_hole: bool,
    delay: Duration,
    bytes_per_second: Option<u32>,
}

impl FaultProxy {
    /// Starts a proxy to a port of this machine, with no fault.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server,
            faults: watch::channel(Faults::default()).0,
            budgets: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
            passed: Default::default(),
            open: AtomicUsize::new(0),
            trap: Mutex::new(None),
            rewriting: Mutex::new(None),
            sprung: AtomicU64::new(0),
        });
        let ours = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A refused connection is closed at once: a client cannot tell it from a server that ends.
                if !ours.faults.borrow().refuses {
                    tokio::spawn(connection(client, Arc::clone(&ours)));
                }
            }
        });
        Self { port, shared }
    }

    /// Returns the proxy's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections and refuses new ones.
    pub fn cut(&self) {
        self.shared.change(|faults| (faults.refuses, faults.cuts, faults.by_reset) = (true, faults.cuts + 1, false));
    }

    /// Closes all connections with a reset; new ones pass.
    pub fn reset(&self) {
        self.shared.change(|faults| (faults.cuts, faults.by_reset) = (faults.cuts + 1, true));
    }

    /// Passes nothing in a direction, and closes nothing.
    pub fn black_hole(&self, direction: Direction) {
        self.shared.change(|faults| faults.ways[direction as usize].black_hole = true);
    }

    /// Delays each byte of a direction.
    pub fn delay(&self, direction: Direction, by: Duration) {
        self.shared.change(|faults| faults.ways[direction as usize].delay = by);
    }

    /// Passes so many bytes per second in a direction, for each connection.
    pub fn throttle(&self, direction: Direction, bytes_per_second: u32) {
        self.shared.change(|faults| faults.ways[direction as usize].bytes_per_second = Some(bytes_per_second.max(1)));
    }

    /// Closes all connections once when so many more bytes have passed in a direction: in the middle of a frame, most often.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.shared.budgets[direction as usize].store(bytes, Ordering::SeqCst);
    }

    /// Closes the connection that next sends these bytes to the server, and all others. `for_good`: new ones are refused, too.
    pub fn cut_at(&self, bytes: &[u8], when: When, for_good: bool) {
        *self.shared.trap.lock().unwrap() = Some(Trap { bytes: bytes.to_vec(), when, for_good });
    }

    /// Replaces `bytes` by as many others, in both directions. It misses them where they arrive in two reads.
    ///
    /// # Panics
    /// If `by` has another length than `bytes`.
    pub fn set_rewrite(&self, bytes: &[u8], by: &[u8]) {
        assert_eq!(bytes.len(), by.len(), "what comes after them would move");
        *self.shared.rewriting.lock().unwrap() = Some((bytes.to_vec(), by.to_vec()));
    }

    /// Returns how often [`FaultProxy::cut_at`] has cut.
    #[must_use]
    pub fn sprung(&self) -> u64 {
        self.shared.sprung.load(Ordering::SeqCst)
    }

    /// Ends all faults. Connections that were closed stay closed.
    pub fn heal(&self) {
        *self.shared.trap.lock().unwrap() = None;
        *self.shared.rewriting.lock().unwrap() = None;
        self.shared.budgets.iter().for_each(|budget| budget.store(u64::MAX, Ordering::SeqCst));
        self.shared.change(|faults| *faults = Faults { cuts: faults.cuts, ..Faults::default() });
    }

    /// Returns how many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Returns how many bytes have passed in a direction.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.passed[direction as usize].load(Ordering::SeqCst)
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
    }

    fn way(&self, direction: Direction) -> Way {
        self.faults.borrow().ways[direction as usize]
    }

    /// Waits until a direction is no black hole.
    async fn is_passable(&self, direction: Direction) {
        let mut faults = self.faults.subscribe();
        // The sender is a field of this struct, so it is not gone.
        let _ = faults.wait_for(|faults| !faults.ways[direction as usize].black_hole).await;
    }

    /// Takes up to `wanted` bytes out of the budget of a direction; returns how many may pass.
    fn budget(&self, direction: Direction, wanted: usize) -> usize {
        let budget = &self.budgets[direction as usize];
        let left = budget.load(Ordering::SeqCst);
        if left == u64::MAX {
            return wanted;
        }
        let granted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        budget.store(left - granted as u64, Ordering::SeqCst);
        granted
    }

    /// Returns the trap that these bytes spring, and removes it.
    fn springs(&self, bytes: &[u8]) -> Option<Trap> {
        let mut trap = self.trap.lock().unwrap();
        let found = trap.as_ref().is_some_and(|trap| {
            let wanted = trap.bytes.as_slice();
            bytes.windows(wanted.len().max(1)).any(|window| window == wanted)
        });
        if found { trap.take() } else { None }
    }

    /// Rewrites what passes.
    fn rewrite(&self, passing: &mut [u8]) {
        let rewriting = self.rewriting.lock().unwrap();
        let Some((bytes, by)) = rewriting.as_ref().filter(|(bytes, _)| !bytes.is_empty()) else { return };
        let mut at = 0;
        while let Some(found) =
            passing.get(at..).and_then(|rest| rest.windows(bytes.len()).position(|window| window == bytes))
        {
            at += found;
            passing[at..at + by.len()].copy_from_slice(by);
            at += by.len();
        }
    }

    fn spring(&self, trap: &Trap) {
        self.sprung.fetch_add(1, Ordering::SeqCst);
        self.change(|faults| {
            faults.refuses |= trap.for_good;
            (faults.cuts, faults.by_reset) = (faults.cuts + 1, false);
        });
    }
}

/// The state that the two directions of a connection share.
#[derive(Default)]
struct Link {
    /// The trap that the server's next answer springs.
    trap: Mutex<Option<Trap>>,
    swallows: AtomicBool,
}

async fn connection(mut client: TcpStream, shared: Arc<Shared>) {
    let mut faults = shared.faults.subscribe();
    let born = faults.borrow_and_update().cuts;
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", shared.server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    shared.open.fetch_add(1, Ordering::SeqCst);
    let link = Link::default();
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = pass(from_client, to_server, Direction::Up, &shared, &link) => {}
            () = pass(from_server, to_client, Direction::Down, &shared, &link) => {}
            _ = faults.wait_for(|faults| faults.cuts != born) => {}
        }
    }
    if shared.faults.borrow().cuts != born && shared.faults.borrow().by_reset {
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

/// Passes the bytes of one direction until it ends.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    shared: &Shared,
    link: &Link,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE);
    let reading = async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
            let due = Instant::now() + shared.way(direction).delay;
            if sender.send((due, buffer[..count].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some((due, mut bytes)) = receiver.recv().await {
            // A sleep takes until the next millisecond at least: without a delay, each round trip would take two more.
            if due > Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            shared.is_passable(direction).await;
            shared.rewrite(&mut bytes);
            if !hand_over(&bytes, &mut to, direction, shared, link).await {
                return;
            }
        }
    };
    // The end of reading does not end the connection: everything that was read is written first.
    tokio::select! {
        () = writing => {}
        () = async {
            reading.await;
            std::future::pending::<()>().await;
        } => {}
    }
}

/// Writes a chunk; returns whether the connection goes on.
async fn hand_over(
    bytes: &[u8],
    to: &mut (impl AsyncWrite + Unpin),
    direction: Direction,
    shared: &Shared,
    link: &Link,
) -> bool {
    match direction {
        Direction::Up => {
            if let Some(trap) = shared.springs(bytes) {
                if trap.when == When::Before {
                    shared.spring(&trap);
                    return false;
                }
                *link.trap.lock().unwrap() = Some(trap);
                link.swallows.store(true, Ordering::SeqCst);
            }
        }
        Direction::Down if link.swallows.load(Ordering::SeqCst) => {
            if let Some(trap) = link.trap.lock().unwrap().take() {
                shared.spring(&trap);
            }
            return false;
        }
        Direction::Down => {}
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        let way = shared.way(direction);
        // The bytes of a tenth of a second at a time.
        let piece = way.bytes_per_second.map_or(rest.len(), |rate| (rate as usize / 10).max(1)).min(rest.len());
        let granted = shared.budget(direction, piece);
        if to.write_all(&rest[..granted]).await.is_err() {
            return false;
        }
        shared.passed[direction as usize].fetch_add(granted as u64, Ordering::SeqCst);
        if granted < piece {
            let _ = to.flush().await;
            shared.budgets[direction as usize].store(u64::MAX, Ordering::SeqCst);
            shared.change(|faults| (faults.cuts, faults.by_reset) = (faults.cuts + 1, false));
            return false;
        }
        rest = &rest[piece..];
        if let Some(rate) = way.bytes_per_second {
            passes(Duration::from_secs_f64(piece as f64 / f64::from(rate))).await;
        }
    }
    true
}

#[cfg(test)]
mod tests;
