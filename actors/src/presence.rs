//! Who is online: a pure table, and the actor that tells those who may know.
//!
//! Somebody is online from their first connection until a while after their last has gone, so that a reload is no departure.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chat_database::change::Change;
use chat_database::ids::UserId;
use chat_database::queries::people;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::metrics;
use crate::node::Node;
use crate::people::Audience;
use crate::protocol::ServerFrame;
use crate::protocol::server::PresenceOf;
use crate::storage::{Reply, Write};

/// How many of each other's most recently active threads presence is told over.
pub(crate) const REACH: u32 = 500;

/// How often departures are looked for.
const TICK: Duration = Duration::from_millis(500);

/// How many departures are told before the table is asked again: of a crowd that has gone, many come back meanwhile.
const AT_ONCE: usize = 64;

/// Who is online. Without a clock of its own.
#[derive(Debug, Default)]
pub(crate) struct Table(HashMap<UserId, Presence>);

#[derive(Debug, Clone, Copy)]
struct Presence {
    connections: usize,
    /// When the last connection went.
    left: Option<Instant>,
}

impl Table {
    /// Counts a connection; tells whether its user was offline.
    pub(crate) fn came(&mut self, user: UserId) -> bool {
        let mut news = false;
        let presence = self.0.entry(user).or_insert_with(|| {
            news = true;
            Presence { connections: 0, left: None }
        });
        presence.connections += 1;
        presence.left = None;
        news
    }

    /// Counts a connection off.
    pub(crate) fn left(&mut self, user: UserId, now: Instant) {
        let Some(presence) = self.0.get_mut(&user) else { return };
        presence.connections = presence.connections.saturating_sub(1);
        if presence.connections == 0 {
            presence.left = Some(now);
        }
    }

    /// Takes some of those out who have been gone for long enough, at most as many as said.
    pub(crate) fn gone(&mut self, now: Instant, after: Duration, most: usize) -> Vec<UserId> {
        let gone = |_: &UserId, presence: &mut Presence| presence.left.is_some_and(|left| now >= left + after);
        self.0.extract_if(gone).map(|(user, _)| user).take(most).collect()
    }

    /// Tells whether somebody is online.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.0.contains_key(&user)
    }
}

/// The table for reading, and the actor's address.
#[derive(Default)]
pub(crate) struct Handle {
    table: RwLock<Table>,
    actor: RwLock<Option<ActorRef<Message>>>,
}

impl Handle {
    /// Counts a connection.
    pub(crate) fn came(&self, user: UserId) {
        if self.write(|table| table.came(user)) {
            metrics::get().users_online.increment(1);
            self.tell(Message::Came(user));
        }
    }

    /// Counts a connection off.
    pub(crate) fn left(&self, user: UserId) {
        self.write(|table| table.left(user, Instant::now()));
    }

    /// Tells whether somebody is online on this node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).is_online(user)
    }

    pub(crate) fn is(&self, actor: Option<ActorRef<Message>>) {
        *self.actor.write().unwrap_or_else(PoisonError::into_inner) = actor;
    }

    fn tell(&self, message: Message) {
        if let Some(actor) = &*self.actor.read().unwrap_or_else(PoisonError::into_inner) {
            let _ = actor.send_message(message);
        }
    }

    fn write<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the actor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Somebody is there who was not.
    Came(UserId),
    /// Time to look who has gone.
    Tick,
}

/// The actor.
pub(crate) struct Presences;

impl Actor for Presences {
    type Msg = Message;
    type State = Arc<Node>;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<Arc<Node>, ActorProcessingErr> {
        myself.send_interval(TICK, || Message::Tick);
        node.presence.is(Some(myself));
        Ok(node)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        node: &mut Arc<Node>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Came(user) => announce(node, user, None).await,
            Message::Tick => tell_departures(node).await,
        }
        Ok(())
    }
}

/// Tells who has gone, a few at a time: whoever comes back before their turn has not gone.
async fn tell_departures(node: &Arc<Node>) {
    let after = node.options.offline_after;
    loop {
        let gone = node.presence.write(|table| table.gone(Instant::now(), after, AT_ONCE));
        if gone.is_empty() {
            return;
        }
        for user in gone {
            left(node, user).await;
        }
    }
}

async fn left(node: &Arc<Node>, user: UserId) {
    let at = Timestamp::now();
    metrics::get().users_online.decrement(1);
    node.storage.write(Write { change: Change::LastSeen(user, at), reply: Reply::Nobody });
    announce(node, user, Some(at)).await;
}

/// Tells the people around a user, as far as they are connected, that the user came or left.
async fn announce(node: &Arc<Node>, user: UserId, left: Option<Timestamp>) {
    let connected = match connected_around(node, user).await {
        Ok(connected) => connected,
        Err(error) => return tracing::debug!(%error, "presence is not announced"),
    };
    if connected.is_empty() {
        return;
    }
    let frame = match left {
        None => ServerFrame::UserOnline(PresenceOf { user_id: user, last_seen: None }),
        Some(_) => ServerFrame::UserOffline(PresenceOf { user_id: user, last_seen: left }),
    };
    let frame = frame.encode();
    for other in connected {
        node.people.tell(other, Audience::Chat, &frame);
    }
}

/// Returns who is connected here and shares a recent thread with a user, recent for both.
async fn connected_around(node: &Node, user: UserId) -> Result<Vec<UserId>, chat_database::Error> {
    let mut around = people::counterparts(&node.database, user, REACH).await?;
    around.retain(|other| node.people.is_connected(other.user));
    people::close(&node.database, &around, REACH).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_no_departure() {
        let user = UserId::new(42).expect("an id");
        let (start, after) = (Instant::now(), Duration::from_secs(10));
        let mut table = Table::default();
        assert!(table.came(user));
        assert!(!table.came(user), "a second connection is no news");
        table.left(user, start);
        assert!(table.gone(start + after * 9, after, AT_ONCE).is_empty(), "one is still there");
        table.left(user, start);
        assert!(!table.came(user), "back within the debounce");
        table.left(user, start + after);
        assert!(table.gone(start + after, after, AT_ONCE).is_empty());
        assert!(table.is_online(user));
        assert_eq!(table.gone(start + after * 2, after, AT_ONCE), [user]);
        assert!(!table.is_online(user));
        assert!(table.came(user));
    }

    /// All of a crowd was taken out at once and told one by one: those who came back meanwhile were told as gone.
    #[test]
    fn of_a_crowd_that_has_gone_those_who_come_back_before_their_turn_have_not() {
        let (start, after) = (Instant::now(), Duration::from_secs(10));
        let mut table = Table::default();
        let crowd: Vec<UserId> = (1..=100).map(|id| UserId::new(id).expect("an id")).collect();
        for user in &crowd {
            table.came(*user);
            table.left(*user, start);
        }
        let first = table.gone(start + after, after, 30);
        assert_eq!(first.len(), 30);
        let news = crowd.iter().filter(|user| table.came(**user)).count();
        assert_eq!(news, 30, "the others had never gone");
        assert!(table.gone(start + after, after, 100).is_empty());
    }
}
