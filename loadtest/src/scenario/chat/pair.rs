//! A pair: the connections of an author and a reader, and the ledger of the messages between them.

use std::fmt::Write as _;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior};

use crate::args::{ChatShape, Receipts};
use crate::audit::{Completed, Ledger, Violation};
use crate::client::{Client, Error, Received, truncate};
use crate::connect::connect_on;
use crate::frame;
use crate::keys::KeySeries;
use crate::recorder::{OperationId, Recorder};
use crate::rest::Rest;
use crate::result::{HEARD_ACROSS, HEARD_LOCALLY};
use crate::run_context::{Pacing, RunContext};

/// How often a pair that receives nothing checks the time.
const TICK: Duration = Duration::from_millis(250);

/// How long after the end of the measurement due messages are still sent.
const GRACE: Duration = Duration::from_millis(250);

/// How long a pair listens after the last message, for frames that should not arrive.
const LINGER: Duration = Duration::from_millis(250);

/// The operations of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct OperationIds {
    message: OperationId,
    receipt: OperationId,
    /// From the acknowledgement to the reader, on one node and across nodes; `None` if there is one node.
    heard: Option<(OperationId, OperationId)>,
}

/// A connected pair.
pub(super) struct Pair {
    author: Client,
    reader: Client,
    pacing: Pacing,
    window: usize,
    text: String,
    receipts: Receipts,
    receipt_every: Duration,
    legacy: bool,
    deadline: Duration,
    /// The thread, from the first delivery on.
    thread: Option<u64>,
    /// The confirmation whose receipt the author has not got yet, and when it was sent.
    receipt: Option<(u64, Instant)>,
    receipt_sent: Instant,
    over: bool,
    tick: Interval,
    operations: OperationIds,
    heard: Option<OperationId>,
    recorder: Rc<Recorder>,
    conversation: Conversation,
}

/// The messages of a pair.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) author: u64,
    pub(super) reader: u64,
    /// The keys of its messages, by their number.
    pub(super) keys: KeySeries,
    /// The newest `seq` of the thread before the run.
    pub(super) base: u64,
    pub(super) ledger: Ledger,
}

impl OperationIds {
    pub(super) fn of(recorder: &Recorder, several_nodes: bool) -> Self {
        let (message, receipt) = (recorder.operation("message"), recorder.operation("receipt"));
        let heard = || (recorder.operation(HEARD_LOCALLY), recorder.operation(HEARD_ACROSS));
        Self { message, receipt, heard: several_nodes.then(heard) }
    }
}

impl Pair {
    /// Connects both users.
    pub(super) async fn open(
        context: &RunContext<'_>,
        shape: &ChatShape,
        number: u32,
        ((author, reader), nodes): ((u64, u64), (usize, usize)),
        pacing: Pacing,
        operations: OperationIds,
        rest: Option<&Rest>,
    ) -> anyhow::Result<Self> {
        let target = context.target;
        let keys = shape.keys.keys.series(format!("{}-{number}-", context.run_id));
        let base = match rest {
            Some(rest) => rest.newest(&target.token(reader)?, author).await?.seq,
            None => 0,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ledger = Ledger::new(format!("{author} → {reader}"), context.load.deadline);
        Ok(Self {
            author: connect_on(target, nodes.0, author, number * 2).await?,
            reader: connect_on(target, nodes.1, reader, number * 2 + 1).await?,
            heard: operations.heard.map(|(locally, across)| if nodes.0 == nodes.1 { locally } else { across }),
            pacing,
            window: usize::try_from(shape.window)?,
            text: "m".repeat(usize::try_from(shape.chars)?),
            receipts: if target.legacy { Receipts::None } else { shape.receipts },
            receipt_every: Duration::from_millis(shape.receipt_every),
            legacy: target.legacy,
            deadline: context.load.deadline,
            thread: None,
            receipt: None,
            receipt_sent: Instant::now(),
            over: false,
            tick,
            operations,
            recorder: Rc::clone(&context.recorder),
            conversation: Conversation { author, reader, keys, base, ledger },
        })
    }

    /// Sends and receives until the run ends and the last message is complete.
    pub(super) async fn run(mut self) -> Conversation {
        let window = self.recorder.started().await;
        while !self.over {
            let now = Instant::now();
            if self.confirm(now, false).await.is_err() || self.send(now).await.is_err() {
                self.disconnected("a socket", &Received::Disconnected);
                break;
            }
            let ending = now >= window.to + GRACE || (now >= window.to && self.nothing_is_due());
            if ending && self.conversation.ledger.waiting() == 0 {
                break;
            }
            self.receive().await;
        }
        if let Pacing::Open(queue) = &self.pacing {
            self.recorder.record_unsent(self.operations.message, queue.drain());
        }
        self.finish().await;
        self.conversation
    }

    /// Confirms the last message, waits for the author's receipt, and listens a little longer for frames that should not arrive.
    async fn finish(&mut self) {
        let began = Instant::now();
        if self.over || self.confirm(began, true).await.is_err() {
            return;
        }
        while !self.over && !self.conversation.ledger.is_receipted() && began.elapsed() < self.deadline {
            self.receive().await;
        }
        let listened = Instant::now();
        while !self.over && listened.elapsed() < LINGER {
            self.receive().await;
        }
        // The run is over: a failure to close does not matter.
        let _ = self.author.close().await;
        let _ = self.reader.close().await;
    }

    fn nothing_is_due(&self) -> bool {
        match &self.pacing {
            Pacing::Open(queue) => queue.is_closed() && queue.is_empty(),
            Pacing::Closed(_) => true,
        }
    }

    /// Sends the messages that are due, as far as the window allows.
    async fn send(&mut self, now: Instant) -> Result<(), Error> {
        if let Pacing::Open(queue) = &self.pacing
            && self.recorder.is_over(now.checked_sub(GRACE).unwrap_or(now))
        {
            self.recorder.record_unsent(self.operations.message, queue.drain());
        }
        let mut buffered = false;
        loop {
            let waiting = self.conversation.ledger.waiting();
            let intended = match &self.pacing {
                Pacing::Open(queue) if waiting < self.window => queue.take(),
                Pacing::Closed(in_flight) if waiting < *in_flight as usize && !self.recorder.is_over(now) => Some(now),
                Pacing::Open(_) | Pacing::Closed(_) => None,
            };
            let Some(intended) = intended else { break };
            let frame = self.next_message();
            self.author.feed(frame).await?;
            let written = if buffered { now } else { Instant::now() };
            let intended = if matches!(self.pacing, Pacing::Closed(_)) { written } else { intended };
            self.conversation.ledger.sent(intended, written.max(intended));
            buffered = true;
        }
        if buffered { self.author.flush().await } else { Ok(()) }
    }

    fn next_message(&self) -> String {
        let Conversation { author, reader, keys, ledger, .. } = &self.conversation;
        let number = ledger.next_number();
        let mut frame = String::with_capacity(self.text.len() + 192);
        frame.push_str(r#"{"type":"message_send","temp_id":""#);
        keys.write(number, &mut frame);
        // Writing to a String does not fail.
        let _ = write!(frame, r#"","receiver_id":{reader},"content":""#);
        if self.legacy {
            // A legacy service does not forward keys, so the content carries the key; and it trusts the sender_id.
            keys.write(number, &mut frame);
            let _ = write!(frame, r#" {}","sender_id":{author}}}"#, self.text);
        } else {
            frame.push_str(&self.text);
            frame.push_str(r#""}"#);
        }
        frame
    }

    /// Confirms the messages that the reader has received.
    async fn confirm(&mut self, now: Instant, at_once: bool) -> Result<(), Error> {
        let (kind, up_to) = match self.receipts {
            Receipts::None => return Ok(()),
            Receipts::Delivered => ("message_delivered", self.conversation.ledger.last_seq()),
            Receipts::Seen => ("message_seen", self.conversation.ledger.last_seq()),
        };
        let Some(thread) = self.thread else { return Ok(()) };
        let due = at_once || now.duration_since(self.receipt_sent) >= self.receipt_every;
        if !due || up_to <= self.conversation.ledger.confirmed_up_to() {
            return Ok(());
        }
        self.reader.send(format!(r#"{{"type":"{kind}","thread_id":{thread},"up_to":{up_to}}}"#)).await?;
        self.conversation.ledger.confirmed(up_to);
        self.receipt_sent = now;
        self.receipt.get_or_insert((up_to, Instant::now()));
        Ok(())
    }

    /// Waits for a frame, a due message or the next tick, and takes all frames that have arrived on both sides.
    async fn receive(&mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = false;
        while let Poll::Ready(frame) = self.author.poll(context) {
            progress = true;
            self.author_received(&frame);
            if self.over {
                return Poll::Ready(());
            }
        }
        while let Poll::Ready(frame) = self.reader.poll(context) {
            progress = true;
            self.reader_received(&frame);
            if self.over {
                return Poll::Ready(());
            }
        }
        if self.tick.poll_tick(context).is_ready() {
            progress = true;
            self.conversation.ledger.give_up(Instant::now());
        }
        if let Pacing::Open(queue) = &self.pacing {
            progress |= self.conversation.ledger.waiting() < self.window && !queue.is_empty();
            queue.register(context);
        }
        if progress { Poll::Ready(()) } else { Poll::Pending }
    }

    fn author_received(&mut self, received: &Received) {
        let Received::Text(text) = received else { return self.disconnected("the author", received) };
        match frame::kind(text) {
            Some("message_ack") => {
                let now = Instant::now();
                let (number, seq) = (self.number(text), frame::number(text, r#""seq":"#));
                let duplicate = text.contains(r#""duplicate":true"#);
                let completed = self.conversation.ledger.acked(number, seq, duplicate, now);
                self.completed(completed, now);
            }
            // A legacy service acknowledges with the message itself.
            Some("new_message") if self.legacy => {
                let now = Instant::now();
                let completed = self.conversation.ledger.acked(self.number(text), None, false, now);
                self.completed(completed, now);
            }
            Some("messages_delivered" | "messages_seen") => {
                let Some(up_to) = frame::number(text, r#""up_to":"#) else { return };
                self.conversation.ledger.receipted(up_to);
                if let Some((_, sent)) = self.receipt.filter(|(wanted, _)| *wanted <= up_to) {
                    self.receipt = None;
                    self.recorder.completed(self.operations.receipt, sent, sent, Instant::now());
                }
            }
            Some("error") => {
                let code = frame::text(text, r#""code":"#).unwrap_or("unknown").to_owned();
                let temporary = text.contains(r#""temporary":true"#);
                let number = self.number(text);
                self.recorder.refused(self.operations.message, &code, Instant::now());
                self.conversation.ledger.refused(number, temporary, text);
            }
            _ => {}
        }
    }

    fn reader_received(&mut self, received: &Received) {
        let Received::Text(text) = received else { return self.disconnected("the reader", received) };
        match frame::kind(text) {
            Some("new_message") => {
                let now = Instant::now();
                if self.thread.is_none() {
                    self.thread = frame::number(text, r#""thread_id":"#);
                }
                let seq = if self.legacy { None } else { frame::number(text, r#""seq":"#) };
                let completed = self.conversation.ledger.delivered(self.number(text), seq, now);
                self.completed(completed, now);
            }
            Some("error") => {
                self.recorder.violation(Violation::Refused, || format!("the reader got: {}", truncate(text)))
            }
            _ => {}
        }
    }

    fn completed(&self, completed: Option<Completed>, now: Instant) {
        if let Some(completed) = completed {
            self.recorder.completed(self.operations.message, completed.intended, completed.sent, now);
            if let Some(heard) = self.heard {
                // The reader may hear of it before its author: then no time has passed.
                self.recorder.completed(heard, completed.acked, completed.acked, now);
            }
        }
    }

    /// Reads a message's number from its key, or from its content if the server does not forward keys.
    fn number(&self, text: &str) -> Option<u64> {
        let own = |value: &str| self.conversation.keys.number_of(value);
        let by_key = frame::text(text, r#""temp_id":"#).and_then(own);
        if !self.legacy || by_key.is_some() {
            return by_key;
        }
        own(frame::text(text, r#""content":"#)?.split_once(' ')?.0)
    }

    fn disconnected(&mut self, who: &str, how: &Received) {
        self.over = true;
        let Conversation { author, reader, .. } = self.conversation;
        self.recorder.violation(Violation::Disconnected, || format!("{author} → {reader}: {who}: {how}"));
    }
}
