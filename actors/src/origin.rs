//! Where a request came from, and the promise that it is answered exactly once.

use std::sync::Arc;

use chat_database::ids::Seq;
use chat_database::objects::Message;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::limits::Leave;
use crate::metrics;
use crate::outbox::Outbox;
use crate::people::ConnectionId;
use crate::protocol::ServerFrame;
use crate::protocol::server::About;
use crate::refused::Refused;
use crate::timing::Timing;

/// One of a connection's places for frames that wait for their answer. Free again when dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held, not read")] pub(crate) OwnedSemaphorePermit);

/// What a REST call gets.
#[derive(Debug)]
pub(crate) enum Answer {
    Stored { message: Box<Message>, duplicate: bool },
    Changed(Box<Message>),
    Deleted,
    Read { read_seq: Seq, unread: u64 },
}

/// Where a request came from. It rides inside the messages that serve the request; whoever drops it unanswered
/// (a panic, a full queue) answers with a temporary error.
#[derive(Debug)]
pub(crate) struct Origin {
    asker: Option<Asker>,
    about: About,
    timing: Timing,
    /// What a message takes along that may begin a conversation.
    leave: Option<Arc<Leave>>,
}

#[derive(Debug)]
enum Asker {
    Connection { id: ConnectionId, outbox: Outbox, _permit: Permit },
    Call(oneshot::Sender<Result<Answer, Refused>>),
}

impl Origin {
    /// A frame of a connection.
    pub(crate) fn connection(id: ConnectionId, outbox: Outbox, permit: Permit, about: About) -> Self {
        let asker = Some(Asker::Connection { id, outbox, _permit: permit });
        Self { asker, about, timing: Timing::none(), leave: None }
    }

    /// A call of the edge, and where its answer arrives.
    pub(crate) fn call() -> (Self, oneshot::Receiver<Result<Answer, Refused>>) {
        let (asker, answer) = oneshot::channel();
        let asker = Some(Asker::Call(asker));
        (Self { asker, about: About::default(), timing: Timing::none(), leave: None }, answer)
    }

    /// Notes the time of what is served.
    pub(crate) fn timed(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Takes along the token of a message that may begin a conversation; `None` for all others.
    pub(crate) fn takes(&mut self, leave: Option<Arc<Leave>>) {
        self.leave = leave;
    }

    /// Returns the token that was taken along.
    pub(crate) fn leave(&self) -> Option<&Leave> {
        self.leave.as_deref()
    }

    /// Returns the time of what is served.
    pub(crate) fn timing(&mut self) -> &mut Timing {
        &mut self.timing
    }

    /// Returns the connection that asked, if it was one.
    pub(crate) fn connection_id(&self) -> Option<ConnectionId> {
        match &self.asker {
            Some(Asker::Connection { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// Tells whether a call of the edge waits for an [`Answer`].
    pub(crate) fn is_call(&self) -> bool {
        matches!(self.asker, Some(Asker::Call(_)))
    }

    /// Says that it was done: a connection gets the frame, if there is one for it, and a call gets the answer.
    pub(crate) fn done(mut self, frame: Option<&ServerFrame>, answer: Option<Answer>) {
        match self.asker.take() {
            Some(Asker::Connection { outbox, .. }) => {
                if let Some(frame) = frame {
                    // A connection that is too slow is being closed, and its cursor lets it catch up.
                    self.timing.step();
                    let _ = outbox.tell_timed(frame, std::mem::take(&mut self.timing));
                }
            }
            // The caller may have hung up; what was done stands.
            Some(Asker::Call(asker)) => drop(asker.send(answer.ok_or_else(Refused::internal))),
            None => {}
        }
    }

    /// Says why it was not done.
    pub(crate) fn refuse(mut self, refused: Refused) {
        self.answer_with(refused);
    }

    fn answer_with(&mut self, refused: Refused) {
        match self.asker.take() {
            Some(Asker::Connection { outbox, .. }) => {
                metrics::get().error(refused.code).increment(1);
                let _ = outbox.tell(&refused.frame(std::mem::take(&mut self.about)));
            }
            // The edge counts what it answers.
            Some(Asker::Call(asker)) => drop(asker.send(Err(refused))),
            None => {}
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.answer_with(Refused::internal());
    }
}
