//! Readers who stop reading, and others who must not notice.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::{Chat, Scenario};
use crate::args::SlowReadersShape;
use crate::audit::Fault;
use crate::client::{Client, Heard};
use crate::enter::{enter, through};
use crate::frame;
use crate::keys::Keys;
use crate::recorder::{Kind, Recorder};
use crate::stage::Stage;
use crate::stats::float;

/// How many connect at a time.
const AT_ONCE: usize = 32;

/// Bytes that the system keeps for somebody who does not read, at this end.
const RECEIVE: u32 = 8 * 1024;

/// What sleepers are sent: 3,900 characters of four bytes each.
const TEXT: (&str, usize) = ("🙂", 3_900);

/// Bytes that each of them is sent at least: more than the hub (1 MiB) and the system (usually 4 MiB) keep for somebody
/// who does not read. For somebody who is still connected then, the server keeps whatever comes.
const ENOUGH: u64 = 16 * 1024 * 1024;

/// The code that those are closed with who do not answer a ping, as sleepers do not if they are fed for so long.
const SILENT: u16 = 4_003;

/// Messages to sleepers that are under way at a time.
const UNDER_WAY: usize = 8;

/// The code that those are closed with who are too slow.
const TOO_SLOW: u16 = 4_002;

/// Who wakes up and hears nothing for this long has heard everything.
const SILENCE: Duration = Duration::from_secs(2);

/// Pairs who talk, and sleepers.
#[derive(Debug)]
pub struct SlowReaders {
    shape: SlowReadersShape,
    chat: Chat,
    /// Bytes that each sleeper is sent.
    enough: u64,
}

/// Everybody.
#[derive(Debug)]
pub struct Crowd {
    pairs: Pairs,
    sleepers: Vec<Client>,
    feeder: JoinHandle<()>,
    /// Bytes that were stored for all of the sleepers.
    fed: Rc<Cell<u64>>,
}

impl SlowReaders {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: SlowReadersShape) -> Self {
        let chat = Chat::new(shape.chat.clone());
        Self { shape, chat, enough: ENOUGH.max(3 * most_kept_by_the_system()) }
    }
}

impl Scenario for SlowReaders {
    type Crew = Crowd;

    fn name(&self) -> &'static str {
        "slow-readers"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = self.chat.settings();
        settings.push(("sleepers", self.shape.sleepers.to_string()));
        settings
    }

    fn keys(&self) -> Option<Keys> {
        self.chat.keys()
    }

    fn connections(&self) -> u32 {
        // And the one who writes to the sleepers.
        self.chat.connections() + self.shape.sleepers + 1
    }

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Crowd> {
        let pairs = self.chat.open(stage).await?;
        let first = stage.first_user + u64::from(self.shape.chat.pairs) * 2;
        let feeder = first + u64::from(self.shape.sleepers);
        let sleep = |number: u32| async move {
            let user = first + u64::from(number);
            let mut door = stage.target.door(user)?;
            door.receive = Some(RECEIVE);
            door.buffer = 1024;
            anyhow::Ok(through(stage.target.legacy, door, user, number).await?.client)
        };
        let sleepers: Vec<Client> =
            stream::iter(0..self.shape.sleepers).map(sleep).buffered(AT_ONCE).try_collect().await?;
        let fed = Rc::new(Cell::new(0));
        let recorder = Rc::clone(&stage.recorder);
        let mut feeder = Feeder {
            client: enter(stage.target, feeder, 0).await?,
            run: stage.run.clone(),
            keys: self.shape.chat.keys.keys,
            first,
            sleepers: u64::from(self.shape.sleepers),
            kind: recorder.operation("message to a sleeper"),
            recorder: Rc::clone(&recorder),
            fed: Rc::clone(&fed),
            enough: self.enough,
        };
        let feeder = tokio::task::spawn_local(async move {
            recorder.begun().await;
            if let Err(error) = feeder.feed().await {
                recorder.note(format!("whoever wrote to the sleepers was stopped: {error}"));
            }
        });
        Ok(Crowd { pairs, sleepers, feeder, fed })
    }

    async fn close(&self, crew: Crowd, stage: &Stage<'_>) -> anyhow::Result<()> {
        crew.feeder.abort();
        let recorder = &stage.recorder;
        let enough = self.enough;
        let each = crew.fed.get() / u64::from(self.shape.sleepers);
        let mut ends = stream::iter(crew.sleepers).map(wakes).buffer_unordered(AT_ONCE);
        let (mut too_slow, mut gone, mut awake) = (0_u64, 0_u64, 0_u64);
        while let Some(end) = ends.next().await {
            match end {
                Some(Heard::Closed(TOO_SLOW, _)) => too_slow += 1,
                Some(Heard::Gone) => gone += 1,
                Some(Heard::Closed(SILENT, _)) if each < enough => awake += 1,
                Some(other) => recorder.fault(Fault::Unclosed, || format!("a sleeper got {other}, and not {TOO_SLOW}")),
                None if each >= enough => {
                    awake += 1;
                    recorder.fault(Fault::Unclosed, || format!("a sleeper is still connected after {each} bytes"));
                }
                None => awake += 1,
            }
        }
        let of = format!("of {}", self.shape.sleepers);
        recorder.figure("sleepers closed with 4002", float(too_slow), &of);
        recorder.figure("sleepers who were simply gone", float(gone), &of);
        recorder.figure("sleepers still connected", float(awake), &of);
        recorder.figure("sent to each sleeper", float(each) / 1e6, "MB");
        recorder.note("what a message cost the server includes what was written to the sleepers");
        if awake > 0 && each < enough {
            let (sent, enough) = (each / 1_000_000, enough / 1_000_000);
            recorder.void(format!(
                "{awake} {of} sleepers were not closed as too slow, but were sent {sent} MB each and not {enough}: run it \
                 longer (--seconds), with fewer of them (--sleepers), or where nobody is refused (CHAT_RATE_LIMIT=off)"
            ));
        }
        self.chat.close(crew.pairs, stage).await
    }
}

/// Returns how many bytes Linux keeps for a connection whose other end does not read, at most: tcp(7), `tcp_wmem`.
fn most_kept_by_the_system() -> u64 {
    let limits = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    limits.split_whitespace().next_back().and_then(|most| most.parse().ok()).unwrap_or_default()
}

/// Reads what is left, and returns how the connection ended; `None` if it has not.
async fn wakes(mut sleeper: Client) -> Option<Heard> {
    loop {
        match tokio::time::timeout(SILENCE, sleeper.next()).await {
            Ok(Heard::Text(_)) => {}
            Ok(ended) => return Some(ended),
            Err(_) => return None,
        }
    }
}

/// Somebody who writes to those who sleep.
struct Feeder {
    client: Client,
    run: String,
    keys: Keys,
    first: u64,
    sleepers: u64,
    kind: Kind,
    recorder: Rc<Recorder>,
    /// Bytes that were stored for all of them.
    fed: Rc<Cell<u64>>,
    /// Bytes that each of them is sent.
    enough: u64,
}

impl Feeder {
    /// Writes to all of them in turn, as fast as it is stored, until each has been sent enough.
    async fn feed(&mut self) -> anyhow::Result<()> {
        let text = TEXT.0.repeat(TEXT.1);
        let bytes = text.len() as u64;
        let all = self.enough.div_ceil(bytes) * self.sleepers;
        let mut number = 0;
        let mut under_way = VecDeque::new();
        while number < all || !under_way.is_empty() {
            while number < all && under_way.len() < UNDER_WAY {
                let (run, reader) = (&self.run, self.first + number % self.sleepers);
                let key = self.keys.one(&format!("{run}-feed-{number}"));
                let frame =
                    format!(r#"{{"type":"message_send","temp_id":"{key}","receiver_id":{reader},"content":"{text}"}}"#);
                self.client.send(frame).await?;
                under_way.push_back(Instant::now());
                number += 1;
            }
            let heard = self.client.next().await;
            let now = Instant::now();
            let Heard::Text(text) = &heard else { anyhow::bail!("{heard}") };
            match frame::kind(text) {
                Some("message_ack") => {
                    self.fed.set(self.fed.get() + bytes);
                    let sent = under_way.pop_front().unwrap_or(now);
                    self.recorder.done(self.kind, sent, sent, now);
                }
                Some("error") => {
                    under_way.pop_front();
                    let code = frame::text(text, r#""code":"#).unwrap_or("unknown");
                    self.recorder.refused(self.kind, code, now);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
