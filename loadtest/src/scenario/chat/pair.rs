//! One pair: an author, a reader, and what has gone between them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use anyhow::{Context as _, bail};

use super::{Board, Phase};
use crate::args::ChatArgs;
use crate::client::{Client, Heard};
use crate::frame;
use crate::target::Target;

/// What has gone from an author to a reader.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) author: u64,
    pub(super) reader: u64,
    pub(super) sent: u64,
    pub(super) acked: u64,
    pub(super) delivered: u64,
    /// The place of the last delivered message.
    pub(super) seq: u64,
}

/// A pair at work.
pub(super) struct Pair {
    author: Client,
    reader: Client,
    key: String,
    text: String,
    in_flight: u64,
    /// When the messages that are not complete were sent.
    sent_at: VecDeque<Instant>,
    ledger: Rc<RefCell<Ledger>>,
    board: Rc<Board>,
}

/// How a pair goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    On,
    Over,
}

impl Ledger {
    pub(super) fn new(author: u64, reader: u64) -> Self {
        Self { author, reader, sent: 0, acked: 0, delivered: 0, seq: 0 }
    }

    fn complete(&self) -> u64 {
        self.acked.min(self.delivered)
    }
}

impl Pair {
    /// Connects both users. `key` begins every `temp_id` of the pair.
    pub(super) async fn open(
        target: &Target,
        key: String,
        args: &ChatArgs,
        ledger: Rc<RefCell<Ledger>>,
        board: Rc<Board>,
    ) -> anyhow::Result<Self> {
        let (author, reader) = (ledger.borrow().author, ledger.borrow().reader);
        Ok(Self {
            author: enter(target, author).await?,
            reader: enter(target, reader).await?,
            key,
            text: "m".repeat(usize::try_from(args.chars)?),
            in_flight: u64::from(args.in_flight),
            sent_at: VecDeque::new(),
            ledger,
            board,
        })
    }

    /// Sends and counts until the run ends and the last message is complete.
    pub(super) async fn run(mut self) {
        loop {
            if let Err(error) = self.send().await {
                let who = self.ledger.borrow().author;
                return self.board.report.borrow_mut().defect(format!("{who} cannot send: {error}"));
            }
            let idle = self.sent_at.is_empty();
            if idle && self.board.phase.get() == Phase::Ending {
                return;
            }
            if self.hear().await == Step::Over {
                return;
            }
        }
    }

    /// Sends as many messages as may be under way.
    async fn send(&mut self) -> Result<(), crate::client::Error> {
        if self.board.phase.get() == Phase::Ending {
            return Ok(());
        }
        let mut fed = false;
        while (self.sent_at.len() as u64) < self.in_flight {
            let frame = self.next_message();
            self.author.feed(frame).await?;
            self.sent_at.push_back(Instant::now());
            fed = true;
        }
        if fed { self.author.flush().await } else { Ok(()) }
    }

    fn next_message(&mut self) -> String {
        let mut ledger = self.ledger.borrow_mut();
        let mut frame = String::with_capacity(self.text.len() + 128);
        let Self { key, text, .. } = self;
        let (number, reader) = (ledger.sent, ledger.reader);
        // Writing to a String does not fail.
        let _ = write!(
            frame,
            r#"{{"type":"message_send","temp_id":"{key}{number}","receiver_id":{reader},"content":"{text}"}}"#
        );
        ledger.sent += 1;
        frame
    }

    /// Waits for frames, and takes all that have arrived on either side.
    async fn hear(&mut self) -> Step {
        std::future::poll_fn(|context| {
            let mut heard = false;
            while let Poll::Ready(frame) = self.author.poll(context) {
                heard = true;
                if self.author_hears(&frame) == Step::Over {
                    return Poll::Ready(Step::Over);
                }
            }
            while let Poll::Ready(frame) = self.reader.poll(context) {
                heard = true;
                if self.reader_hears(&frame) == Step::Over {
                    return Poll::Ready(Step::Over);
                }
            }
            if heard { Poll::Ready(Step::On) } else { Poll::Pending }
        })
        .await
    }

    fn author_hears(&mut self, heard: &Heard) -> Step {
        let Heard::Text(text) = heard else { return self.ended("the author", heard) };
        match frame::kind(text) {
            Some("message_ack") => {
                let expected = self.ledger.borrow().acked;
                self.check("acknowledged", text, expected);
                if !text.contains(r#""duplicate":false"#) {
                    self.defect(format!("a message that was sent once is called a duplicate: {text}"));
                }
                self.ledger.borrow_mut().acked += 1;
                self.complete();
                Step::On
            }
            Some("error") => {
                self.defect(format!("refused: {text}"));
                Step::Over
            }
            _ => Step::On,
        }
    }

    fn reader_hears(&mut self, heard: &Heard) -> Step {
        let Heard::Text(text) = heard else { return self.ended("the reader", heard) };
        if frame::kind(text) != Some("new_message") {
            return Step::On;
        }
        let Ledger { delivered, seq, .. } = *self.ledger.borrow();
        self.check("delivered", text, delivered);
        let place = frame::number(text, r#""seq":"#).unwrap_or_default();
        // The thread may be older than the run.
        if place != seq + 1 && delivered > 0 {
            self.defect(format!("message {place} follows message {seq}"));
        }
        let mut ledger = self.ledger.borrow_mut();
        ledger.delivered += 1;
        ledger.seq = place;
        drop(ledger);
        self.complete();
        Step::On
    }

    /// Holds a frame's key against the one whose turn it is.
    fn check(&self, what: &str, text: &str, expected: u64) {
        let key = frame::text(text, r#""temp_id":"#);
        let number = key.and_then(|key| key.strip_prefix(self.key.as_str())?.parse::<u64>().ok());
        if number != Some(expected) {
            self.defect(format!("message {expected} was to be {what}, but it is {key:?}"));
        }
    }

    fn complete(&mut self) {
        let ledger = self.ledger.borrow();
        let under_way = ledger.sent - ledger.complete().min(ledger.sent);
        while self.sent_at.len() as u64 > under_way {
            let Some(sent_at) = self.sent_at.pop_front() else { break };
            if self.board.phase.get() == Phase::Measuring {
                self.board.completed.set(self.board.completed.get() + 1);
                let micros = u64::try_from(sent_at.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.board.latency.borrow_mut().saturating_record(micros);
            }
        }
    }

    fn ended(&self, who: &str, how: &Heard) -> Step {
        self.defect(format!("{who} was disconnected: {how:?}"));
        Step::Over
    }

    fn defect(&self, what: String) {
        let Ledger { author, reader, .. } = *self.ledger.borrow();
        self.board.report.borrow_mut().defect(format!("{author} → {reader}: {what}"));
    }
}

async fn enter(target: &Target, user: u64) -> anyhow::Result<Client> {
    let mut client = Client::connect(&target.door(user)?).await.with_context(|| format!("user {user}"))?;
    match client.next().await {
        Heard::Text(text) if frame::kind(&text) == Some("auth_ok") => Ok(client),
        other => bail!("user {user} waited for auth_ok and got {other:?}"),
    }
}
