//! Readers who stop reading, and others who must not notice.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::{Chat, Scenario};
use crate::args::SlowReadersShape;
use crate::client::{Client, Heard};
use crate::enter::{enter, through};
use crate::frame;
use crate::stage::Stage;
use crate::stats::float;

/// How many connect at a time.
const AT_ONCE: usize = 32;

/// Bytes that the system keeps for somebody who does not read, at this end.
const RECEIVE: u32 = 8 * 1024;

/// What sleepers are sent: 3,900 characters of four bytes each.
const TEXT: (&str, usize) = ("🙂", 3_900);

/// How long somebody who wakes up may take to read what is left.
const WAKING: Duration = Duration::from_secs(10);

/// Pairs who talk, and sleepers.
#[derive(Debug)]
pub struct SlowReaders {
    shape: SlowReadersShape,
    chat: Chat,
}

/// Everybody.
#[derive(Debug)]
pub struct Crowd {
    pairs: Pairs,
    sleepers: Vec<Client>,
    feeder: JoinHandle<()>,
}

impl SlowReaders {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: SlowReadersShape) -> Self {
        let chat = Chat::new(shape.chat.clone());
        Self { shape, chat }
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
        let client = enter(stage.target, feeder, 0).await?;
        let (sleeping, run) = (u64::from(self.shape.sleepers), stage.run.clone());
        let recorder = std::rc::Rc::clone(&stage.recorder);
        let feeder = tokio::task::spawn_local(async move {
            recorder.begun().await;
            if let Err(error) = feed(client, &run, first, sleeping).await {
                recorder.note(format!("whoever wrote to the sleepers was stopped: {error}"));
            }
        });
        Ok(Crowd { pairs, sleepers, feeder })
    }

    async fn close(&self, crew: Crowd, stage: &Stage<'_>) -> anyhow::Result<()> {
        crew.feeder.abort();
        let mut closed = 0_u64;
        let mut other = 0_u64;
        for mut sleeper in crew.sleepers {
            // It wakes up, and reads until the end or until there is no more.
            let end = async {
                loop {
                    match sleeper.next().await {
                        Heard::Text(_) => {}
                        Heard::Closed(code, _) => return Some(code),
                        Heard::Gone => return None,
                    }
                }
            };
            match tokio::time::timeout(WAKING / 10, end).await {
                Ok(Some(4_002)) => closed += 1,
                Ok(_) => other += 1,
                // It is still connected: the server had room for all that it missed.
                Err(_) => {}
            }
        }
        stage.recorder.figure("sleepers closed with 4002", float(closed), &format!("of {}", self.shape.sleepers));
        stage.recorder.figure("sleepers who were simply gone", float(other), "");
        if closed + other == 0 {
            stage.recorder.note("nobody slept long enough to be closed: run it longer (--seconds)");
        }
        self.chat.close(crew.pairs, stage).await
    }
}

/// Writes to everybody who sleeps, in turn, as fast as it is stored.
async fn feed(mut client: Client, run: &str, first: u64, sleepers: u64) -> anyhow::Result<()> {
    let text = TEXT.0.repeat(TEXT.1);
    let mut number = 0_u64;
    let mut under_way = 0;
    loop {
        while under_way < 8 {
            let reader = first + number % sleepers.max(1);
            let frame = format!(
                r#"{{"type":"message_send","temp_id":"{run}-feed-{number}","receiver_id":{reader},"content":"{text}"}}"#
            );
            client.send(frame).await?;
            number += 1;
            under_way += 1;
        }
        match client.next().await {
            Heard::Text(text) if matches!(frame::kind(&text), Some("message_ack" | "error")) => under_way -= 1,
            Heard::Text(_) => {}
            ended => anyhow::bail!("{ended:?}"),
        }
    }
}
