//! What each frame asks for: one method per frame.

use chat_database::change::{Change, Delete, Edit, OwnNotification, Receipt, ReceiptKind};
use chat_database::ids::{MessageId, Pair, Seq, ThreadId, UserId};
use chat_database::queries::{people, threads, unread};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::State;
use crate::authorship;
use crate::compose;
use crate::origin::{Origin, Permit};
use crate::protocol::client::{
    Echo, MessageDelete, MessageEdit, MessageSeen, MessageSend, NotificationRead, Ping, Subscribe, TypingIn,
    WhoIsOnline,
};
use crate::protocol::server::About;
use crate::protocol::{ClientFrame, ErrorCode, ServerFrame};
use crate::refused::Refused;
use crate::storage::{Reply, Write};
use crate::thread::{self, Signal};
use crate::timing::Timing;

/// What has so few bytes is always given back.
const SMALL: usize = 256;

/// The most people that one may ask about at once.
const MOST_ASKED: usize = 1_000;

/// The most counterparts that `who_is_online` looks through when nobody is named.
const ALL_COUNTERPARTS: u32 = 10_000;

impl State {
    /// The hot path: a message on its way to its thread. Gives it back if the database must be asked whose thread it is.
    pub(super) fn send_to_known(
        &mut self,
        send: MessageSend,
        permit: Permit,
        timing: Timing,
    ) -> Option<(MessageSend, Origin)> {
        let about = About { temp_id: send.temp_id.clone(), thread_id: send.thread_id, message_id: None };
        let origin = self.origin(permit, about).timed(timing);
        if let Err(refused) = self.may(|limits| &limits.sends) {
            origin.refuse(refused);
            return None;
        }
        let by_receiver = send.receiver_id.filter(|_| send.thread_id.is_none());
        let pair = match (by_receiver, send.thread_id.and_then(|thread| self.known(thread))) {
            (Some(receiver), _) => compose::receiver(self.user(), receiver),
            (None, Some(pair)) if send.receiver_id.is_none() => Ok(pair),
            _ => return Some((send, origin)),
        };
        self.send_in(pair, send, origin);
        None
    }

    /// A message to a thread that this session has not met.
    pub(super) async fn send(&mut self, (send, origin): (MessageSend, Origin)) {
        let pair = self.addressed(send.receiver_id, send.thread_id).await;
        self.send_in(pair, send, origin);
    }

    fn send_in(&self, pair: Result<Pair, Refused>, send: MessageSend, origin: Origin) {
        let limits = &self.node.options.limits;
        let composed = pair.and_then(|pair| Ok((pair, compose::message(self.user(), pair, send, &[], limits)?)));
        match composed {
            Ok((pair, draft)) => thread::ask(&self.node, pair, Change::Send(draft), origin),
            Err(refused) => origin.refuse(refused),
        }
    }

    /// Everything else.
    pub(super) async fn frame(&mut self, frame: ClientFrame, permit: Permit) {
        let about = about(&frame);
        let done = match frame {
            ClientFrame::MessageEdit(edit) => return self.edit(edit, self.origin(permit, about)).await,
            ClientFrame::MessageDelete(delete) => return self.delete(&delete, self.origin(permit, about)).await,
            ClientFrame::MessageSeen(MessageSeen { thread_id, up_to }) => {
                let origin = self.origin(permit, about);
                return self.receipt(thread_id, ReceiptKind::Seen, up_to, origin).await;
            }
            ClientFrame::MessageDelivered(delivered) => {
                let origin = self.origin(permit, about);
                return self.receipt(delivered.thread_id, ReceiptKind::Delivered, Some(delivered.up_to), origin).await;
            }
            ClientFrame::Typing(typing) => self.typing(&typing, Signal::Begins).await,
            ClientFrame::StopTyping(typing) => self.typing(&typing, Signal::Stops).await,
            ClientFrame::WhoIsOnline(asked) => self.who_is_online(asked).await,
            ClientFrame::NavCounts => self.nav_counts().await,
            ClientFrame::Subscribe(subscribe) => self.subscribe(&subscribe),
            ClientFrame::Sync(sync) => return self.sync(sync.cursor, permit).await,
            ClientFrame::Ping(Ping { t }) => self.give_back(&ServerFrame::Pong { t }),
            ClientFrame::Echo(Echo { data }) => {
                self.give_back(&ServerFrame::Echo { data, ts: Timestamp::now().millis() })
            }
            ClientFrame::NotificationRead(read) => self.read_notification(&read).await,
            ClientFrame::NotificationsReadAll => self.read_all_notifications().await,
            // The connection's task has looked at the token already; messages have their own way.
            ClientFrame::Auth(_) | ClientFrame::MessageSend(_) => Ok(()),
        };
        if let Err(refused) = done {
            crate::metrics::get().error(refused.code).increment(1);
            self.tell(&refused.frame(about));
        }
        drop(permit);
    }

    fn answer(&self, frame: &ServerFrame) -> Result<(), Refused> {
        self.tell(frame);
        Ok(())
    }

    /// Answers with what the client has sent: for as much of it as is read in time.
    fn give_back(&self, frame: &ServerFrame) -> Result<(), Refused> {
        let (outbox, frame) = (self.registration.outbox(), frame.encode());
        if frame.len() > SMALL && !outbox.has_room_to_spare(frame.len()) {
            let text = "more waits to be read by you than is given back beside it; read it, and try again";
            return Err(Refused::new(ErrorCode::RateLimited, text));
        }
        crate::metrics::get().frames_out.increment(1);
        let _ = outbox.push(frame);
        Ok(())
    }

    fn origin(&self, permit: Permit, about: About) -> Origin {
        Origin::connection(self.registration.id(), self.registration.outbox().clone(), permit, about)
    }

    /// Returns the thread that a frame means, by its id, by the other person, or by both where they agree.
    async fn addressed(&mut self, receiver: Option<UserId>, thread: Option<ThreadId>) -> Result<Pair, Refused> {
        let by_receiver = receiver.map(|receiver| compose::receiver(self.user(), receiver)).transpose()?;
        match (by_receiver, thread) {
            (Some(pair), None) => Ok(pair),
            (None, Some(thread)) => self.pair_of(thread).await,
            (Some(pair), Some(thread)) if self.pair_of(thread).await? == pair => Ok(pair),
            (Some(_), Some(_)) => {
                Err(Refused::bad_request("receiver_id is not of that thread_id; leave one of them out"))
            }
            (None, None) => Err(Refused::bad_request("say to whom: receiver_id or thread_id")),
        }
    }

    async fn edit(&mut self, edit: MessageEdit, origin: Origin) {
        match self.may_edit(&edit).await {
            Ok(pair) => {
                let change = Edit { message: edit.message_id, pair, content: edit.content, at: Timestamp::now() };
                thread::ask(&self.node, pair, Change::Edit(change), origin);
            }
            Err(refused) => origin.refuse(refused),
        }
    }

    async fn may_edit(&mut self, edit: &MessageEdit) -> Result<Pair, Refused> {
        self.may(|limits| &limits.changes)?;
        compose::edited_text(&edit.content, &self.node.options.limits)?;
        authorship::may_edit(&self.node, self.user(), edit.message_id).await
    }

    async fn delete(&mut self, delete: &MessageDelete, origin: Origin) {
        let message = delete.message_id;
        match self.may_delete(message).await {
            Ok(pair) => {
                let change = Delete { message, pair, at: Timestamp::now() };
                thread::ask(&self.node, pair, Change::Delete(change), origin);
            }
            Err(refused) => origin.refuse(refused),
        }
    }

    async fn may_delete(&mut self, message: MessageId) -> Result<Pair, Refused> {
        self.may(|limits| &limits.changes)?;
        authorship::may_delete(&self.node, self.user(), message).await
    }

    async fn receipt(&mut self, thread: ThreadId, kind: ReceiptKind, up_to: Option<Seq>, origin: Origin) {
        let pair = match self.may(|limits| &limits.receipts) {
            Ok(()) => self.pair_of(thread).await,
            Err(refused) => Err(refused),
        };
        match pair {
            Ok(pair) => {
                let change = Receipt { pair, user: self.user(), kind, up_to, at: Timestamp::now() };
                thread::ask(&self.node, pair, Change::Receipt(change), origin);
            }
            Err(refused) => origin.refuse(refused),
        }
    }

    async fn typing(&mut self, typing: &TypingIn, signal: Signal) -> Result<(), Refused> {
        self.may(|limits| &limits.typing)?;
        let pair = self.addressed(typing.to, typing.thread_id).await?;
        let thread_id = match typing.thread_id {
            Some(thread) => thread,
            None => self.thread_of(pair).await?,
        };
        let now = Instant::now();
        let typing_in = &mut self.busy().typing_in;
        typing_in.retain(|(of, _, at)| *of != pair && *at + thread::TYPING_LASTS > now);
        if signal == Signal::Begins {
            typing_in.push((pair, thread_id, now));
        }
        let (who, connection) = (self.user(), self.registration.id());
        let message = thread::Message::Typing { who, connection, thread_id, signal };
        self.node.threads.deliver(pair, message).map_err(|_| Refused::shutting_down())
    }

    async fn thread_of(&mut self, pair: Pair) -> Result<ThreadId, Refused> {
        if let Some((thread, _)) = self.busy().known.iter().find(|(_, of)| **of == pair) {
            return Ok(*thread);
        }
        let thread = threads::of_pair(&self.node.database, pair).await?;
        let thread = thread.ok_or_else(|| Refused::not_found("thread"))?;
        self.busy().known.insert(thread, pair);
        Ok(thread)
    }

    async fn who_is_online(&mut self, asked: WhoIsOnline) -> Result<(), Refused> {
        self.may(|limits| &limits.queries)?;
        let (database, user) = (&self.node.database, self.user());
        let mut users = match asked.user_ids {
            Some(asked) if asked.len() > MOST_ASKED => {
                return Err(Refused::bad_request(format!("ask about at most {MOST_ASKED} people at a time")));
            }
            Some(asked) => {
                let online: Vec<_> = asked.into_iter().filter(|other| self.node.presence.is_online(*other)).collect();
                people::acquainted(database, user, &online).await?
            }
            None => {
                let around = people::counterparts(database, user, ALL_COUNTERPARTS).await?;
                around
                    .into_iter()
                    .map(|other| other.user)
                    .filter(|other| self.node.presence.is_online(*other))
                    .collect()
            }
        };
        users.sort_unstable();
        users.dedup();
        self.answer(&ServerFrame::OnlineUsers { users })
    }

    async fn nav_counts(&mut self) -> Result<(), Refused> {
        self.may(|limits| &limits.queries)?;
        let payload = unread::totals(&self.node.database, self.user()).await?;
        self.answer(&ServerFrame::NavCounts { payload })
    }

    fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), Refused> {
        self.may(|limits| &limits.queries)?;
        if let Some(unknown) =
            subscribe.channels.iter().find(|name| !matches!(name.as_str(), "notifications" | "presence"))
        {
            let unknown: String = unknown.chars().take(64).collect();
            return Err(Refused::bad_request(format!("there is no channel {unknown:?}; there is `notifications`")));
        }
        if subscribe.channels.iter().any(|name| name == "notifications") {
            self.notifications = true;
            self.node.people.subscribe(self.user(), self.registration.id());
        }
        let mut channels = subscribe.channels.clone();
        channels.sort_unstable();
        channels.dedup();
        self.answer(&ServerFrame::Subscribed { channels })
    }

    async fn read_notification(&mut self, read: &NotificationRead) -> Result<(), Refused> {
        self.may(|limits| &limits.receipts)?;
        let own = OwnNotification { id: read.id, user: self.user() };
        // Which of one's notifications there are is no secret to oneself: an unknown one is simply not there.
        match self.node.storage.call(Change::ReadNotification(own)).await? {
            chat_database::change::Outcome::NoNotification => Err(Refused::not_found("notification")),
            _ => Ok(()),
        }
    }

    async fn read_all_notifications(&mut self) -> Result<(), Refused> {
        self.may(|limits| &limits.receipts)?;
        let change = Change::ReadAllNotifications(self.user());
        self.node.storage.write(Write { change, reply: Reply::Nobody });
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
