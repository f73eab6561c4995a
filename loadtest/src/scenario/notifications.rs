//! The marketplace's core notifies people who listen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Scenario;
use crate::args::NotificationsShape;
use crate::audit::Fault;
use crate::client::{Client, Heard};
use crate::enter::through;
use crate::frame;
use crate::recorder::{Kind, Recorder};
use crate::rest::Rest;
use crate::stage::{Pace, Stage};

/// How many connect at a time.
const AT_ONCE: usize = 32;

/// A core and people who listen to it.
#[derive(Debug)]
pub struct Notifications {
    shape: NotificationsShape,
}

/// Everybody at work.
#[derive(Debug)]
pub struct Audience {
    core: Vec<JoinHandle<()>>,
    listening: Vec<JoinHandle<()>>,
    board: Rc<RefCell<Board>>,
}

/// What was sent and who has heard it.
#[derive(Debug, Default)]
struct Board {
    requests: HashMap<u64, Request>,
    next: u64,
}

#[derive(Debug)]
struct Request {
    intended: Instant,
    written: Instant,
    /// Those who have not heard.
    left: Vec<u64>,
}

impl Notifications {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: NotificationsShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Notifications {
    type Crew = Audience;

    fn name(&self) -> &'static str {
        "notifications"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("listeners", self.shape.listeners.to_string()), ("batch", self.shape.batch.to_string())]
    }

    fn connections(&self) -> u32 {
        self.shape.listeners + self.shape.clients
    }

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Audience> {
        let heard = stage.recorder.operation("notification");
        let request = stage.recorder.operation("request");
        let listeners = self.shape.listeners;
        let enter = |number: u32| async move {
            let user = stage.first_user + u64::from(number);
            let mut door = stage.target.door(user)?;
            door.path = format!("{}/notifications", stage.target.base);
            anyhow::Ok((user, through(stage.target.legacy, door, user, number).await?.client))
        };
        let clients: Vec<(u64, Client)> =
            stream::iter(0..listeners).map(enter).buffer_unordered(AT_ONCE).try_collect().await?;
        let board = Rc::new(RefCell::new(Board::default()));
        let listen = |(user, client)| {
            let (board, recorder) = (Rc::clone(&board), Rc::clone(&stage.recorder));
            tokio::task::spawn_local(listen(client, user, stage.run.clone(), board, heard, recorder))
        };
        let listening = clients.into_iter().map(listen).collect();
        let mut core = Vec::new();
        for pace in stage.pace(self.shape.clients)? {
            let notifier = Notifier {
                rest: Rest::new(stage.target)?,
                token: stage.target.service_token()?,
                run: stage.run.clone(),
                first_user: stage.first_user,
                listeners,
                batch: self.shape.batch.min(listeners),
                board: Rc::clone(&board),
                kind: request,
                recorder: Rc::clone(&stage.recorder),
            };
            core.push(tokio::task::spawn_local(notifier.run(pace)));
        }
        Ok(Audience { core, listening, board })
    }

    async fn close(&self, crew: Audience, stage: &Stage<'_>) -> anyhow::Result<()> {
        for task in crew.core {
            task.await?;
        }
        let began = Instant::now();
        while !crew.board.borrow().requests.is_empty() && began.elapsed() < stage.load.deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for (number, request) in &crew.board.borrow().requests {
            for user in &request.left {
                stage.recorder.fault(Fault::Untold, || format!("notification {number} to {user}"));
            }
        }
        crew.listening.into_iter().for_each(|task| task.abort());
        Ok(())
    }
}

/// A connection of the core.
struct Notifier {
    rest: Rest,
    token: String,
    run: String,
    first_user: u64,
    listeners: u32,
    batch: u32,
    board: Rc<RefCell<Board>>,
    kind: Kind,
    recorder: Rc<Recorder>,
}

impl Notifier {
    async fn run(self, pace: Pace) {
        self.recorder.begun().await;
        while let Some((intended, now)) = pace.next(&self.recorder, self.kind).await {
            self.notify(intended, now).await;
        }
    }

    async fn notify(&self, intended: Instant, written: Instant) {
        let (number, users) = self.next(intended, written);
        let body = json!({
            "user_ids": users, "type": "order", "title": "Order paid", "body": format!("{}-{number}", self.run),
            "dedupe_key": format!("{}-{number}", self.run),
        });
        let request = self.rest.request(Method::POST, "/internal/notifications", &self.token).json(&body);
        let why = match request.send().await {
            Ok(answer) if answer.status().as_u16() == 202 => {
                // The connection is free for the next one when the answer has been read.
                let _ = answer.bytes().await;
                return self.recorder.done(self.kind, intended, written, Instant::now());
            }
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.to_string(),
        };
        self.recorder.refused(self.kind, &why, Instant::now());
        self.board.borrow_mut().requests.remove(&number);
    }

    /// Whom the next request is for: everybody in turn.
    fn next(&self, intended: Instant, written: Instant) -> (u64, Vec<u64>) {
        let mut board = self.board.borrow_mut();
        let number = board.next;
        board.next += 1;
        let (listeners, batch) = (u64::from(self.listeners), u64::from(self.batch));
        let users: Vec<u64> = (0..batch).map(|place| self.first_user + (number * batch + place) % listeners).collect();
        board.requests.insert(number, Request { intended, written, left: users.clone() });
        (number, users)
    }
}

/// Hears notifications, each of them once.
async fn listen(
    mut client: Client,
    user: u64,
    run: String,
    board: Rc<RefCell<Board>>,
    kind: Kind,
    recorder: Rc<Recorder>,
) {
    let mut newest = None;
    loop {
        let Heard::Text(text) = client.next().await else {
            return recorder.fault(Fault::Disconnected, || format!("{user}, who listened"));
        };
        if frame::kind(&text) != Some("notification") {
            continue;
        }
        let number = frame::text(&text, r#""body":"#)
            .and_then(|body| body.strip_prefix(run.as_str())?.strip_prefix('-')?.parse::<u64>().ok());
        // Older runs have notified them too.
        let Some(number) = number else { continue };
        let mut board = board.borrow_mut();
        let waited = board.requests.get_mut(&number).and_then(|request| {
            let place = request.left.iter().position(|other| *other == user)?;
            request.left.swap_remove(place);
            Some((request.intended, request.written, request.left.is_empty()))
        });
        match waited {
            Some((intended, written, complete)) => {
                recorder.done(kind, intended, written, Instant::now());
                if complete {
                    board.requests.remove(&number);
                }
                newest = newest.max(Some(number));
            }
            None => recorder.fault(Fault::DeliveredTwice, || format!("notification {number} to {user}")),
        }
    }
}
