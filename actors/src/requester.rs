//! The requester of a change, who gets exactly one reply.

use chat_database::ids::Seq;
use chat_database::objects::Message;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::connections::ConnectionId;
use crate::error::Error;
use crate::metrics;
use crate::outbox::Outbox;
use crate::protocol::ServerFrame;
use crate::protocol::server::About;

/// A connection's permit for one frame that waits for its reply. Dropping it gives the permit back.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held, not read")] pub(crate) OwnedSemaphorePermit);

/// The answer to a call of the edge.
#[derive(Debug)]
pub(crate) enum Answer {
    Stored { message: Box<Message>, duplicate: bool },
    Changed(Box<Message>),
    Deleted,
    Read { read_seq: Seq, unread: u64 },
}

/// The connection or the call that made a request. It travels inside the messages that serve the request. If it is dropped
/// without a reply (a panic, a full queue), it replies with a temporary error.
#[derive(Debug)]
pub(crate) struct Requester {
    reply_to: Option<ReplyTo>,
    about: About,
}

#[derive(Debug)]
enum ReplyTo {
    Connection { id: ConnectionId, outbox: Outbox, _permit: Permit },
    Call(oneshot::Sender<Result<Answer, Error>>),
}

impl Requester {
    /// Makes the requester of a connection's frame.
    pub(crate) fn connection(id: ConnectionId, outbox: Outbox, permit: Permit, about: About) -> Self {
        Self { reply_to: Some(ReplyTo::Connection { id, outbox, _permit: permit }), about }
    }

    /// Makes the requester of a call of the edge, and the receiver of its answer.
    pub(crate) fn call() -> (Self, oneshot::Receiver<Result<Answer, Error>>) {
        let (call, answer) = oneshot::channel();
        (Self { reply_to: Some(ReplyTo::Call(call)), about: About::default() }, answer)
    }

    /// Returns the connection that made the request, if it was one.
    pub(crate) fn connection_id(&self) -> Option<ConnectionId> {
        match &self.reply_to {
            Some(ReplyTo::Connection { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// Tells whether a call of the edge waits for an [`Answer`].
    pub(crate) fn is_call(&self) -> bool {
        matches!(self.reply_to, Some(ReplyTo::Call(_)))
    }

    /// Replies that the request was done: a connection gets the frame, if there is one for it, and a call gets the answer.
    pub(crate) fn reply(mut self, frame: Option<&ServerFrame>, answer: Option<Answer>) {
        match self.reply_to.take() {
            Some(ReplyTo::Connection { outbox, .. }) => {
                if let Some(frame) = frame {
                    // A connection that is too slow is being closed, and catches up by its cursor.
                    let _ = outbox.push_frame(frame);
                }
            }
            // The caller may not wait any more; what was done stands.
            Some(ReplyTo::Call(call)) => drop(call.send(answer.ok_or_else(Error::internal))),
            None => {}
        }
    }

    /// Replies with the reason why the request was not done.
    pub(crate) fn refuse(mut self, error: Error) {
        self.reply_with(error);
    }

    fn reply_with(&mut self, error: Error) {
        match self.reply_to.take() {
            Some(ReplyTo::Connection { outbox, .. }) => {
                metrics::get().error(error.code).increment(1);
                let _ = outbox.push_frame(&error.frame(std::mem::take(&mut self.about)));
            }
            // The edge counts the errors that it answers.
            Some(ReplyTo::Call(call)) => drop(call.send(Err(error))),
            None => {}
        }
    }
}

impl Drop for Requester {
    fn drop(&mut self) {
        self.reply_with(Error::internal());
    }
}
