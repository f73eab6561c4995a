//! Snapshots of this node and of the database for the admin view: gathered at most once a second, on the low-priority pool,
//! however many views are open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_actors::Hub;
use chat_actors::hub::Surroundings;
use chat_database::time::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::error::ApiError;
use super::metrics_text::MetricsText;
use super::webhooks::objects::WebhookObject;

/// The age up to which a snapshot is served again.
const MAX_AGE: Duration = Duration::from_millis(900);

/// A node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeObject {
    /// Its name.
    name: String,
    /// The release that it runs.
    version: String,
    /// For how many seconds it has run.
    uptime: u64,
    /// How many seconds ago it showed in the database that it lives; nodes do so every two seconds.
    beat: u64,
    /// Whether it is about to end.
    draining: bool,
}

/// A consumer of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsumerObject {
    /// Its name.
    name: String,
    /// Up to which commit it has come.
    commit: u64,
    /// Whether the log is kept for it.
    enabled: bool,
    /// The node that works for it; empty for one that asks by itself.
    holder: String,
}

/// A node and its surroundings at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// When the snapshot was taken.
    at: Timestamp,
    /// The node that answers.
    node: String,
    /// The release that it runs.
    version: String,
    /// What the staff may do: `read` or `write`.
    admin: String,
    /// The newest commit that the node knows to stand.
    commit: u64,
    /// The newest commit up to which all clients of the node were told.
    released: u64,
    /// The nodes of the database; none with SQLite.
    nodes: Vec<NodeObject>,
    /// The consumers of events.
    consumers: Vec<ConsumerObject>,
    /// The webhooks.
    webhooks: Vec<WebhookObject>,
    /// Why the database could not be asked, if it could not.
    trouble: Option<String>,
    /// What is set, by variable; of what may hold a secret only that it is set.
    settings: BTreeMap<String, String>,
    /// The metrics of the node, as `/metrics` names them.
    metrics: BTreeMap<String, f64>,
}

/// Gathers snapshots. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Snapshots {
    metrics: MetricsText,
    settings: Arc<BTreeMap<String, String>>,
    admin: &'static str,
    last: Arc<Mutex<Option<(Instant, Bytes)>>>,
}

impl Snapshots {
    pub(super) fn new(metrics: MetricsText) -> Self {
        Self { metrics, settings: Arc::default(), admin: "read", last: Arc::default() }
    }

    /// Sets the settings that snapshots show (a JSON object of texts), and what the staff may do.
    pub(super) fn showing(mut self, settings: &str, admin: &'static str) -> Self {
        self.settings = Arc::new(serde_json::from_str(settings).unwrap_or_default());
        self.admin = admin;
        self
    }

    /// Returns the present snapshot, as JSON. Requests that come while it is being gathered wait for it.
    pub(super) async fn present(&self, hub: &Hub) -> Result<Bytes, ApiError> {
        let mut last = self.last.lock().await;
        if let Some((at, bytes)) = &*last
            && at.elapsed() < MAX_AGE
        {
            return Ok(bytes.clone());
        }
        let at = Instant::now();
        let (this, gathered_for) = (self.clone(), hub.clone());
        let snapshot = hub.run_low_priority(async move { this.gather(&gathered_for).await }).await?;
        // A snapshot has only numbers, texts and maps of them: writing it as JSON cannot fail.
        let bytes = Bytes::from(serde_json::to_vec(&snapshot).unwrap_or_default());
        *last = Some((at, bytes.clone()));
        Ok(bytes)
    }

    async fn gather(&self, hub: &Hub) -> Snapshot {
        let (surroundings, trouble) = match hub.surroundings().await {
            Ok(surroundings) => (surroundings, None),
            Err(error) => (Surroundings::default(), Some(error.message)),
        };
        let Surroundings { nodes, consumers, webhooks } = surroundings;
        let (commit, released) = hub.commits();
        Snapshot {
            at: Timestamp::now(),
            node: hub.options().node.name().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            admin: self.admin.to_owned(),
            commit: commit.0,
            released: released.0,
            nodes: nodes
                .into_iter()
                .map(|node| NodeObject {
                    name: node.id.name().to_string(),
                    version: node.version,
                    uptime: node.started.as_secs(),
                    beat: node.beat.as_secs(),
                    draining: node.draining,
                })
                .collect(),
            consumers: consumers
                .into_iter()
                .map(|(name, consumer)| ConsumerObject {
                    name,
                    commit: consumer.position.commit.0,
                    enabled: consumer.enabled,
                    holder: consumer.holder,
                })
                .collect(),
            webhooks: webhooks.into_iter().map(WebhookObject::from).collect(),
            trouble,
            settings: (*self.settings).clone(),
            metrics: self.metrics.values(),
        }
    }
}
