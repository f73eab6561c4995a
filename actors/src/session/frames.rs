//! What each frame asks for: one method per frame.

use chat_database::change::{Change, Delete, Edit, Outcome, OwnNotification, Receipt, ReceiptKind};
use chat_database::ids::{MessageId, Pair, Seq, ThreadId, UserId};
use chat_database::queries::{people, threads, unread};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::State;
use crate::error::Error;
use crate::metrics;
use crate::protocol::client::{
    Echo, MessageDelete, MessageEdit, MessageSeen, MessageSend, NotificationRead, Ping, Subscribe, TypingIn,
    WhoIsOnline,
};
use crate::protocol::server::About;
use crate::protocol::{ClientFrame, ErrorCode, ServerFrame};
use crate::requester::{Permit, Requester};
use crate::storage::message::{WriteReply, WriteRequest};
use crate::thread::message::ThreadMsg;
use crate::thread::typing::{self, Signal};
use crate::validation;

/// An echo of at most so many bytes is always sent.
const SMALL_ECHO_BYTES: usize = 256;

/// The most users that a client may ask about at once.
const MOST_ASKED: usize = 1_000;

/// The most counterparts that `who_is_online` looks through when it names no user.
const ALL_COUNTERPARTS: u32 = 10_000;

impl State {
    /// Sends a message to a thread whose members are known: the hot path. Returns the message if the database must be asked
    /// for the members.
    pub(super) fn send_to_known(&mut self, send: MessageSend, permit: Permit) -> Option<(MessageSend, Requester)> {
        let about = About { temp_id: send.temp_id.clone(), thread_id: send.thread_id, message_id: None };
        let requester = self.requester(permit, about);
        if let Err(refused) = self.may(|limits| &limits.sends) {
            requester.refuse(refused);
            return None;
        }
        let by_receiver = send.receiver_id.filter(|_| send.thread_id.is_none());
        let pair = match (by_receiver, send.thread_id.and_then(|thread| self.known(thread))) {
            (Some(receiver), _) => validation::receiver(self.user(), receiver),
            (None, Some(pair)) if send.receiver_id.is_none() => Ok(pair),
            _ => return Some((send, requester)),
        };
        self.send_in(pair, send, requester);
        None
    }

    /// Sends a message to a thread whose members this session does not know yet.
    pub(super) async fn send_to_unknown(&mut self, (send, requester): (MessageSend, Requester)) {
        let pair = self.addressed(send.receiver_id, send.thread_id).await;
        self.send_in(pair, send, requester);
    }

    fn send_in(&mut self, pair: Result<Pair, Error>, send: MessageSend, requester: Requester) {
        let limits = &self.context.limits;
        let composed = pair.and_then(|pair| validation::message(self.user(), pair, send, &[], limits));
        match composed {
            Ok(draft) => {
                self.has_written_in(draft.pair);
                self.context.storage.request(Change::Send(draft), requester);
            }
            Err(refused) => requester.refuse(refused),
        }
    }

    /// Tells the thread that the user has stopped typing on this connection, because the message is being sent.
    fn has_written_in(&mut self, pair: Pair) {
        let Some(busy) = &mut self.busy else { return };
        let Some(place) = busy.typing_in.iter().position(|(of, ..)| *of == pair) else { return };
        let (_, thread_id, _) = busy.typing_in.swap_remove(place);
        let (who, connection) = (self.user(), self.registration.id());
        let ends = ThreadMsg::Typing { who, connection, thread_id, signal: Signal::Ends };
        // This fails only on a node that is ending, where no client is left to be told.
        let _ = self.context.threads.deliver(pair, ends);
    }

    /// Serves any frame but a message.
    pub(super) async fn frame(&mut self, frame: ClientFrame, permit: Permit) {
        let about = about(&frame);
        let done = match frame {
            ClientFrame::MessageEdit(edit) => return self.edit(edit, self.requester(permit, about)).await,
            ClientFrame::MessageDelete(delete) => return self.delete(&delete, self.requester(permit, about)).await,
            ClientFrame::MessageSeen(MessageSeen { thread_id, up_to }) => {
                let requester = self.requester(permit, about);
                return self.receipt(thread_id, ReceiptKind::Seen, up_to, requester).await;
            }
            ClientFrame::MessageDelivered(delivered) => {
                let requester = self.requester(permit, about);
                return self
                    .receipt(delivered.thread_id, ReceiptKind::Delivered, Some(delivered.up_to), requester)
                    .await;
            }
            ClientFrame::Typing(typing) => self.typing(&typing, Signal::Starts).await,
            ClientFrame::StopTyping(typing) => self.typing(&typing, Signal::Stops).await,
            ClientFrame::WhoIsOnline(asked) => self.who_is_online(asked).await,
            ClientFrame::NavCounts => self.nav_counts().await,
            ClientFrame::Subscribe(subscribe) => self.subscribe(&subscribe),
            ClientFrame::Sync(sync) => return self.sync(sync.cursor, permit).await,
            ClientFrame::Ping(Ping { t }) => self.echo(&ServerFrame::Pong { t }),
            ClientFrame::Echo(Echo { data }) => self.echo(&ServerFrame::Echo { data, ts: Timestamp::now().millis() }),
            ClientFrame::NotificationRead(read) => self.read_notification(&read).await,
            ClientFrame::NotificationsReadAll => self.read_all_notifications().await,
            // The connection's task has checked the token already; messages have a method of their own.
            ClientFrame::Auth(_) | ClientFrame::MessageSend(_) => Ok(()),
        };
        if let Err(refused) = done {
            metrics::get().error(refused.code).increment(1);
            self.send(&refused.frame(about));
        }
        drop(permit);
    }

    fn answer(&self, frame: &ServerFrame) -> Result<(), Error> {
        self.send(frame);
        Ok(())
    }

    /// Sends the client's own data back, if the client reads fast enough.
    fn echo(&self, frame: &ServerFrame) -> Result<(), Error> {
        let (outbox, frame) = (self.registration.outbox(), frame.encode());
        if frame.len() > SMALL_ECHO_BYTES && !outbox.has_room_to_spare(frame.len()) {
            let text = "more waits to be read by you than is given back beside it; read it, and try again";
            return Err(Error::new(ErrorCode::RateLimited, text));
        }
        metrics::get().frames_out.increment(1);
        let _ = outbox.push(frame);
        Ok(())
    }

    fn requester(&self, permit: Permit, about: About) -> Requester {
        Requester::connection(self.registration.id(), self.registration.outbox().clone(), permit, about)
    }

    /// Returns the members of the thread that a frame means, by its id, by the other user, or by both where they agree.
    async fn addressed(&mut self, receiver: Option<UserId>, thread: Option<ThreadId>) -> Result<Pair, Error> {
        let by_receiver = receiver.map(|receiver| validation::receiver(self.user(), receiver)).transpose()?;
        match (by_receiver, thread) {
            (Some(pair), None) => Ok(pair),
            (None, Some(thread)) => self.pair_of(thread).await,
            (Some(pair), Some(thread)) if self.pair_of(thread).await? == pair => Ok(pair),
            (Some(_), Some(_)) => {
                Err(Error::bad_request("receiver_id is not of that thread_id; leave one of them out"))
            }
            (None, None) => Err(Error::bad_request("say to whom: receiver_id or thread_id")),
        }
    }

    async fn edit(&mut self, edit: MessageEdit, requester: Requester) {
        match self.may_edit(&edit).await {
            Ok(pair) => {
                let change = Edit { message: edit.message_id, pair, content: edit.content, at: Timestamp::now() };
                self.context.storage.request(Change::Edit(change), requester);
            }
            Err(refused) => requester.refuse(refused),
        }
    }

    async fn may_edit(&mut self, edit: &MessageEdit) -> Result<Pair, Error> {
        self.may(|limits| &limits.changes)?;
        validation::edited_text(&edit.content, &self.context.limits)?;
        self.context.permissions.may_edit(self.user(), edit.message_id).await
    }

    async fn delete(&mut self, delete: &MessageDelete, requester: Requester) {
        let message = delete.message_id;
        match self.may_delete(message).await {
            Ok(pair) => {
                let change = Delete { message, pair, at: Timestamp::now() };
                self.context.storage.request(Change::Delete(change), requester);
            }
            Err(refused) => requester.refuse(refused),
        }
    }

    async fn may_delete(&mut self, message: MessageId) -> Result<Pair, Error> {
        self.may(|limits| &limits.changes)?;
        self.context.permissions.may_delete(self.user(), message).await
    }

    async fn receipt(&mut self, thread: ThreadId, kind: ReceiptKind, up_to: Option<Seq>, requester: Requester) {
        let pair = match self.may(|limits| &limits.receipts) {
            Ok(()) => self.pair_of(thread).await,
            Err(refused) => Err(refused),
        };
        match pair {
            Ok(pair) => {
                let change = Receipt { pair, user: self.user(), kind, up_to, at: Timestamp::now() };
                self.context.storage.request(Change::Receipt(change), requester);
            }
            Err(refused) => requester.refuse(refused),
        }
    }

    async fn typing(&mut self, typing: &TypingIn, signal: Signal) -> Result<(), Error> {
        self.may(|limits| &limits.typing)?;
        let pair = self.addressed(typing.to, typing.thread_id).await?;
        let thread_id = match typing.thread_id {
            Some(thread) => thread,
            None => self.thread_of(pair).await?,
        };
        let now = Instant::now();
        let typing_in = &mut self.busy().typing_in;
        typing_in.retain(|(of, _, at)| *of != pair && *at + typing::LASTS > now);
        if signal == Signal::Starts {
            typing_in.push((pair, thread_id, now));
        }
        let (who, connection) = (self.user(), self.registration.id());
        let message = ThreadMsg::Typing { who, connection, thread_id, signal };
        self.context.threads.deliver(pair, message).map_err(|_| Error::shutting_down())
    }

    async fn thread_of(&mut self, pair: Pair) -> Result<ThreadId, Error> {
        if let Some((thread, _)) = self.busy().known.iter().find(|(_, of)| **of == pair) {
            return Ok(*thread);
        }
        let thread = threads::of_pair(&self.context.database, pair).await?;
        let thread = thread.ok_or_else(|| Error::not_found("thread"))?;
        self.busy().known.insert(thread, pair);
        Ok(thread)
    }

    async fn who_is_online(&mut self, asked: WhoIsOnline) -> Result<(), Error> {
        self.may(|limits| &limits.queries)?;
        let (database, user) = (&self.context.database, self.user());
        let mut users = match asked.user_ids {
            Some(asked) if asked.len() > MOST_ASKED => {
                return Err(Error::bad_request(format!("ask about at most {MOST_ASKED} people at a time")));
            }
            Some(asked) => {
                let online: Vec<_> =
                    asked.into_iter().filter(|other| self.context.presence.is_online(*other)).collect();
                people::acquainted(database, user, &online).await?
            }
            None => {
                let around = people::counterparts(database, user, ALL_COUNTERPARTS).await?;
                around
                    .into_iter()
                    .map(|other| other.user)
                    .filter(|other| self.context.presence.is_online(*other))
                    .collect()
            }
        };
        users.sort_unstable();
        users.dedup();
        self.answer(&ServerFrame::OnlineUsers { users })
    }

    async fn nav_counts(&mut self) -> Result<(), Error> {
        self.may(|limits| &limits.queries)?;
        let payload = unread::totals(&self.context.database, self.user()).await?;
        self.answer(&ServerFrame::NavCounts { payload })
    }

    fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), Error> {
        self.may(|limits| &limits.queries)?;
        if let Some(unknown) =
            subscribe.channels.iter().find(|name| !matches!(name.as_str(), "notifications" | "presence"))
        {
            let unknown: String = unknown.chars().take(64).collect();
            return Err(Error::bad_request(format!("there is no channel {unknown:?}; there is `notifications`")));
        }
        if subscribe.channels.iter().any(|name| name == "notifications") {
            self.notifications = true;
            self.context.connections.subscribe(self.user(), self.registration.id());
        }
        let mut channels = subscribe.channels.clone();
        channels.sort_unstable();
        channels.dedup();
        self.answer(&ServerFrame::Subscribed { channels })
    }

    async fn read_notification(&mut self, read: &NotificationRead) -> Result<(), Error> {
        self.may(|limits| &limits.receipts)?;
        let own = OwnNotification { id: read.id, user: self.user() };
        match self.context.storage.call(Change::ReadNotification(own)).await? {
            Outcome::NoNotification => Err(Error::not_found("notification")),
            _ => Ok(()),
        }
    }

    async fn read_all_notifications(&mut self) -> Result<(), Error> {
        self.may(|limits| &limits.receipts)?;
        let change = Change::ReadAllNotifications(self.user());
        self.context.storage.write(WriteRequest { change, reply: WriteReply::None });
        Ok(())
    }
}

/// Returns the keys of a frame, for the error that may answer it.
fn about(frame: &ClientFrame) -> About {
    let (message_id, thread_id) = match frame {
        ClientFrame::MessageEdit(edit) => (Some(edit.message_id), None),
        ClientFrame::MessageDelete(delete) => (Some(delete.message_id), None),
        ClientFrame::MessageSeen(seen) => (None, Some(seen.thread_id)),
        ClientFrame::MessageDelivered(delivered) => (None, Some(delivered.thread_id)),
        ClientFrame::Typing(typing) | ClientFrame::StopTyping(typing) => (None, typing.thread_id),
        _ => (None, None),
    };
    About { temp_id: None, message_id, thread_id }
}
