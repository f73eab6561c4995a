//! Users who come, and counterparts who are told; and who ask who is there.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;

use super::{Scenario, people};
use crate::args::PresenceShape;
use crate::audit::Fault;
use crate::client::{Client, Heard};
use crate::enter::enter;
use crate::frame;
use crate::keys::Keys;
use crate::recorder::{Kind, Recorder};
use crate::rest::Rest;
use crate::stage::{Pace, Stage};
use crate::stats::float;
use crate::usage;

/// How many connect at a time.
const AT_ONCE: usize = 32;

/// How long watchers may take to hear of everybody who has come.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the server may take to tell around that the watchers have come: at least, and for each of them.
const SETTLE: Duration = Duration::from_secs(1);
const EACH: Duration = Duration::from_millis(1);

/// Circles of users and their counterparts.
#[derive(Debug)]
pub struct Presence {
    shape: PresenceShape,
}

/// Circles at work.
#[derive(Debug)]
pub struct Circles {
    asking: Vec<JoinHandle<()>>,
    watching: Vec<JoinHandle<()>>,
}

impl Presence {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: PresenceShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Presence {
    type Crew = Circles;

    fn name(&self) -> &'static str {
        "presence"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("circles", self.shape.circles.to_string()), ("watchers", self.shape.watchers.to_string())]
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.circles * (self.shape.watchers + 1)
    }

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Circles> {
        let PresenceShape { circles, watchers, keys } = self.shape;
        let kind = stage.recorder.operation("question");
        let size = u64::from(watchers) + 1;
        let star = |circle: u32| stage.first_user + u64::from(circle) * size;
        let watcher = |number: u32| star(number / watchers) + 1 + u64::from(number % watchers);
        let rest = Rest::new(stage.target)?;
        let pairs = (0..circles * watchers).map(|number| (star(number / watchers), watcher(number)));
        people::acquaint_all(stage.target, &rest, (keys.keys, &stage.run), pairs).await?;

        let enter_watcher = |number| enter(stage.target, watcher(number), number);
        let clients: Vec<Client> =
            stream::iter(0..circles * watchers).map(enter_watcher).buffered(AT_ONCE).try_collect().await?;
        // Everybody who watches is there: when that has been told around, those come whom they watch.
        tokio::time::sleep(SETTLE + EACH * circles * watchers).await;
        let in_the_system =
            || stage.target.pid().and_then(|pid| usage::usage(pid).ok()).map_or(0.0, |usage| usage.system);
        let (began, spent, before) = (Instant::now(), stage.target.cpu_seconds(), in_the_system());
        let mut hearing = Vec::new();
        for (number, client) in (0..).zip(clients) {
            hearing.push(tokio::task::spawn_local(hears(client, star(number / watchers))));
        }
        let enter_star = |circle| enter(stage.target, star(circle), circles * watchers + circle);
        let stars: Vec<Client> = stream::iter(0..circles).map(enter_star).buffered(AT_ONCE).try_collect().await?;
        let mut watching = Vec::new();
        for task in hearing {
            let Some(client) = task.await? else {
                stage.recorder.fault(Fault::Untold, || "a watcher was not told that somebody had come".to_owned());
                continue;
            };
            watching.push(tokio::task::spawn_local(hold(client)));
        }
        let frames = float(watching.len() as u64);
        stage.recorder.figure("arrivals told", frames, "frames");
        stage.recorder.figure("arrivals told a second", frames / began.elapsed().as_secs_f64(), "/s");
        let spent = (stage.target.cpu_seconds() - spent).max(0.01);
        stage.recorder.figure("arrivals told a server CPU second", frames / spent, "");
        stage.recorder.figure("of that in the system", 100.0 * (in_the_system() - before) / spent, "%");
        let mut asking = Vec::new();
        for ((circle, client), pace) in (0..).zip(stars).zip(stage.pace(circles)?) {
            let asked: Vec<String> =
                (0..watchers).map(|place| (star(circle) + 1 + u64::from(place)).to_string()).collect();
            let question = format!(r#"{{"type":"who_is_online","user_ids":[{}]}}"#, asked.join(","));
            let recorder = Rc::clone(&stage.recorder);
            asking.push(tokio::task::spawn_local(ask(client, question, watchers, pace, kind, recorder)));
        }
        Ok(Circles { asking, watching })
    }

    async fn close(&self, crew: Circles, stage: &Stage<'_>) -> anyhow::Result<()> {
        for task in crew.asking {
            if tokio::time::timeout(stage.load.deadline, task).await.is_err() {
                stage.recorder.fault(Fault::Untold, || "a question was not answered".to_owned());
            }
        }
        crew.watching.into_iter().for_each(|task| task.abort());
        Ok(())
    }
}

/// Waits until a watcher hears that somebody has come.
async fn hears(mut client: Client, star: u64) -> Option<Client> {
    let hearing = async {
        loop {
            let Heard::Text(text) = client.next().await else { return None };
            if frame::kind(&text) == Some("user_online") && frame::number(&text, r#""user_id":"#) == Some(star) {
                return Some(client);
            }
        }
    };
    tokio::time::timeout(PATIENCE, hearing).await.ok().flatten()
}

async fn hold(mut client: Client) {
    while let Heard::Text(_) = client.next().await {}
}

/// Asks who is there, as it becomes due; everybody who was asked about is.
async fn ask(mut client: Client, question: String, there: u32, pace: Pace, kind: Kind, recorder: Rc<Recorder>) {
    recorder.begun().await;
    while let Some((intended, now)) = pace.next(&recorder, kind).await {
        if client.send(question.as_str()).await.is_err() {
            return recorder.fault(Fault::Disconnected, || "somebody who asked".to_owned());
        }
        loop {
            let Heard::Text(text) = client.next().await else {
                return recorder.fault(Fault::Disconnected, || "somebody who asked".to_owned());
            };
            match frame::kind(&text) {
                Some("online_users") => {
                    let found = text.split_once('[').map_or(0, |(_, list)| {
                        list.split(']').next().unwrap_or_default().split(',').filter(|id| !id.is_empty()).count()
                    });
                    if found != there as usize {
                        recorder.fault(Fault::Untold, || format!("{found} of {there} are said to be there"));
                    }
                    recorder.done(kind, intended, now, Instant::now());
                    break;
                }
                Some("error") => {
                    recorder.refused(kind, frame::text(&text, r#""code":"#).unwrap_or("unknown"), Instant::now());
                    break;
                }
                _ => {}
            }
        }
    }
}
