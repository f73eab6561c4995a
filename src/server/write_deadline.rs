//! A deadline for writes: the client of an HTTP connection must read its responses. A WebSocket's outbox has limits of its own.
//!
//! hyper has no deadline for writes: it would keep a response that is not read for ever, and the connection's permit with it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::read_flag::ReadFlag;

/// How long a client may read nothing.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How many bytes a second a client must read on average, once [`TIMEOUT`] is used up.
const MIN_RATE: u64 = 1_024;

/// A byte stream whose writes fail if the client does not read.
#[derive(Debug)]
pub(super) struct WriteDeadline<S> {
    bytes: S,
    /// `None`: there is no deadline any more.
    budget: Option<Box<Budget>>,
}

/// The time that writes may still wait. Waiting uses it up, and each byte that the client reads gives some of it back.
#[derive(Debug)]
struct Budget {
    left: Duration,
    waiting: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    read_flag: ReadFlag,
}

impl<S> WriteDeadline<S> {
    /// Sets a deadline for a stream's writes, and sets `read_flag` when bytes have been read from it.
    pub(super) fn new(bytes: S, read_flag: ReadFlag) -> Self {
        Self { bytes, budget: Some(Box::new(Budget { left: TIMEOUT, waiting: None, timer: None, read_flag })) }
    }

    /// Removes the deadline.
    pub(super) fn remove(&mut self) {
        self.budget = None;
    }

    fn check(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Some(budget) = &mut self.budget else { return written };
        match &written {
            Poll::Pending => {
                ready!(budget.poll_used_up(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read, or too slowly")))
            }
            Poll::Ready(Ok(bytes)) => {
                budget.wrote(*bytes);
                written
            }
            Poll::Ready(Err(_)) => written,
        }
    }
}

impl Budget {
    /// Is ready when no time is left.
    fn poll_used_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = *self.waiting.get_or_insert_with(Instant::now) + self.left;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }

    fn wrote(&mut self, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        if self.left < TIMEOUT {
            let earned = Duration::from_millis((bytes as u64).saturating_mul(1_000) / MIN_RATE);
            self.left = self.left.saturating_add(earned).min(TIMEOUT);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.bytes).poll_read(cx, buffer);
        if read.is_ready()
            && let Some(budget) = &this.budget
        {
            budget.read_flag.set();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.bytes).poll_write(cx, bytes);
        this.check(cx, written)
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
        this.check(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.bytes.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use chat_testkit::waiting::passes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Writes without end to a client that reads so many bytes at each interval; returns how long the writes went on.
    async fn lasts(client: DuplexStream, ours: DuplexStream, bytes: usize, every: Duration) -> Option<Duration> {
        let reading = tokio::spawn(async move {
            let mut client = client;
            let mut some = vec![0; bytes];
            loop {
                passes(every).await;
                if bytes == 0 || client.read_exact(&mut some).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        let began = Instant::now();
        let mut stream = WriteDeadline::new(ours, ReadFlag::default());
        let writing = async {
            loop {
                if let Err(error) = stream.write_all(&[7; 512]).await {
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
    async fn writes_to_a_client_that_reads_nothing_fail() {
        let (client, ours) = duplex(1_024);
        assert_eq!(lasts(client, ours, 0, Duration::from_secs(1)).await, Some(TIMEOUT));
    }

    #[tokio::test(start_paused = true)]
    async fn writes_to_a_client_that_reads_too_little_fail_later() {
        let (client, ours) = duplex(1_024);
        let lasted = lasts(client, ours, 512, Duration::from_secs(1)).await.expect("it is too slow");
        assert!(lasted > TIMEOUT && lasted < 3 * TIMEOUT, "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_that_reads_is_served() {
        for (bytes, seconds) in [(2_048, 1), (32 << 10, 19)] {
            let (client, ours) = duplex(1_024);
            assert_eq!(lasts(client, ours, bytes, Duration::from_secs(seconds)).await, None, "{bytes} in {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_websocket_has_no_write_deadline() {
        let (_client, ours) = duplex(8);
        let mut stream = WriteDeadline::new(ours, ReadFlag::default());
        stream.remove();
        let writing = tokio::time::timeout(Duration::from_secs(3_600), stream.write_all(&[7; 64])).await;
        writing.expect_err("it waits");
    }
}
