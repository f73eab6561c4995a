//! The actor that sends webhooks. Each node has one; the one that has the lease works.
//!
//! It waits for nothing: results of its reads and writes come back as messages. All that it holds is in the database as
//! well, so a successor on whichever node goes on where it stopped. Messages carry the term in which they were asked for;
//! an answer of an earlier term is dropped.

use std::sync::Arc;
use std::time::Duration;

use chat_database::consumers::ConsumerChange;
use chat_database::ids::WebhookId;
use chat_database::queries::events::FeedPosition;
use chat_database::queries::webhooks;
use chat_database::time::Timestamp;
use chat_database::webhooks::{Status, Webhook};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::attempts::{attempt, read_all};
use super::context::WebhookContext;
use super::endpoint::Consequence;
use super::lead::Lead;
use super::message::{Answer, Asked, Step, WebhookMsg};
use super::queue::Taken;
use super::sender::Attempt;
use super::tasks;
use crate::error::Error;
use crate::metrics;

/// How often the actor checks what is due while it works, and while another one works or no webhook is enabled.
const WORKING: Duration = Duration::from_millis(25);
const RESTING: Duration = Duration::from_secs(1);

/// How long it does nothing after the database was away.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends webhooks while this process has the lease.
pub(crate) struct WebhookActor;

pub(crate) struct State {
    context: Arc<WebhookContext>,
    myself: ActorRef<WebhookMsg>,
    term: u64,
    lead: Option<Lead>,
    is_looking: bool,
    paused_until: Instant,
    draining: Option<oneshot::Sender<()>>,
    is_drained: bool,
}

impl Actor for WebhookActor {
    type Msg = WebhookMsg;
    type State = State;
    type Arguments = Arc<WebhookContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<WebhookMsg>,
        context: Arc<WebhookContext>,
    ) -> Result<State, ActorProcessingErr> {
        context.handle.set_actor(myself.clone());
        myself.send_message(WebhookMsg::Tick)?;
        Ok(State {
            context,
            myself,
            term: 0,
            lead: None,
            is_looking: false,
            paused_until: Instant::now(),
            draining: None,
            is_drained: false,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<WebhookMsg>,
        message: WebhookMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WebhookMsg::Tick => state.tick(),
            WebhookMsg::Changed => state.changed(),
            WebhookMsg::Drain(done) => state.draining = Some(done),
            WebhookMsg::TookOver(taken) => state.took_over(taken),
            WebhookMsg::Answer(term, answer) if term == state.term => state.answered(answer),
            WebhookMsg::Answer(..) => {}
        }
        state.go_on();
        Ok(())
    }
}

impl State {
    fn tick(&mut self) {
        let next = if self.lead.is_some() { WORKING } else { RESTING };
        self.myself.send_after(next, || WebhookMsg::Tick);
        if self.lead.is_none() {
            self.look();
        }
    }

    fn changed(&mut self) {
        match &mut self.lead {
            Some(lead) => lead.refreshed = None,
            None => self.look(),
        }
    }

    /// Tries to take the lease, if there is work that no other process does.
    fn look(&mut self) {
        if self.is_looking || self.draining.is_some() || self.is_drained {
            return;
        }
        self.is_looking = true;
        let (context, myself) = (Arc::clone(&self.context), self.myself.clone());
        tokio::spawn(async move {
            let taken = tasks::take_over(&context).await;
            // If this actor has ended, its successor tries by itself.
            let _ = myself.send_message(WebhookMsg::TookOver(taken));
        });
    }

    fn took_over(&mut self, taken: Result<Option<(FeedPosition, Vec<Webhook>)>, Error>) {
        self.is_looking = false;
        match taken {
            Ok(Some((position, webhooks))) => {
                self.term += 1;
                tracing::info!(commit = position.event.commit.0, "this node sends the webhooks");
                let mut lead = Lead::new(position);
                lead.refresh(webhooks);
                self.lead = Some(lead);
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "cannot see whether there are webhooks to send"),
        }
    }

    fn answered(&mut self, answer: Answer) {
        let Some(lead) = &mut self.lead else { return };
        let failed = match answer {
            Answer::Renewed(asked, renewed) => {
                lead.is_renewing = false;
                match renewed {
                    Ok(true) => lead.renewed = asked,
                    Ok(false) => return self.lose(),
                    Err(error) => return tracing::debug!(%error, "cannot prolong the lease of webhooks"),
                }
                None
            }
            Answer::Refreshed(webhooks) => {
                lead.is_refreshing = false;
                webhooks.map(|webhooks| lead.refresh(webhooks)).err()
            }
            Answer::Stepped(step) => {
                lead.is_stepping = false;
                match step {
                    Ok(Step::On { read, noted, jobs, has_more }) => {
                        (lead.read, lead.noted, lead.has_more) = (read, noted, has_more);
                        lead.push(jobs);
                        None
                    }
                    Ok(Step::Lost) => return self.lose(),
                    Err(error) => Some(error),
                }
            }
            Answer::Loaded(id, loaded) => {
                let endpoint = lead.endpoints.get_mut(&id);
                match (endpoint, loaded) {
                    (Some(endpoint), Ok((deliveries, has_more))) => {
                        endpoint.push_loaded(deliveries, has_more, Timestamp::now());
                        None
                    }
                    (Some(endpoint), Err(error)) => {
                        endpoint.is_loading = false;
                        Some(error)
                    }
                    (None, _) => None,
                }
            }
            Answer::Read(id, read) => {
                let endpoint = lead.endpoints.get_mut(&id);
                match (endpoint, read) {
                    (Some(endpoint), Ok(read)) => {
                        endpoint.has_read(read);
                        None
                    }
                    (Some(endpoint), Err(error)) => {
                        endpoint.is_reading = false;
                        Some(error)
                    }
                    (None, _) => None,
                }
            }
            Answer::Noted(results, noted) => {
                lead.is_noting = false;
                noted.err().inspect(|_| lead.results.splice(0..0, results).for_each(drop))
            }
            Answer::Attempted(id, taken, attempted) => {
                lead.under_way -= 1;
                match attempted {
                    Ok(attempted) => {
                        self.attempted(id, taken, attempted.unwrap_or_else(gone));
                        None
                    }
                    Err(error) => {
                        if let Some(endpoint) = lead.endpoints.get_mut(&id) {
                            endpoint.put_back(taken);
                        }
                        Some(error)
                    }
                }
            }
            Answer::Disabled(told) => {
                lead.refreshed = None;
                told.map(|jobs| lead.push(jobs)).err()
            }
        };
        if let Some(error) = failed {
            tracing::debug!(%error, "webhooks wait for the database");
            self.paused_until = Instant::now() + PAUSE;
        }
    }

    /// Takes in the result of an attempt.
    fn attempted(&mut self, id: WebhookId, taken: Taken, attempt: Attempt) {
        let Some(lead) = &mut self.lead else { return };
        let Some(endpoint) = lead.endpoints.get_mut(&id) else { return };
        let (result, consequence) = endpoint.attempted(taken, attempt, Timestamp::now(), fastrand::f64());
        metrics::get().webhooks.delivered(result.status);
        if result.status == Status::Failed {
            tracing::warn!(
                webhook = id.get(),
                delivery = taken.id,
                code = result.code,
                "an event has used up its tries"
            );
        }
        lead.results.push(result);
        match consequence {
            None => {}
            Some(Consequence::Note(failing_since, succeeded_at)) => {
                let context = Arc::clone(&self.context);
                // If this write fails, the next change of the health is written all the same.
                tokio::spawn(async move {
                    drop(tasks::write(&context, ConsumerChange::Health(id, failing_since, succeeded_at)).await);
                });
            }
            Some(Consequence::Disable(reason)) => {
                let (webhook, others) = (endpoint.webhook.clone(), lead.receivers());
                lead.endpoints.remove(&id);
                self.ask(async move |context| {
                    Answer::Disabled(tasks::disable(&context, &webhook, reason, &others).await)
                });
            }
        }
    }

    /// Stops working, for another process has the lease.
    fn lose(&mut self) {
        tracing::info!("another node sends the webhooks now");
        self.lead = None;
        self.term += 1;
    }

    /// Stops working, for no webhook is enabled, and gives the lease back.
    fn rest(&mut self) {
        tracing::info!("no webhook is enabled");
        self.lead = None;
        self.term += 1;
        let context = Arc::clone(&self.context);
        tokio::spawn(async move { tasks::release(&context).await });
    }

    /// Starts the work that is due.
    fn go_on(&mut self) {
        let is_draining = self.draining.is_some();
        let Some(lead) = &mut self.lead else {
            self.end_drain();
            return;
        };
        let now = Instant::now();
        if lead.is_over() {
            return self.rest();
        }
        if is_draining && lead.is_idle() {
            let context = Arc::clone(&self.context);
            let done = self.draining.take();
            (self.lead, self.is_drained) = (None, true);
            tokio::spawn(async move {
                tasks::release(&context).await;
                // The hub may have given up waiting.
                done.map(|done| done.send(()));
            });
            return;
        }
        let mut asked: Vec<Asked> = Vec::new();
        if lead.renews(now) {
            asked.push(Asked::Renew(now));
        }
        if now >= self.paused_until {
            if !lead.is_noting && !lead.results.is_empty() {
                asked.push(Asked::Note(lead.next_results()));
            }
            if !is_draining && lead.is_sure(now) {
                asked.extend(lead.work(now, self.context.frontier.newest().commit));
            }
        }
        for asked in asked {
            self.begin(asked);
        }
    }

    fn begin(&mut self, asked: Asked) {
        match asked {
            Asked::Renew(now) => {
                self.ask(async move |context| Answer::Renewed(now, tasks::lease(&context).await));
            }
            Asked::Refresh => {
                self.ask(async move |context| {
                    Answer::Refreshed(webhooks::all(&context.database).await.map_err(Error::from))
                });
            }
            Asked::Step(read, noted, receivers) => {
                self.ask(async move |context| Answer::Stepped(tasks::step(&context, read, noted, &receivers).await));
            }
            Asked::Load(id, after) => {
                self.ask(async move |context| Answer::Loaded(id, tasks::load(&context, id, after).await));
            }
            Asked::Read(id, deliveries) => {
                self.ask(async move |context| Answer::Read(id, read_all(&context.database, &deliveries).await));
            }
            Asked::Note(results) => {
                self.ask(async move |context| {
                    let noted = tasks::note(&context, results.clone()).await;
                    Answer::Noted(results, noted)
                });
            }
            Asked::Attempt(webhook, taken, job) => {
                self.ask(async move |context| {
                    let with = (&context.database, &context.sender, &context.secret);
                    let attempted = attempt(with, &webhook, &job).await;
                    Answer::Attempted(webhook.id, taken, attempted)
                });
            }
        }
    }

    /// Runs a task of its own, whose answer comes back as a message of this term.
    fn ask<Task>(&self, task: impl FnOnce(Arc<WebhookContext>) -> Task)
    where
        Task: Future<Output = Answer> + Send + 'static,
    {
        let (myself, term, task) = (self.myself.clone(), self.term, task(Arc::clone(&self.context)));
        tokio::spawn(async move {
            // If this actor has ended, its successor begins with what the database has.
            let _ = myself.send_message(WebhookMsg::Answer(term, task.await));
        });
    }

    fn end_drain(&mut self) {
        if !self.is_looking
            && let Some(done) = self.draining.take()
        {
            self.is_drained = true;
            // The hub may have given up waiting.
            let _ = done.send(());
        }
    }
}

/// The result of an attempt whose object is not in the database any more.
fn gone() -> Attempt {
    Attempt { code: None, ms: 0, reply: "what it is about is not there any more".to_owned(), retry_after: None }
}
