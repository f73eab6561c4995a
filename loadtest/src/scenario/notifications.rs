//! Notifications: the marketplace's core notifies connected users.

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
use crate::audit::Violation;
use crate::client::{Client, Received};
use crate::connect::connect_with;
use crate::frame;
use crate::recorder::{OperationId, Recorder};
use crate::rest::Rest;
use crate::run_context::{Pacing, RunContext};

/// How many clients connect concurrently.
const CONCURRENCY: usize = 32;

/// A core service and its listeners.
#[derive(Debug)]
pub struct Notifications {
    shape: NotificationsShape,
}

/// The connections of the core and of the listeners.
#[derive(Debug)]
pub struct NotificationClients {
    notifiers: Vec<JoinHandle<()>>,
    listeners: Vec<JoinHandle<()>>,
    pending: Rc<RefCell<Pending>>,
}

/// The notifications that not all listeners have received.
#[derive(Debug, Default)]
struct Pending {
    requests: HashMap<u64, Request>,
    next: u64,
}

#[derive(Debug)]
struct Request {
    intended: Instant,
    sent: Instant,
    /// The users who have not received it.
    missing: Vec<u64>,
}

impl Notifications {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: NotificationsShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Notifications {
    type Clients = NotificationClients;

    fn name(&self) -> &'static str {
        "notifications"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("listeners", self.shape.listeners.to_string()), ("batch", self.shape.batch.to_string())]
    }

    fn connections(&self) -> u32 {
        self.shape.listeners + self.shape.clients
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<NotificationClients> {
        let received = context.recorder.operation("notification");
        let request = context.recorder.operation("request");
        let listeners = self.shape.listeners;
        let connect = |number: u32| async move {
            let user = context.first_user + u64::from(number);
            let mut options = context.target.connect_options(user)?;
            options.path = format!("{}/notifications", context.target.base);
            anyhow::Ok((user, connect_with(context.target.legacy, options, user, number).await?.client))
        };
        let clients: Vec<(u64, Client)> =
            stream::iter(0..listeners).map(connect).buffer_unordered(CONCURRENCY).try_collect().await?;
        let pending = Rc::new(RefCell::new(Pending::default()));
        let listen = |(user, client)| {
            let (pending, recorder) = (Rc::clone(&pending), Rc::clone(&context.recorder));
            tokio::task::spawn_local(listen(client, user, context.run_id.clone(), pending, received, recorder))
        };
        let listening = clients.into_iter().map(listen).collect();
        let mut notifiers = Vec::new();
        for pacing in context.pacing(self.shape.clients)? {
            let notifier = Notifier {
                rest: Rest::new(context.target)?,
                token: context.target.service_token()?,
                run: context.run_id.clone(),
                first_user: context.first_user,
                listeners,
                batch: self.shape.batch.min(listeners),
                pending: Rc::clone(&pending),
                operation: request,
                recorder: Rc::clone(&context.recorder),
            };
            notifiers.push(tokio::task::spawn_local(notifier.run(pacing)));
        }
        Ok(NotificationClients { notifiers, listeners: listening, pending })
    }

    async fn close(&self, clients: NotificationClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        for task in clients.notifiers {
            task.await?;
        }
        let began = Instant::now();
        while !clients.pending.borrow().requests.is_empty() && began.elapsed() < context.load.deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for (number, request) in &clients.pending.borrow().requests {
            for user in &request.missing {
                context.recorder.violation(Violation::Unnotified, || format!("notification {number} to {user}"));
            }
        }
        clients.listeners.into_iter().for_each(|task| task.abort());
        Ok(())
    }
}

/// A client of the core service.
struct Notifier {
    rest: Rest,
    token: String,
    run: String,
    first_user: u64,
    listeners: u32,
    batch: u32,
    pending: Rc<RefCell<Pending>>,
    operation: OperationId,
    recorder: Rc<Recorder>,
}

impl Notifier {
    async fn run(self, pacing: Pacing) {
        self.recorder.started().await;
        while let Some((intended, now)) = pacing.next(&self.recorder, self.operation).await {
            self.notify(intended, now).await;
        }
    }

    async fn notify(&self, intended: Instant, sent: Instant) {
        let (number, users) = self.next(intended, sent);
        let body = json!({
            "user_ids": users, "type": "order", "title": "Order paid", "body": format!("{}-{number}", self.run),
            "dedupe_key": format!("{}-{number}", self.run),
        });
        let request = self.rest.request(Method::POST, "/internal/notifications", &self.token).json(&body);
        let why = match request.send().await {
            Ok(answer) if answer.status().as_u16() == 202 => {
                // The connection can be used again when the answer has been read.
                let _ = answer.bytes().await;
                return self.recorder.completed(self.operation, intended, sent, Instant::now());
            }
            Ok(answer) => answer.status().to_string(),
            Err(error) => error.to_string(),
        };
        self.recorder.refused(self.operation, &why, Instant::now());
        self.pending.borrow_mut().requests.remove(&number);
    }

    /// Returns the next request's number and users: all listeners in turn.
    fn next(&self, intended: Instant, sent: Instant) -> (u64, Vec<u64>) {
        let mut pending = self.pending.borrow_mut();
        let number = pending.next;
        pending.next += 1;
        let (listeners, batch) = (u64::from(self.listeners), u64::from(self.batch));
        let users: Vec<u64> = (0..batch).map(|place| self.first_user + (number * batch + place) % listeners).collect();
        pending.requests.insert(number, Request { intended, sent, missing: users.clone() });
        (number, users)
    }
}

/// Receives notifications and checks that each arrives once.
async fn listen(
    mut client: Client,
    user: u64,
    run: String,
    pending: Rc<RefCell<Pending>>,
    operation: OperationId,
    recorder: Rc<Recorder>,
) {
    loop {
        let Received::Text(text) = client.next().await else {
            return recorder.violation(Violation::Disconnected, || format!("listener {user}"));
        };
        if frame::kind(&text) != Some("notification") {
            continue;
        }
        let number = frame::text(&text, r#""body":"#)
            .and_then(|body| body.strip_prefix(run.as_str())?.strip_prefix('-')?.parse::<u64>().ok());
        // Earlier runs have notified the same users.
        let Some(number) = number else { continue };
        let mut pending = pending.borrow_mut();
        let waited = pending.requests.get_mut(&number).and_then(|request| {
            let place = request.missing.iter().position(|other| *other == user)?;
            request.missing.swap_remove(place);
            Some((request.intended, request.sent, request.missing.is_empty()))
        });
        match waited {
            Some((intended, sent, complete)) => {
                recorder.completed(operation, intended, sent, Instant::now());
                if complete {
                    pending.requests.remove(&number);
                }
            }
            None => recorder.violation(Violation::DeliveredTwice, || format!("notification {number} to {user}")),
        }
    }
}
