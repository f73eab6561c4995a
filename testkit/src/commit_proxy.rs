//! A TCP proxy before a database server that cuts the connection at a COMMIT.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::waiting::passes;

/// The delay of a COMMIT with [`Cut::AndCommitLater`]: below the two seconds after which servers end an idle transaction.
const LATER: Duration = Duration::from_secs(1);

/// When the proxy cuts a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// Never.
    Never = 0,
    /// Before the server receives the COMMIT.
    BeforeCommit = 1,
    /// After the server has answered, before the client receives the answer.
    AfterCommit = 2,
    /// As `AfterCommit`, and new connections are refused from then on.
    AfterCommitForGood = 3,
    /// New connections are refused.
    Closed = 4,
    /// Before the server receives the COMMIT, which it gets a second later nevertheless.
    AndCommitLater = 5,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    /// Starts a proxy to a local port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(Cut::Never as u8));
        let ours = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if ours.load(Ordering::SeqCst) != Cut::Closed as u8 {
                    tokio::spawn(pass(client, server, Arc::clone(&ours)));
                }
            }
        });
        Self { port, cut }
    }

    /// Returns the proxy's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts at the next COMMIT, as `cut` says.
    pub fn cut_at_next(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Tells whether the cut that was set has been made. Not for [`Cut::AfterCommitForGood`], which leaves the proxy closed.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }

    /// Passes all traffic again.
    pub fn let_through(&self) {
        self.cut_at_next(Cut::Never);
    }
}

async fn pass(mut client: TcpStream, server: u16, cut: Arc<AtomicU8>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                let armed = cut.load(Ordering::SeqCst);
                let commits = armed != Cut::Never as u8 && up[..count].windows(6).any(|word| word == b"COMMIT");
                if commits {
                    let then = if armed == Cut::AfterCommitForGood as u8 { Cut::Closed } else { Cut::Never };
                    cut.store(then as u8, Ordering::SeqCst);
                    if armed == Cut::AndCommitLater as u8 {
                        drop(client);
                        passes(LATER).await;
                    }
                    if armed != Cut::BeforeCommit as u8 {
                        let _ = server.write_all(&up[..count]).await;
                        let _ = server.read(&mut down).await;
                    }
                    return;
                }
                if server.write_all(&up[..count]).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&down[..count]).await.is_err() { return }
            }
        }
    }
}
