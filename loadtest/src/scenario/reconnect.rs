//! Everybody is cut off, is written to, and comes back at once with a cursor.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::bail;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinSet;

use super::{Scenario, people};
use crate::args::ReconnectShape;
use crate::audit::Fault;
use crate::client::{Client, Door, Heard, cut_short};
use crate::enter::{Entered, through};
use crate::frame;
use crate::keys::Keys;
use crate::outcome::Offered;
use crate::recorder::Kind;
use crate::rest::Rest;
use crate::stage::{Load, Stage};
use crate::stats::float;
use crate::usage;

/// How many connect at a time, and how many are written to, while the storm is prepared.
const AT_ONCE: usize = 32;

/// How long the storm may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Those who write to those who are away.
const AUTHORS: u64 = 20;

/// A storm.
#[derive(Debug)]
pub struct Reconnect {
    shape: ReconnectShape,
}

/// Those who were cut off.
#[derive(Debug)]
pub struct Away {
    people: Vec<Person>,
    back: Vec<Client>,
    kind: Kind,
    resident_before: u32,
}

#[derive(Debug, Clone)]
struct Person {
    user: u64,
    number: u32,
    cursor: String,
}

impl Reconnect {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: ReconnectShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Reconnect {
    type Crew = Away;

    fn name(&self) -> &'static str {
        "reconnect"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let ReconnectShape { connections, missed, at_once, .. } = &self.shape;
        let settings = [("connections", connections), ("missed", missed), ("at once", at_once)];
        settings.map(|(name, value)| (name, value.to_string())).into()
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.connections
    }

    fn offered(&self, _: &Load) -> Offered {
        Offered::Own
    }

    fn load(&self, load: Load) -> Load {
        // It lasts as long as it takes.
        Load { warmup: Duration::ZERO, length: PATIENCE, ..load }
    }

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Away> {
        let recorder = &stage.recorder;
        let kind = recorder.operation("resumption");
        let first = stage.first_user + AUTHORS;
        let arrive = |number: u32| async move {
            let user = first + u64::from(number);
            let mut door = stage.target.door(user)?;
            door.buffer = 1024;
            let Entered { client, welcome } = through(stage.target.legacy, door, user, number).await?;
            let cursor = frame::text(&welcome, r#""cursor":"#).unwrap_or_default().to_owned();
            anyhow::Ok((client, Person { user, number, cursor }))
        };
        let arrived: Vec<(Client, Person)> =
            stream::iter(0..self.shape.connections).map(arrive).buffer_unordered(AT_ONCE).try_collect().await?;
        let resident_before = stage.target.pid().and_then(|pid| usage::resident_kb(pid).ok()).unwrap_or_default();
        // Cut off: no close frame, the socket is gone.
        let people: Vec<Person> = arrived.into_iter().map(|(client, person)| drop_client(client, person)).collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rest = Rest::new(stage.target)?;
        let author = |person: &Person| stage.first_user + u64::from(person.number) % AUTHORS;
        for round in 0..self.shape.missed {
            let label = format!("{}-{round}", stage.run);
            let pairs = people.iter().map(|person| (author(person), person.user));
            people::acquaint_all(stage.target, &rest, (self.shape.keys.keys, &label), pairs).await?;
        }
        Ok(Away { people, back: Vec::new(), kind, resident_before })
    }

    async fn work(&self, crew: &mut Away, stage: &Stage<'_>) -> anyhow::Result<()> {
        let storm = Instant::now();
        let at_once = usize::try_from(self.shape.at_once)?;
        let (kind, missed) = (crew.kind, self.shape.missed);
        let people = std::mem::take(&mut crew.people);
        let count = people.len();
        let mut waiting = people.into_iter();
        // A task for each: as parts of one task, hundreds of them would share the turns that the runtime gives to one, and
        // some would not be polled for seconds.
        let mut coming = JoinSet::new();
        loop {
            while coming.len() < at_once
                && let Some(person) = waiting.next()
            {
                let door = stage.target.door(person.user)?;
                let (legacy, recorder) = (stage.target.legacy, Rc::clone(&stage.recorder));
                coming.spawn_local(async move {
                    let began = Instant::now();
                    let back = come_back(legacy, door, &person, missed).await;
                    if back.is_ok() {
                        // From when somebody's turn came: how long the storm took is in the figures.
                        recorder.done(kind, began, began, Instant::now());
                    }
                    (person, back)
                });
            }
            let Some(back) = coming.join_next().await else { break };
            match back? {
                (_, Ok(client)) => {
                    crew.back.push(client);
                    if crew.back.len() == count.div_ceil(2) {
                        stage.recorder.figure("half were back after", storm.elapsed().as_secs_f64(), "s");
                    }
                }
                (person, Err(error)) => {
                    stage.recorder.fault(Fault::Untold, || format!("{}: {error:#}", person.user));
                }
            }
        }
        let took = storm.elapsed().as_secs_f64();
        stage.recorder.figure("all were back after", took, "s");
        stage.recorder.figure("resumed a second", float(crew.back.len() as u64) / took, "/s");
        stage.recorder.figure("resumed", float(crew.back.len() as u64), &format!("of {count}"));
        Ok(())
    }

    async fn close(&self, crew: Away, stage: &Stage<'_>) -> anyhow::Result<()> {
        let weigh = || stage.target.pid().and_then(|pid| usage::resident_kb(pid).ok());
        if let Some(after) = weigh() {
            stage.recorder.figure("resident before the storm", f64::from(crew.resident_before), "KB");
            stage.recorder.figure("resident after the storm", f64::from(after), "KB");
        }
        drop(crew);
        Ok(())
    }
}

/// The socket is closed by being forgotten.
fn drop_client(_: Client, person: Person) -> Person {
    person
}

/// Comes back with a cursor, and hears all that was missed, and `synced`.
async fn come_back(legacy: bool, mut door: Door, person: &Person, missed: u32) -> anyhow::Result<Client> {
    door.buffer = 1024;
    door.cursor = Some(person.cursor.clone());
    let Entered { mut client, welcome } = through(legacy, door, person.user, person.number).await?;
    if !welcome.contains(r#""resumed":true"#) {
        bail!("was not resumed: {}", cut_short(&welcome));
    }
    let mut got = BTreeSet::new();
    let syncing = async {
        loop {
            match client.next().await {
                Heard::Text(text) => match frame::kind(&text) {
                    // What is told again is dropped, as clients do.
                    Some("new_message") => got.extend(frame::number(&text, r#""id":"#)),
                    Some("synced") => return Ok(()),
                    _ => {}
                },
                ended => bail!("was cut off before `synced`: {ended}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, syncing).await??;
    if got.len() != missed as usize {
        bail!("missed {missed} messages and was given {}", got.len());
    }
    Ok(client)
}
