//! A marketplace's day: presence, notifications and history, and few sends.

use tokio::task::JoinHandle;

use super::chat::Pairs;
use super::notifications::Audience;
use super::presence::Circles;
use super::{Chat, History, Notifications, Presence, Scenario};
use crate::args::{ChatShape, HistoryShape, MixedShape, NotificationsShape, PresenceShape, Receipts, in_percent};
use crate::keys::Keys;
use crate::stage::Stage;

/// Users whom one request notifies.
const BATCH: u32 = 20;

/// Everything at once, in shares that make the whole.
#[derive(Debug)]
pub struct Mixed {
    shape: MixedShape,
    chat: Chat,
    presence: Presence,
    notifications: Notifications,
    history: History,
}

/// Everybody.
#[derive(Debug)]
pub struct Crowd {
    chat: Option<Pairs>,
    presence: Option<Circles>,
    notifications: Option<Audience>,
    history: Option<Vec<JoinHandle<()>>>,
}

impl Mixed {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: MixedShape) -> Self {
        // A quarter of the people each, whatever they do how often.
        let quarter = shape.people / 4;
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
    type Crew = Crowd;

    fn name(&self) -> &'static str {
        "mixed"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings: Vec<_> = self.shape.shares().map(|(name, share)| (name, in_percent(share))).into();
        settings.push(("people", self.shape.people.to_string()));
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

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Crowd> {
        let MixedShape { sends, presence, notifications, history, people, .. } = self.shape;
        let mut first_user = stage.first_user;
        let mut part = |share: f64| {
            let part = (share > 0.0).then(|| stage.part(share, first_user));
            first_user += u64::from(people);
            part
        };
        let (chat, presence) = (part(sends), part(presence));
        // One request is many notifications.
        let (notifications, history) = (part(notifications), part(history));
        Ok(Crowd {
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

    async fn close(&self, crew: Crowd, stage: &Stage<'_>) -> anyhow::Result<()> {
        // Parts share the target and the recorder with the whole.
        if let Some(pairs) = crew.chat {
            self.chat.close(pairs, stage).await?;
        }
        if let Some(circles) = crew.presence {
            self.presence.close(circles, stage).await?;
        }
        if let Some(audience) = crew.notifications {
            self.notifications.close(audience, stage).await?;
        }
        if let Some(readers) = crew.history {
            self.history.close(readers, stage).await?;
        }
        Ok(())
    }
}
