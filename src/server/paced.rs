//! A connection whose client must read what it asked for, until it becomes a WebSocket (whose outbox is bounded).
//!
//! hyper has no deadline for writing: an answer that is not read is kept for ever, and with it the connection's place.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::gate::Arrivals;

/// How long a client may take nothing of what is written to it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many bytes a second a client must take on average, once [`PATIENCE`] is used up.
const LEAST_RATE: u64 = 1_024;

/// A stream of bytes that is given up if its client does not read.
#[derive(Debug)]
pub(super) struct Paced<S> {
    bytes: S,
    /// `None`: anything goes.
    watch: Option<Box<Watch>>,
}

/// How patient we are with a client: waiting uses patience up, and each byte that it takes gives some of it back.
#[derive(Debug)]
struct Watch {
    left: Duration,
    waiting: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    arrivals: Arrivals,
}

impl<S> Paced<S> {
    /// Watches a stream, and tells `arrivals` when something has been read from it.
    pub(super) fn new(bytes: S, arrivals: Arrivals) -> Self {
        Self { bytes, watch: Some(Box::new(Watch { left: PATIENCE, waiting: None, timer: None, arrivals })) }
    }

    /// Stops to watch.
    pub(super) fn release(&mut self) {
        self.watch = None;
    }

    fn watched(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Some(watch) = &mut self.watch else { return written };
        match &written {
            Poll::Pending => {
                ready!(watch.waits(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read, or too slowly")))
            }
            Poll::Ready(Ok(bytes)) => {
                watch.took(*bytes);
                written
            }
            Poll::Ready(Err(_)) => written,
        }
    }
}

impl Watch {
    /// Is ready when there is no patience left.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = *self.waiting.get_or_insert_with(Instant::now) + self.left;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }

    fn took(&mut self, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        if self.left < PATIENCE {
            let worth = Duration::from_millis((bytes as u64).saturating_mul(1_000) / LEAST_RATE);
            self.left = self.left.saturating_add(worth).min(PATIENCE);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.bytes).poll_read(cx, buffer);
        if read.is_ready()
            && let Some(watch) = &this.watch
        {
            watch.arrivals.seen();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.bytes).poll_write(cx, bytes);
        this.watched(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().bytes).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().bytes).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.bytes).poll_write_vectored(cx, slices);
        this.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.bytes.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    /// Writes without end to a client that takes so many bytes each time after so long; tells how long it went on.
    async fn lasts(client: DuplexStream, ours: DuplexStream, bytes: usize, every: Duration) -> Option<Duration> {
        let reading = tokio::spawn(async move {
            let mut client = client;
            let mut some = vec![0; bytes];
            loop {
                sleep(every).await;
                if bytes == 0 || client.read_exact(&mut some).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        let began = Instant::now();
        let mut paced = Paced::new(ours, Arrivals::default());
        let writing = async {
            loop {
                if let Err(error) = paced.write_all(&[7; 512]).await {
                    return error;
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(3_600), writing).await;
        reading.abort();
        ended.ok().map(|error| {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            began.elapsed()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (client, ours) = duplex(1_024);
        assert_eq!(lasts(client, ours, 0, Duration::from_secs(1)).await, Some(PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_too_little_is_given_up_later() {
        let (client, ours) = duplex(1_024);
        let lasted = lasts(client, ours, 512, Duration::from_secs(1)).await.expect("it is too slow");
        assert!(lasted > PATIENCE && lasted < 3 * PATIENCE, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_slow_but_reads_is_served() {
        for (bytes, seconds) in [(2_048, 1), (32 << 10, 19)] {
            let (client, ours) = duplex(1_024);
            assert_eq!(lasts(client, ours, bytes, Duration::from_secs(seconds)).await, None, "{bytes} in {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_websocket_is_not_watched() {
        let (_client, ours) = duplex(8);
        let mut paced = Paced::new(ours, Arrivals::default());
        paced.release();
        let writing = tokio::time::timeout(Duration::from_secs(3_600), paced.write_all(&[7; 64])).await;
        writing.expect_err("it waits");
    }
}
