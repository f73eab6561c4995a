//! Slow readers: some connections stop reading, and the others must not notice.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::{Chat, Scenario};
use crate::args::SlowReadersShape;
use crate::audit::Violation;
use crate::client::{Client, Received};
use crate::connect::{connect, connect_with};
use crate::frame;
use crate::keys::Keys;
use crate::recorder::{OperationId, Recorder};
use crate::run_context::RunContext;
use crate::stats::float;

/// How many clients connect concurrently.
const CONCURRENCY: usize = 32;

/// The receive buffer of a slow reader, in bytes.
const RECEIVE_BUFFER: u32 = 8 * 1024;

/// The content for slow readers: 3,900 characters of four bytes each.
const TEXT: (&str, usize) = ("🙂", 3_900);

/// The bytes for each slow reader, at least: more than the hub (1 MiB) and the kernel (usually 4 MiB) buffer for a connection.
/// If it is still connected then, the server buffers without a limit.
const ENOUGH: u64 = 16 * 1024 * 1024;

/// The close code for a connection that answers no ping, as slow readers do in a long run.
const PING_TIMEOUT: u16 = 4_003;

/// Messages to slow readers in flight.
const IN_FLIGHT: usize = 8;

/// The close code for a slow reader.
const TOO_SLOW: u16 = 4_002;

/// A reader that receives nothing for this long has read everything.
const SILENCE: Duration = Duration::from_secs(2);

/// Pairs of users, and slow readers.
#[derive(Debug)]
pub struct SlowReaders {
    shape: SlowReadersShape,
    chat: Chat,
    /// Bytes that are sent to each slow reader.
    enough: u64,
}

/// The pairs and the slow readers.
#[derive(Debug)]
pub struct SlowReaderClients {
    pairs: Pairs,
    readers: Vec<Client>,
    flood: JoinHandle<()>,
    /// Bytes that the hub stored for all slow readers.
    stored: Rc<Cell<u64>>,
}

impl SlowReaders {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: SlowReadersShape) -> Self {
        let chat = Chat::new(shape.chat.clone());
        Self { shape, chat, enough: ENOUGH.max(3 * kernel_send_buffer_limit()) }
    }
}

impl Scenario for SlowReaders {
    type Clients = SlowReaderClients;

    fn name(&self) -> &'static str {
        "slow-readers"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.chat.settings();
        settings.push(("slow readers", self.shape.slow_readers.to_string()));
        settings
    }

    fn keys(&self) -> Option<Keys> {
        self.chat.keys()
    }

    fn connections(&self) -> u32 {
        // One more: the author of the messages to the slow readers.
        self.chat.connections() + self.shape.slow_readers + 1
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<SlowReaderClients> {
        let pairs = self.chat.open(context).await?;
        let first = context.first_user + u64::from(self.shape.chat.pairs) * 2;
        let author = first + u64::from(self.shape.slow_readers);
        let connect_reader = |number: u32| async move {
            let user = first + u64::from(number);
            let mut options = context.target.connect_options(user)?;
            options.receive_buffer = Some(RECEIVE_BUFFER);
            options.read_buffer = 1024;
            anyhow::Ok(connect_with(context.target.legacy, options, user, number).await?.client)
        };
        let readers: Vec<Client> =
            stream::iter(0..self.shape.slow_readers).map(connect_reader).buffered(CONCURRENCY).try_collect().await?;
        let stored = Rc::new(Cell::new(0));
        let recorder = Rc::clone(&context.recorder);
        let mut flood = Flood {
            client: connect(context.target, author, 0).await?,
            run: context.run_id.clone(),
            keys: self.shape.chat.keys.keys,
            first,
            readers: u64::from(self.shape.slow_readers),
            operation: recorder.operation("message to a slow reader"),
            recorder: Rc::clone(&recorder),
            stored: Rc::clone(&stored),
            enough: self.enough,
        };
        let flood = tokio::task::spawn_local(async move {
            recorder.started().await;
            if let Err(error) = flood.run().await {
                recorder.note(format!("the author of the messages to the slow readers failed: {error}"));
            }
        });
        Ok(SlowReaderClients { pairs, readers, flood, stored })
    }

    async fn close(&self, clients: SlowReaderClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        clients.flood.abort();
        let recorder = &context.recorder;
        let enough = self.enough;
        let each = clients.stored.get() / u64::from(self.shape.slow_readers);
        let mut ends = stream::iter(clients.readers).map(read_to_end).buffer_unordered(CONCURRENCY);
        let (mut too_slow, mut disconnected, mut connected) = (0_u64, 0_u64, 0_u64);
        while let Some(end) = ends.next().await {
            match end {
                Some(Received::Closed(TOO_SLOW, _)) => too_slow += 1,
                Some(Received::Disconnected) => disconnected += 1,
                Some(Received::Closed(PING_TIMEOUT, _)) if each < enough => connected += 1,
                Some(other) => recorder.violation(Violation::Unclosed, || {
                    format!("a slow reader got {other}, and not a close frame with code {TOO_SLOW}")
                }),
                None if each >= enough => {
                    connected += 1;
                    recorder.violation(Violation::Unclosed, || {
                        format!("a slow reader is still connected after {each} bytes")
                    });
                }
                None => connected += 1,
            }
        }
        let of = format!("of {}", self.shape.slow_readers);
        recorder.figure("slow readers closed with 4002", float(too_slow), &of);
        recorder.figure("slow readers disconnected without a code", float(disconnected), &of);
        recorder.figure("slow readers still connected", float(connected), &of);
        recorder.figure("sent to each slow reader", float(each) / 1e6, "MB");
        recorder.note("the server's costs include the messages to the slow readers");
        if connected > 0 && each < enough {
            let (sent, enough) = (each / 1_000_000, enough / 1_000_000);
            recorder.invalid(format!(
                "{connected} {of} slow readers were not closed, but they were sent {sent} MB each instead of {enough}: run \
                 longer (--seconds), with fewer slow readers (--slow-readers), or without a rate limit (CHAT_RATE_LIMIT=off)"
            ));
        }
        self.chat.close(clients.pairs, context).await
    }
}

/// Returns the maximal size of a TCP send buffer in the kernel, in bytes: tcp(7), `tcp_wmem`.
fn kernel_send_buffer_limit() -> u64 {
    let limits = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    limits.split_whitespace().next_back().and_then(|limit| limit.parse().ok()).unwrap_or_default()
}

/// Reads until the connection ends, and returns how it ended; `None` if it is still connected.
async fn read_to_end(mut reader: Client) -> Option<Received> {
    loop {
        match tokio::time::timeout(SILENCE, reader.next()).await {
            Ok(Received::Text(_)) => {}
            Ok(ended) => return Some(ended),
            Err(_) => return None,
        }
    }
}

/// The messages to the slow readers.
struct Flood {
    client: Client,
    run: String,
    keys: Keys,
    first: u64,
    readers: u64,
    operation: OperationId,
    recorder: Rc<Recorder>,
    /// Bytes that the hub stored for all slow readers.
    stored: Rc<Cell<u64>>,
    /// Bytes that are sent to each slow reader.
    enough: u64,
}

impl Flood {
    /// Sends to all slow readers in turn, as fast as the hub stores, until each was sent enough.
    async fn run(&mut self) -> anyhow::Result<()> {
        let text = TEXT.0.repeat(TEXT.1);
        let bytes = text.len() as u64;
        let all = self.enough.div_ceil(bytes) * self.readers;
        let mut number = 0;
        let mut in_flight = VecDeque::new();
        while number < all || !in_flight.is_empty() {
            while number < all && in_flight.len() < IN_FLIGHT {
                let (run, reader) = (&self.run, self.first + number % self.readers);
                let key = self.keys.one(&format!("{run}-feed-{number}"));
                let frame =
                    format!(r#"{{"type":"message_send","temp_id":"{key}","receiver_id":{reader},"content":"{text}"}}"#);
                self.client.send(frame).await?;
                in_flight.push_back(Instant::now());
                number += 1;
            }
            let received = self.client.next().await;
            let now = Instant::now();
            let Received::Text(text) = &received else { anyhow::bail!("{received}") };
            match frame::kind(text) {
                Some("message_ack") => {
                    self.stored.set(self.stored.get() + bytes);
                    let sent = in_flight.pop_front().unwrap_or(now);
                    self.recorder.completed(self.operation, sent, sent, now);
                }
                Some("error") => {
                    in_flight.pop_front();
                    let code = frame::text(text, r#""code":"#).unwrap_or("unknown");
                    self.recorder.refused(self.operation, code, now);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
