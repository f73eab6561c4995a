//! One pair: an author, a reader, and what has gone between them.

use std::fmt::Write as _;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior};

use crate::args::{ChatShape, Receipts};
use crate::audit::{Fault, Ledger};
use crate::client::{Client, Error, Heard, cut_short};
use crate::enter::enter;
use crate::frame;
use crate::keys::KeySeries;
use crate::recorder::{Kind, Recorder};
use crate::rest::Rest;
use crate::stage::{Pace, Stage};

/// How often somebody who hears nothing looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// How long after the end what was due is still sent: the clock and the sockets are not that exact.
const GRACE: Duration = Duration::from_millis(250);

/// How long one listens after everything is complete, for what should not come.
const LINGER: Duration = Duration::from_millis(250);

/// What is timed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kinds {
    message: Kind,
    receipt: Kind,
}

/// A pair at work.
pub(super) struct Pair {
    author: Client,
    reader: Client,
    pace: Pace,
    window: usize,
    text: String,
    receipts: Receipts,
    receipt_every: Duration,
    legacy: bool,
    deadline: Duration,
    /// The thread, once the reader has heard of it.
    thread: Option<u64>,
    /// The confirmation that the author has not heard of yet.
    receipt: Option<(u64, Instant)>,
    receipt_sent: Instant,
    over: bool,
    tick: Interval,
    kinds: Kinds,
    recorder: Rc<Recorder>,
    talked: Talked,
}

/// What a pair leaves.
#[derive(Debug)]
pub(super) struct Talked {
    pub(super) author: u64,
    pub(super) reader: u64,
    /// The keys of its messages, by their number.
    pub(super) keys: KeySeries,
    /// The newest place of the thread before the run.
    pub(super) base: u64,
    pub(super) ledger: Ledger,
}

impl Kinds {
    pub(super) fn of(recorder: &Recorder) -> Self {
        Self { message: recorder.operation("message"), receipt: recorder.operation("receipt") }
    }
}

impl Pair {
    /// Connects both users.
    pub(super) async fn open(
        stage: &Stage<'_>,
        shape: &ChatShape,
        number: u32,
        (author, reader): (u64, u64),
        pace: Pace,
        kinds: Kinds,
        rest: Option<&Rest>,
    ) -> anyhow::Result<Self> {
        let target = stage.target;
        let keys = shape.keys.keys.series(format!("{}-{number}-", stage.run));
        let base = match rest {
            Some(rest) => rest.newest(&target.token(reader)?, author).await?.seq,
            None => 0,
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ledger = Ledger::new(format!("{author} → {reader}"), stage.load.deadline);
        Ok(Self {
            author: enter(target, author, number * 2).await?,
            reader: enter(target, reader, number * 2 + 1).await?,
            pace,
            window: usize::try_from(shape.window)?,
            text: "m".repeat(usize::try_from(shape.chars)?),
            receipts: if target.legacy { Receipts::None } else { shape.receipts },
            receipt_every: Duration::from_millis(shape.receipt_every),
            legacy: target.legacy,
            deadline: stage.load.deadline,
            thread: None,
            receipt: None,
            receipt_sent: Instant::now(),
            over: false,
            tick,
            kinds,
            recorder: Rc::clone(&stage.recorder),
            talked: Talked { author, reader, keys, base, ledger },
        })
    }

    /// Sends and counts until the run ends and the last message is complete.
    pub(super) async fn run(mut self) -> Talked {
        let window = self.recorder.begun().await;
        while !self.over {
            let now = Instant::now();
            if self.confirm(now, false).await.is_err() || self.send(now).await.is_err() {
                self.ended("a socket", &Heard::Gone);
                break;
            }
            let ending = now >= window.to + GRACE || (now >= window.to && self.nothing_is_due());
            if ending && self.talked.ledger.waiting() == 0 {
                break;
            }
            self.hear().await;
        }
        if let Pace::Open(lane) = &self.pace {
            self.recorder.never_begun(self.kinds.message, lane.rest());
        }
        self.finish().await;
        self.talked
    }

    /// Confirms the last message, waits until the author knows, and listens a little longer for what should not come.
    async fn finish(&mut self) {
        let began = Instant::now();
        if self.over || self.confirm(began, true).await.is_err() {
            return;
        }
        while !self.over && !self.talked.ledger.is_receipted() && began.elapsed() < self.deadline {
            self.hear().await;
        }
        let listened = Instant::now();
        while !self.over && listened.elapsed() < LINGER {
            self.hear().await;
        }
        // Nobody waits for the answer.
        let _ = self.author.close().await;
        let _ = self.reader.close().await;
    }

    fn nothing_is_due(&self) -> bool {
        match &self.pace {
            Pace::Open(lane) => lane.is_over() && lane.is_empty(),
            Pace::Closed(_) => true,
        }
    }

    /// Sends what is due, as far as the window lets it.
    async fn send(&mut self, now: Instant) -> Result<(), Error> {
        if let Pace::Open(lane) = &self.pace
            && self.recorder.is_over(now.checked_sub(GRACE).unwrap_or(now))
        {
            self.recorder.never_begun(self.kinds.message, lane.rest());
        }
        let mut fed = false;
        loop {
            let waiting = self.talked.ledger.waiting();
            let intended = match &self.pace {
                Pace::Open(lane) if waiting < self.window => lane.take(),
                Pace::Closed(in_flight) if waiting < *in_flight as usize && !self.recorder.is_over(now) => Some(now),
                Pace::Open(_) | Pace::Closed(_) => None,
            };
            let Some(intended) = intended else { break };
            let frame = self.next_message();
            self.author.feed(frame).await?;
            let written = if fed { now } else { Instant::now() };
            let intended = if matches!(self.pace, Pace::Closed(_)) { written } else { intended };
            self.talked.ledger.sent(intended, written.max(intended));
            fed = true;
        }
        if fed { self.author.flush().await } else { Ok(()) }
    }

    fn next_message(&self) -> String {
        let Talked { author, reader, keys, ledger, .. } = &self.talked;
        let number = ledger.next_number();
        let mut frame = String::with_capacity(self.text.len() + 192);
        frame.push_str(r#"{"type":"message_send","temp_id":""#);
        keys.write(number, &mut frame);
        // Writing to a String does not fail.
        let _ = write!(frame, r#"","receiver_id":{reader},"content":""#);
        if self.legacy {
            // Old services do not hand keys on, and believe who one says one is.
            keys.write(number, &mut frame);
            let _ = write!(frame, r#" {}","sender_id":{author}}}"#, self.text);
        } else {
            frame.push_str(&self.text);
            frame.push_str(r#""}"#);
        }
        frame
    }

    /// Tells the server what the reader has got.
    async fn confirm(&mut self, now: Instant, at_once: bool) -> Result<(), Error> {
        let (kind, up_to) = match self.receipts {
            Receipts::None => return Ok(()),
            Receipts::Delivered => ("message_delivered", self.talked.ledger.last_seq()),
            Receipts::Seen => ("message_seen", self.talked.ledger.last_seq()),
        };
        let Some(thread) = self.thread else { return Ok(()) };
        let due = at_once || now.duration_since(self.receipt_sent) >= self.receipt_every;
        if !due || up_to <= self.talked.ledger.confirmed_up_to() {
            return Ok(());
        }
        self.reader.send(format!(r#"{{"type":"{kind}","thread_id":{thread},"up_to":{up_to}}}"#)).await?;
        self.talked.ledger.confirmed(up_to);
        self.receipt_sent = now;
        self.receipt.get_or_insert((up_to, Instant::now()));
        Ok(())
    }

    /// Waits for frames, for what is due, or for a moment; takes all frames that have arrived on either side.
    async fn hear(&mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut heard = false;
        while let Poll::Ready(frame) = self.author.poll(context) {
            heard = true;
            self.author_hears(&frame);
            if self.over {
                return Poll::Ready(());
            }
        }
        while let Poll::Ready(frame) = self.reader.poll(context) {
            heard = true;
            self.reader_hears(&frame);
            if self.over {
                return Poll::Ready(());
            }
        }
        if self.tick.poll_tick(context).is_ready() {
            heard = true;
            self.talked.ledger.give_up(Instant::now());
        }
        if let Pace::Open(lane) = &self.pace {
            heard |= self.talked.ledger.waiting() < self.window && !lane.is_empty();
            lane.wake_me(context);
        }
        if heard { Poll::Ready(()) } else { Poll::Pending }
    }

    fn author_hears(&mut self, heard: &Heard) {
        let Heard::Text(text) = heard else { return self.ended("the author", heard) };
        match frame::kind(text) {
            Some("message_ack") => {
                let now = Instant::now();
                let (number, seq) = (self.number(text), frame::number(text, r#""seq":"#));
                let duplicate = text.contains(r#""duplicate":true"#);
                let done = self.talked.ledger.acked(number, seq, duplicate, now);
                self.done(done, now);
            }
            // As old services answer.
            Some("new_message") if self.legacy => {
                let now = Instant::now();
                let done = self.talked.ledger.acked(self.number(text), None, false, now);
                self.done(done, now);
            }
            Some("messages_delivered" | "messages_seen") => {
                let Some(up_to) = frame::number(text, r#""up_to":"#) else { return };
                self.talked.ledger.receipted(up_to);
                if let Some((_, sent)) = self.receipt.filter(|(wanted, _)| *wanted <= up_to) {
                    self.receipt = None;
                    self.recorder.done(self.kinds.receipt, sent, sent, Instant::now());
                }
            }
            Some("error") => {
                let code = frame::text(text, r#""code":"#).unwrap_or("unknown").to_owned();
                let temporary = text.contains(r#""temporary":true"#);
                let number = self.number(text);
                self.recorder.refused(self.kinds.message, &code, Instant::now());
                self.talked.ledger.refused(number, temporary, text);
            }
            _ => {}
        }
    }

    fn reader_hears(&mut self, heard: &Heard) {
        let Heard::Text(text) = heard else { return self.ended("the reader", heard) };
        match frame::kind(text) {
            Some("new_message") => {
                let now = Instant::now();
                if self.thread.is_none() {
                    self.thread = frame::number(text, r#""thread_id":"#);
                }
                let seq = if self.legacy { None } else { frame::number(text, r#""seq":"#) };
                let done = self.talked.ledger.delivered(self.number(text), seq, now);
                self.done(done, now);
            }
            Some("error") => {
                self.recorder.fault(Fault::Refused, || format!("the reader was told: {}", cut_short(text)))
            }
            _ => {}
        }
    }

    fn done(&self, done: Option<crate::audit::Done>, now: Instant) {
        if let Some(done) = done {
            self.recorder.done(self.kinds.message, done.intended, done.written, now);
        }
    }

    /// Reads a message's number out of its key, or of its text where keys are not handed on.
    fn number(&self, text: &str) -> Option<u64> {
        let own = |value: &str| self.talked.keys.number_of(value);
        let by_key = frame::text(text, r#""temp_id":"#).and_then(own);
        if !self.legacy || by_key.is_some() {
            return by_key;
        }
        own(frame::text(text, r#""content":"#)?.split_once(' ')?.0)
    }

    fn ended(&mut self, who: &str, how: &Heard) {
        self.over = true;
        let Talked { author, reader, .. } = self.talked;
        self.recorder.fault(Fault::Disconnected, || format!("{author} → {reader}: {who}: {how}"));
    }
}
