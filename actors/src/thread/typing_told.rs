//! How a thread tells that a member types: to the other member here, and to the nodes where the other member is, which tell
//! the member there. None of it is stored, and none is repeated if it is lost.

use std::sync::Arc;

use chat_database::ids::{ThreadId, UserId};
use ractor::ActorRef;
use tokio::time::Instant;

use super::State;
use super::message::ThreadMsg;
use super::typing::{self, Origin, Signal, Stopped};
use crate::connections::{Audience, ConnectionId};
use crate::presence::wire::{Body, Typing};
use crate::protocol::ServerFrame;
use crate::protocol::server::TypingFrom;
use crate::relay::message::Destination;

impl State {
    /// Takes in that a member starts or stops typing on a connection, sends the message, or disconnects.
    pub(super) fn types(
        &mut self,
        myself: &ActorRef<ThreadMsg>,
        (who, connection): (UserId, ConnectionId),
        thread_id: ThreadId,
        signal: Signal,
    ) {
        self.active();
        let origin = Origin::Connection(connection);
        match signal {
            Signal::Starts => {
                self.tell_here(who, thread_id, true);
                self.tell_elsewhere(who, thread_id, true);
                self.typing.begin(who, origin, thread_id, Instant::now());
                myself.send_after(typing::LASTS, || ThreadMsg::TypingDue);
            }
            Signal::Stops => {
                self.typing.end(who, &origin);
                // Told even if the user was not known to type, unless the user goes on elsewhere.
                let (here, everywhere) = (!self.typing.is_here(who), self.typing.of(who).is_none());
                self.tell_stopped(who, Some(Stopped { thread_id, here, everywhere }));
            }
            Signal::Ends => {
                let stopped = self.typing.end(who, &origin);
                self.tell_stopped(who, stopped);
            }
        }
    }

    /// Takes in that a member starts or stops typing on another node.
    pub(super) fn types_elsewhere(
        &mut self,
        myself: &ActorRef<ThreadMsg>,
        who: UserId,
        node: Arc<str>,
        thread_id: ThreadId,
        on: bool,
    ) {
        self.active();
        let origin = Origin::Node(node);
        if on {
            self.tell_here(who, thread_id, true);
            self.typing.begin(who, origin, thread_id, Instant::now());
            myself.send_after(typing::LASTS, || ThreadMsg::TypingDue);
        } else {
            self.typing.end(who, &origin);
            if self.typing.of(who).is_none() {
                self.tell_here(who, thread_id, false);
            }
        }
    }

    pub(super) fn typing_due(&mut self) {
        for (who, stopped) in self.typing.due(Instant::now()) {
            self.tell_stopped(who, Some(stopped));
        }
    }

    /// Announces an author again who goes on typing on another connection: clients take a delivered message for the end of
    /// its author's typing.
    pub(super) fn still_types(&self, author: UserId) {
        if let Some(thread_id) = self.typing.of(author) {
            self.tell_here(author, thread_id, true);
            if self.typing.is_here(author) {
                self.tell_elsewhere(author, thread_id, true);
            }
        }
    }

    /// Tells the other member, as far as needed, that a user has stopped typing.
    pub(super) fn tell_stopped(&self, who: UserId, stopped: Option<Stopped>) {
        let Some(Stopped { thread_id, here, everywhere }) = stopped else { return };
        if everywhere {
            self.tell_here(who, thread_id, false);
        }
        if here {
            self.tell_elsewhere(who, thread_id, false);
        }
    }

    /// Tells the other member's connections to this node.
    fn tell_here(&self, from: UserId, thread_id: ThreadId, on: bool) {
        let Some(to) = self.pair.other(from) else { return };
        let typing = TypingFrom { from, thread_id };
        let frame = if on { ServerFrame::Typing(typing) } else { ServerFrame::StopTyping(typing) };
        self.context.connections.send_ephemeral(to, Audience::Chat, &frame.encode());
    }

    /// Tells the nodes where the other member is.
    fn tell_elsewhere(&self, from: UserId, thread_id: ThreadId, on: bool) {
        let Some(to) = self.pair.other(from) else { return };
        let nodes = self.context.remote.nodes_of(to);
        if nodes.is_empty() {
            return;
        }
        let body = Body::Typing(Typing::new(from, to, thread_id, on));
        let bytes = body.encode();
        for node in nodes {
            self.context.relay.publish(Destination::Node(node), body.kind(), bytes.clone());
        }
    }
}
