//! One socket of a person.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat_loadtest::client::{Client, Received};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::contract::Contract;
use super::person::{Person, number, text};
use super::{DEADLINE, in_time};

/// One socket of a person. Every frame that comes in is held against the contract.
pub struct Device<S = TcpStream> {
    pub user: u64,
    pub client: Client<S>,
    /// What was said at the door.
    pub greeting: Value,
    /// The newest cursor that was heard.
    pub cursor: String,
    /// The types that were heard.
    pub heard: BTreeSet<String>,
    name: String,
    /// What came in and was not asked for yet, in order.
    inbox: VecDeque<Value>,
    /// Everything that came in, for the failure text.
    history: Vec<String>,
    end: Option<(u16, String)>,
    contract: Contract,
}

/// Returns a key that no other message has.
pub fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("k-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Device<S> {
    pub fn new(user: u64, client: Client<S>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let name = format!("device {} of user {user}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            user,
            client,
            greeting: Value::Null,
            cursor: String::new(),
            heard: BTreeSet::new(),
            name,
            inbox: VecDeque::new(),
            history: Vec::new(),
            end: None,
            contract: Contract::default(),
        }
    }

    /// Waits for `auth_ok`, which comes before everything else.
    pub async fn is_greeted(&mut self) {
        let frame = self.next_frame("auth_ok").await;
        assert_eq!(frame["type"], "auth_ok", "{}: the first frame is {frame}", self.name);
        assert_eq!(frame["user_id"], self.user, "{}: greeted as another user", self.name);
        self.greeting = frame;
    }

    /// Says anything.
    pub async fn says(&mut self, frame: Value) {
        if frame["type"] == "sync" {
            self.contract.asks_for_replay();
        }
        self.says_raw(&frame.to_string()).await;
    }

    /// Says what may be no frame at all.
    pub async fn says_raw(&mut self, text: &str) {
        let sending = in_time("a frame can be sent", self.client.send(text.to_owned())).await;
        sending.unwrap_or_else(|error| panic!("{} cannot say {text}: {error}", self.name));
    }

    /// Sends a text to a person and returns the acknowledgement.
    pub async fn sends_to(&mut self, to: &Person, content: &str) -> Value {
        let key = fresh_key();
        self.sends(json!({"temp_id": key, "receiver_id": to.id, "content": content})).await
    }

    /// Sends a text into a thread and returns the acknowledgement.
    pub async fn sends_in(&mut self, thread: u64, content: &str) -> Value {
        let key = fresh_key();
        self.sends(json!({"temp_id": key, "thread_id": thread, "content": content})).await
    }

    /// Sends a message, whose `type` may be left out, and returns the acknowledgement.
    pub async fn sends(&mut self, message: Value) -> Value {
        let key = text(&message, "temp_id").to_owned();
        self.says(of_type(message, "message_send")).await;
        self.is_acked(&key).await
    }

    /// Waits for the acknowledgement of a key.
    pub async fn is_acked(&mut self, key: &str) -> Value {
        let answers =
            |frame: &Value| frame["temp_id"] == key && (frame["type"] == "message_ack" || frame["type"] == "error");
        let answer = self.expect_that(&format!("message_ack of {key}"), answers).await;
        assert_eq!(answer["type"], "message_ack", "{}: {key} was refused: {answer}", self.name);
        answer
    }

    /// Says something that must be refused, and returns the error.
    pub async fn is_refused(&mut self, frame: Value, code: &str) -> Value {
        let said = frame.to_string();
        self.says(frame).await;
        let error = self.expect("error").await;
        assert_eq!(error["code"], code, "{}: {said} was answered with {error}", self.name);
        error
    }

    /// Waits for a frame of a type; what else comes in stays for later.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.expect_that(kind, |frame| frame["type"] == kind).await
    }

    /// Waits for a frame of a type that fits.
    pub async fn expect_where(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.expect_that(kind, |frame| frame["type"] == kind && fits(frame)).await
    }

    /// Waits for a frame of any of these types that fits.
    pub async fn expect_where_any(&mut self, kinds: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        self.expect_that(&kinds.join(" or "), |frame| kinds.contains(&text(frame, "type")) && fits(frame)).await
    }

    /// Waits for a frame that the hub sends after a delay of its own, like `user_offline`.
    pub async fn expect_late(&mut self, kind: &str) -> Value {
        self.expect_within(DEADLINE * 2, kind, |frame| frame["type"] == kind).await
    }

    /// Waits for a frame that fits, and leaves it where it is.
    pub async fn peek_where(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) {
        while !self.inbox.iter().any(|frame| frame["type"] == kind && fits(frame)) {
            assert!(
                self.end.is_none(),
                "{} waited for {kind}, but was closed with {:?}; {}",
                self.name,
                self.end,
                self.said()
            );
            self.read(kind).await;
        }
    }

    /// Waits until everything that the hub had to say when it was asked is here.
    pub async fn barrier(&mut self) {
        let before = self.settles().await;
        self.inbox = before.into_iter().chain(std::mem::take(&mut self.inbox)).collect();
    }

    /// Takes everything that has come in.
    pub fn takes_all(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.inbox).into()
    }

    /// Waits for the next message of the other side, which must say this.
    pub async fn receives(&mut self, content: &str) -> Value {
        let message = self.expect("new_message").await;
        assert_eq!(message["content"], content, "{}: heard another message", self.name);
        message
    }

    /// Returns everything that had been told to this connection when it asked, in order: an `echo` marks the place.
    pub async fn settles(&mut self) -> Vec<Value> {
        let mark = fresh_key();
        self.says(json!({"type": "echo", "data": mark})).await;
        let mut before = Vec::from(std::mem::take(&mut self.inbox));
        loop {
            let frame = self.next_frame("echo").await;
            if frame["type"] == "echo" && frame["data"] == mark.as_str() {
                return before;
            }
            before.push(frame);
        }
    }

    /// Holds that nothing of these types has been told to this connection.
    pub async fn heard_nothing_of(&mut self, kinds: &[&str]) {
        let frames = self.settles().await;
        let unwanted: Vec<&Value> = frames.iter().filter(|frame| kinds.contains(&text(frame, "type"))).collect();
        assert!(unwanted.is_empty(), "{} heard {unwanted:?}", self.name);
    }

    /// Waits for the replay to be complete; returns what was missed.
    pub async fn catches_up(&mut self) -> Vec<Value> {
        assert_eq!(self.greeting["resumed"], true, "{} was not resumed: {}", self.name, self.greeting);
        let mut missed = Vec::new();
        loop {
            let frame = self.next_frame("synced").await;
            if frame["type"] == "synced" {
                return missed;
            }
            missed.push(frame);
        }
    }

    /// Waits for the hub to close the connection; returns the code and the reason.
    pub async fn is_closed(&mut self) -> (u16, String) {
        while self.end.is_none() {
            self.read("a close frame").await;
        }
        self.end.clone().unwrap_or_default()
    }

    /// The same, for however long it takes.
    pub async fn ends(&mut self) -> (u16, String) {
        while self.end.is_none() {
            let heard = self.client.next().await;
            self.takes(heard);
        }
        self.end.clone().unwrap_or_default()
    }

    /// Waits for the hub to close the connection with this code.
    pub async fn is_closed_with(&mut self, code: u16) -> String {
        let (closed, reason) = self.is_closed().await;
        assert_eq!(closed, code, "{} was closed with {reason:?}; {}", self.name, self.said());
        reason
    }

    /// Reads whatever comes until the connection ends, however it does.
    pub async fn hears_out(&mut self) -> Vec<Value> {
        while self.end.is_none() {
            self.read("the end").await;
        }
        std::mem::take(&mut self.inbox).into()
    }

    /// Closes the connection and waits for the hub to agree.
    pub async fn leaves(mut self) {
        // It may be closed already.
        let _ = self.client.close().await;
        let _ = self.hears_out().await;
    }

    /// Waits for the next frame, of whatever type.
    pub async fn next_frame(&mut self, waiting_for: &str) -> Value {
        while self.inbox.is_empty() {
            assert!(
                self.end.is_none(),
                "{} waited for {waiting_for}, but was closed with {:?}; {}",
                self.name,
                self.end,
                self.said()
            );
            self.read(waiting_for).await;
        }
        self.inbox.pop_front().expect("just filled")
    }

    /// Waits for a frame that fits, under one deadline for all of it.
    pub async fn expect_that(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.expect_within(DEADLINE, what, fits).await
    }

    /// Waits for a frame that fits, under a deadline of the test's own.
    pub async fn expect_within(&mut self, deadline: Duration, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let began = tokio::time::Instant::now();
        let mut seen = 0;
        loop {
            if let Some(found) = (seen..self.inbox.len()).find(|at| fits(&self.inbox[*at])) {
                return self.inbox.remove(found).expect("just found");
            }
            seen = self.inbox.len();
            assert!(
                self.end.is_none(),
                "{} waited for {what}, but was closed with {:?}; {}",
                self.name,
                self.end,
                self.said()
            );
            let left = deadline.saturating_sub(began.elapsed());
            self.read_within(left, what).await;
        }
    }

    async fn read(&mut self, waiting_for: &str) {
        self.read_within(DEADLINE, waiting_for).await;
    }

    async fn read_within(&mut self, deadline: Duration, waiting_for: &str) {
        let Ok(heard) = tokio::time::timeout(deadline, self.client.next()).await else {
            panic!("{} waited for {waiting_for} in vain; {}", self.name, self.said());
        };
        self.takes(heard);
    }

    fn takes(&mut self, heard: Received) {
        match heard {
            Received::Text(text) => self.take_in(&text),
            Received::Closed(code, reason) => self.end = Some((code, reason)),
            Received::Disconnected => self.end = Some((1006, "gone without a close frame".to_owned())),
        }
    }

    fn take_in(&mut self, raw: &str) {
        self.history.push(raw.to_owned());
        let frame: Value = serde_json::from_str(raw).unwrap_or_else(|error| panic!("{}: {error} in {raw}", self.name));
        if let Err(wrong) = self.contract.check(&frame) {
            panic!("{}: {wrong}\n  in {raw}\n  {}", self.name, self.said());
        }
        if let Some(cursor) = frame["cursor"].as_str() {
            cursor.clone_into(&mut self.cursor);
        }
        self.heard.insert(text(&frame, "type").to_owned());
        self.inbox.push_back(frame);
    }

    fn said(&self) -> String {
        let from = self.history.len().saturating_sub(30);
        format!(
            "it has heard {} frames, the last of them:\n    {}",
            self.history.len(),
            self.history[from..].join("\n    ")
        )
    }
}

/// Gives a frame a type if it has none.
pub fn of_type(mut frame: Value, kind: &str) -> Value {
    let object = frame.as_object_mut().expect("a frame is an object");
    object.entry("type").or_insert_with(|| kind.into());
    frame
}

/// Returns the `seq` of messages.
pub fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| number(message, "seq")).collect()
}
