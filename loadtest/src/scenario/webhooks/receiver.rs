//! The receiver of webhooks: HTTP by hand, because it shares its core with the load.

use std::cell::RefCell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::audit::EventLedger;
use crate::frame;
use crate::recorder::{OperationId, Recorder};

/// The largest head and body that are read.
const HEAD: usize = 16 * 1024;
const BODY: usize = 64 * 1024;

/// The record of a consumer of events: what it heard of, and how late.
#[derive(Debug)]
pub(super) struct ConsumerRecord {
    /// What was heard.
    pub(super) ledger: RefCell<EventLedger>,
    operation: OperationId,
    recorder: Rc<Recorder>,
}

impl ConsumerRecord {
    pub(super) fn new(name: &'static str, operation: OperationId, recorder: &Rc<Recorder>) -> Rc<Self> {
        Rc::new(Self { ledger: RefCell::new(EventLedger::new(name)), operation, recorder: Rc::clone(recorder) })
    }

    /// Records that the consumer heard of a message, and, if that was the first time, how long after the commit.
    pub(super) fn hears(&self, message: u64, author: u64, seq: u64, committed: &str) {
        let now = Instant::now();
        if self.ledger.borrow_mut().hears(message, author, seq) {
            let then = age(committed).and_then(|age| now.checked_sub(age)).unwrap_or(now);
            self.recorder.completed(self.operation, then, then, now);
        }
    }
}

/// Returns how long ago a time of the hub was, by the clock of this machine.
fn age(time: &str) -> Option<Duration> {
    let time: jiff::Timestamp = time.parse().ok()?;
    let millis = jiff::Timestamp::now().as_millisecond() - time.as_millisecond();
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
}

/// A receiver that takes everything that is signed.
#[derive(Debug)]
pub(super) struct Receiver {
    port: u16,
    serving: JoinHandle<()>,
    key: Rc<RefCell<Vec<u8>>>,
}

impl Receiver {
    /// Starts one on a free port of this machine.
    pub(super) async fn start(record: Rc<ConsumerRecord>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let key: Rc<RefCell<Vec<u8>>> = Rc::default();
        let signed_with = Rc::clone(&key);
        let serving = tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (record, key) = (Rc::clone(&record), Rc::clone(&signed_with));
                // If a connection fails, the hub opens another one.
                tokio::task::spawn_local(async move { serve(stream, &record, &key).await });
            }
        });
        Ok(Self { port, serving, key })
    }

    /// Returns the URL that it listens on.
    pub(super) fn url(&self) -> String {
        url(self.port)
    }

    /// Sets the secret that the hub signs with.
    pub(super) fn trusts(&self, secret: &str) {
        let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
        *self.key.borrow_mut() = STANDARD.decode(secret).unwrap_or_default();
    }

    /// Stops listening.
    pub(super) fn end(self) {
        self.serving.abort();
    }
}

/// Returns the URL of a port of this machine on which nothing listens.
pub(super) async fn nowhere() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(url(listener.local_addr()?.port()))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/hook")
}

async fn serve(stream: TcpStream, record: &ConsumerRecord, key: &RefCell<Vec<u8>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(HEAD, stream);
    let (mut head, mut body) = (Vec::new(), Vec::new());
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head).await? == 0 || head.len() > HEAD {
                return Ok(());
            }
        }
        let text = std::str::from_utf8(&head).map_err(io::Error::other)?;
        let length = header(text, "content-length").parse::<usize>().ok().filter(|length| *length <= BODY);
        body.resize(length.ok_or_else(|| io::Error::other("no length, or too much"))?, 0);
        stream.read_exact(&mut body).await?;
        take(text, &body, record, &key.borrow());
        stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
    }
}

/// Records an event, or why a request is none.
fn take(head: &str, body: &[u8], record: &ConsumerRecord, key: &[u8]) {
    if !is_signed(head, body, key) {
        return record.ledger.borrow_mut().refuses("a signature is wrong");
    }
    let event = std::str::from_utf8(body).ok().and_then(|body| {
        let number = |needle| frame::number(body, needle);
        let committed = frame::text(body, r#""timestamp":"#)?;
        Some((number(r#""id":"#)?, number(r#""sender_id":"#)?, number(r#""seq":"#)?, committed))
    });
    match event {
        Some((message, author, seq, committed)) => record.hears(message, author, seq, committed),
        None => record.ledger.borrow_mut().refuses("a body is no event of a message"),
    }
}

fn is_signed(head: &str, body: &[u8], key: &[u8]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    for part in [header(head, "webhook-id").as_bytes(), b".", header(head, "webhook-timestamp").as_bytes(), b".", body]
    {
        mac.update(part);
    }
    let wanted = STANDARD.encode(mac.finalize().into_bytes());
    let mut signatures = header(head, "webhook-signature").split(' ');
    signatures.any(|signature| signature.strip_prefix("v1,") == Some(wanted.as_str()))
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    found.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    #[test]
    fn a_signature_of_the_standard_is_right_and_another_is_not() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let head = "POST /hook HTTP/1.1\r\nWebhook-Id: msg_p5jXN8AQM9LWM0D4loKWxJek\r\nwebhook-timestamp: 1614265330\r\n\
                    webhook-signature: v1,other v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\r\n\r\n";
        assert!(is_signed(head, br#"{"test": 2432232314}"#, &key));
        assert!(!is_signed(head, br#"{"test": 2432232315}"#, &key));
        assert!(!is_signed("POST /hook HTTP/1.1\r\n\r\n", b"{}", &key));
    }
}
