//! The mix of a marketplace: mostly presence and history, some notifications, few messages.

use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::notifications::NotificationClients;
use super::presence::PresenceClients;
use super::{Chat, History, Notifications, Presence, Scenario};
use crate::args::{ChatShape, HistoryShape, MixedShape, NotificationsShape, PresenceShape, Receipts, in_percent};
use crate::keys::Keys;
use crate::run_context::RunContext;

/// Users per request of the core service.
const BATCH: u32 = 20;

/// Four scenarios at once, each with a share of the rate.
#[derive(Debug)]
pub struct Mixed {
    shape: MixedShape,
    chat: Chat,
    presence: Presence,
    notifications: Notifications,
    history: History,
}

/// The clients of each scenario.
#[derive(Debug)]
pub struct MixedClients {
    chat: Option<Pairs>,
    presence: Option<PresenceClients>,
    notifications: Option<NotificationClients>,
    history: Option<Vec<JoinHandle<()>>>,
}

impl Mixed {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: MixedShape) -> Self {
        // Each scenario has a quarter of the users, whatever its share of the rate.
        let quarter = shape.users / 4;
        let chat = ChatShape {
            pairs: (quarter / 2).max(1),
            chars: 60,
            window: 16,
            receipts: Receipts::Seen,
            receipt_every: 250,
            keys: shape.keys,
        };
        let watchers = 4;
        let presence = PresenceShape { circles: (quarter / (watchers + 1)).max(1), watchers, keys: shape.keys };
        let notifications =
            NotificationsShape { listeners: quarter.max(1), batch: BATCH.min(quarter.max(1)), clients: 8 };
        let history = HistoryShape {
            threads: (quarter / 2).clamp(1, 50),
            messages: 100,
            page: 50,
            clients: 32,
            keys: shape.keys,
        };
        Self {
            chat: Chat::new(chat),
            presence: Presence::new(presence),
            notifications: Notifications::new(notifications),
            history: History::new(history),
            shape,
        }
    }
}

impl Scenario for Mixed {
    type Clients = MixedClients;

    fn name(&self) -> &'static str {
        "mixed"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings: Vec<_> = self.shape.shares().map(|(name, share)| (name, in_percent(share))).into();
        settings.push(("users", self.shape.users.to_string()));
        settings
    }

    fn keys(&self) -> Option<Keys> {
        let MixedShape { sends, presence, history, keys, .. } = &self.shape;
        (sends + presence + history > 0.0).then_some(keys.keys)
    }

    fn connections(&self) -> u32 {
        let parts = [
            (self.shape.sends, self.chat.connections()),
            (self.shape.presence, self.presence.connections()),
            (self.shape.notifications, self.notifications.connections()),
            (self.shape.history, self.history.connections()),
        ];
        parts.into_iter().filter(|(share, _)| *share > 0.0).map(|(_, connections)| connections).sum()
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<MixedClients> {
        let MixedShape { sends, presence, notifications, history, users, .. } = self.shape;
        let mut first_user = context.first_user;
        let mut part = |share: f64| {
            let part = (share > 0.0).then(|| context.part(share, first_user));
            first_user += u64::from(users);
            part
        };
        let (chat, presence) = (part(sends), part(presence));
        let (notifications, history) = (part(notifications), part(history));
        Ok(MixedClients {
            chat: match &chat {
                Some(part) => Some(self.chat.open(part).await?),
                None => None,
            },
            presence: match &presence {
                Some(part) => Some(self.presence.open(part).await?),
                None => None,
            },
            notifications: match &notifications {
                Some(part) => Some(self.notifications.open(part).await?),
                None => None,
            },
            history: match &history {
                Some(part) => Some(self.history.open(part).await?),
                None => None,
            },
        })
    }

    async fn close(&self, clients: MixedClients, context: &RunContext<'_>) -> anyhow::Result<()> {
        // The parts share their target and their recorder with the context.
        if let Some(pairs) = clients.chat {
            self.chat.close(pairs, context).await?;
        }
        if let Some(circles) = clients.presence {
            self.presence.close(circles, context).await?;
        }
        if let Some(audience) = clients.notifications {
            self.notifications.close(audience, context).await?;
        }
        if let Some(readers) = clients.history {
            self.history.close(readers, context).await?;
        }
        Ok(())
    }
}
