//! One user with one connection, who comes back whenever it ends: to the hub of before, or to another one.

use std::time::{Duration, Instant};

use chat_loadtest::client::{Client, Received};
use serde_json::Value;

use crate::support::person::text;
use crate::support::{Dice, Person, passes};

/// How long a hub may take to greet a user, who then tries another one.
const PATIENCE: Duration = Duration::from_secs(3);

/// The same for one of a crowd that comes at once: a shorter wait would have the hub greet those who have gone.
const PATIENCE_IN_A_CROWD: Duration = Duration::from_secs(15);

/// How a user comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// To the same hub, as long as it takes connections.
    Stays,
    /// Now and then, and to any hub.
    Wanders,
    /// Only if it must, to another hub, with many others.
    InACrowd,
}

/// A user.
pub(super) struct User {
    pub(super) id: u64,
    pub(super) habit: Habit,
    pub(super) dice: Dice,
    /// The hub of the open connection.
    pub(super) at: usize,
    /// When that was opened, and how long the user had tried to.
    pub(super) connected: Instant,
    pub(super) away: Duration,
    doors: Vec<Person>,
    /// The newest cursor that was heard.
    cursor: Option<String>,
    /// One that was heard earlier: any cursor must do.
    older: Option<String>,
}

/// A connection, and what was said at its beginning.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) greeting: Value,
}

impl User {
    pub(super) fn new(doors: Vec<Person>, home: usize, habit: Habit, seed: u64) -> Self {
        let id = doors[0].id;
        let (connected, away) = (Instant::now(), Duration::ZERO);
        Self { id, habit, dice: Dice::new(seed), at: home, connected, away, doors, cursor: None, older: None }
    }

    /// Returns the user as the hub of the open connection knows them.
    pub(super) fn here(&self) -> &Person {
        &self.doors[self.at]
    }

    /// Connects, however often it takes.
    pub(super) async fn connects(&mut self) -> Connection {
        let (hubs, since) = (self.doors.len(), Instant::now());
        let mut next = if self.habit == Habit::Wanders { self.dice.below(hubs) } else { self.at };
        for attempt in 1.. {
            if let Some(connection) = self.tries(next).await {
                self.at = next;
                (self.connected, self.away) = (Instant::now(), since.elapsed());
                return connection;
            }
            // A client waits longer each time; in a test not for long.
            passes(Duration::from_millis(20 + self.dice.below(60 * attempt.min(5)) as u64)).await;
            if self.habit == Habit::Wanders || attempt % 4 == 0 {
                next = self.dice.below(hubs);
            }
        }
        unreachable!("attempts are without end")
    }

    /// Turns to another hub.
    pub(super) fn moves(&mut self) {
        let hubs = self.doors.len();
        self.at = (self.at + 1 + self.dice.below(hubs - 1)) % hubs;
    }

    async fn tries(&mut self, hub: usize) -> Option<Connection> {
        let mut door = self.doors[hub].door();
        let back = self.dice.below(4) == 0 && self.older.is_some();
        door.cursor.clone_from(if back { &self.older } else { &self.cursor });
        let patience = if self.habit == Habit::InACrowd { PATIENCE_IN_A_CROWD } else { PATIENCE };
        let opening = async {
            let mut client = Client::connect(&door).await.ok()?;
            let Received::Text(frame) = client.next().await else { return None };
            let greeting: Value = serde_json::from_str(&frame).expect("a frame");
            (greeting["type"] == "auth_ok").then_some(Connection { client, greeting })
        };
        let connection = tokio::time::timeout(patience, opening).await.ok()??;
        self.hears(&connection.greeting);
        Some(connection)
    }

    /// Keeps the cursor of a frame that has been applied.
    pub(super) fn hears(&mut self, frame: &Value) {
        if let Some(cursor) = frame["cursor"].as_str() {
            if self.dice.below(20) == 0 || self.older.is_none() || frame["reset"] == true {
                self.older = Some(cursor.to_owned());
            }
            self.cursor = Some(cursor.to_owned());
        }
    }

    /// Returns for how long a user stays who wanders.
    pub(super) fn stay(&mut self) -> Duration {
        match self.habit {
            Habit::Stays | Habit::InACrowd => Duration::from_secs(3_600),
            Habit::Wanders => Duration::from_millis(300 + self.dice.below(3_000) as u64),
        }
    }

    /// Waits as long as a hub that shuts down asks for, but not for long.
    pub(super) async fn is_sent_away(&mut self, how: &Received) {
        if let Received::Closed(4001, delay) = how {
            let delay: u64 = delay.parse().unwrap_or_default();
            passes(Duration::from_millis(delay.min(1_000))).await;
        }
    }
}

/// Reads a frame.
pub(super) fn frame(raw: &str) -> Value {
    let frame: Value = serde_json::from_str(raw).unwrap_or_else(|error| panic!("{error} in {raw}"));
    assert!(!text(&frame, "type").is_empty());
    frame
}

/// Returns the number of an author's message.
pub(super) fn key(temp_id: &str, author: u64) -> Option<u64> {
    temp_id.strip_prefix(&format!("{author}-"))?.parse().ok()
}
