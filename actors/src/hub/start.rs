//! How a hub is put together: what its actors share, and what each of them uses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::history;
use chat_database::ids::CommitNo;
use chat_database::media::Store;
use tokio::sync::Semaphore;

use super::{Hub, Inner, Options};
use crate::admin::Admin;
use crate::audit::AuditLog;
use crate::audit::actor::AuditorContext;
use crate::connections::ConnectionTable;
use crate::delivery_frontier::DeliveryFrontier;
use crate::draining::Draining;
use crate::error::Error;
use crate::events::readers::FeedReaders;
use crate::executor::LowPriorityPool;
use crate::follower::FollowerContext;
use crate::follower::handle::FollowerHandle;
use crate::images::Images;
use crate::images::sweeper::SweeperContext;
use crate::metrics;
use crate::node_beat::NodeBeatContext;
use crate::node_beat::handle::NodeBeatHandle;
use crate::notifications::StreamContext;
use crate::notifications::message::{PendingTotals, StreamMsg, StreamRegistry};
use crate::permissions::Permissions;
use crate::presence::PresenceContext;
use crate::presence::handle::PresenceHandle;
use crate::rate_limit::{Limiters, Rate};
use crate::registry::ActorRegistry;
use crate::relay::actor::RelayContext;
use crate::relay::handle::RelayHandle;
use crate::relay::receiver::Neighbours;
use crate::restrictions::Restrictions;
use crate::session::SessionContext;
use crate::session_handle::Sessions;
use crate::storage::StorageContext;
use crate::storage::handle::StorageHandle;
use crate::supervision::{self, Contexts, Supervisors};
use crate::thread::ThreadContext;
use crate::updates::Updates;
use crate::webhooks::WebhookAdmin;
use crate::webhooks::admin::no_client;
use crate::webhooks::context::WebhookContext;
use crate::webhooks::handle::WebhookHandle;
use crate::webhooks::presence::PresenceTeller;
use crate::webhooks::sender::Sender;

/// How long a hub that starts waits for the other nodes to say who is online there.
const LISTENS: Duration = Duration::from_secs(2);

/// How many connections may be caught up at a time for each connection to the database that reads: enough that none of those is idle
/// while this program does its part, and so few that what else is read does not wait long behind them.
const CATCH_UPS: usize = 4;

impl Hub {
    /// Starts the actors over a migrated database and a store of images.
    ///
    /// # Errors
    /// An [`Error`] if the database does not answer.
    pub async fn start(database: Database, store: Store, options: Options) -> Result<Self, Error> {
        let frontier = DeliveryFrontier::new(history::head_beside(&database, CommitNo(0)).await?);
        let no_thread = |error: io::Error| {
            tracing::error!(%error, "an OS thread for images, for storage or for pages did not start");
            Error::internal()
        };
        let images = Images::open(options.images.clone(), store).map_err(no_thread)?;
        let storage = StorageHandle::open(options.writes).map_err(no_thread)?;
        let pages = LowPriorityPool::start("pages", database.page_workers()).map_err(no_thread)?;

        let webhooks = WebhookHandle::default();
        let sender = Sender::new(options.webhooks.policy.clone()).map_err(no_client)?;
        let webhook_secret = options.webhooks.secret.clone();
        let connections = ConnectionTable::new(frontier.clone());
        let sends = options.limits.rate.map(|rate| Rate::per_second(rate, options.burst));
        let limiters = Arc::new(Limiters::new(sends, options.rates));
        let (follower, presence, draining) =
            (FollowerHandle::default(), PresenceHandle::default(), Draining::default());
        let node_beat = NodeBeatHandle::default();
        let totals = Arc::new(PendingTotals::default());
        let threads = Arc::new(ActorRegistry::new(&metrics::get().threads_awake));
        let streams = Arc::new(ActorRegistry::new(&metrics::get().streams_awake));
        let permissions =
            Permissions { database: database.clone(), frontier: frontier.clone(), edit_window: options.edit_window };

        let restrictions = Restrictions::new(database.clone(), connections.clone());
        restrictions.read().await?;
        let updates = Updates::new(database.clone(), connections.clone(), restrictions.clone());
        let audit = AuditLog::new(options.node.name(), storage.clone());
        let neighbours = Neighbours {
            frontier: frontier.clone(),
            follower: follower.clone(),
            presence: presence.clone(),
            on_update: Box::new({
                let updates = updates.clone();
                move |body| updates.heard(body)
            }),
        };
        let carrying =
            RelayContext::new(&options.relay, &database, options.node.clone(), neighbours).await?.map(Arc::new);
        let relay = carrying.as_ref().map_or_else(RelayHandle::alone, |carrying| carrying.handle());

        connections.on_unheard({
            let streams: Arc<StreamRegistry> = Arc::clone(&streams);
            move |user| streams.deliver_if_active(user, StreamMsg::Unheard)
        });
        frontier.on_lost({
            let follower = follower.clone();
            move || follower.lost()
        });

        let webhook_context = Arc::new(WebhookContext {
            database: database.clone(),
            storage: storage.clone(),
            frontier: frontier.clone(),
            node: options.node.clone(),
            secret: webhook_secret.clone(),
            sender: sender.clone(),
            handle: webhooks.clone(),
        });
        let contexts = Contexts {
            thread: Arc::new(ThreadContext {
                database: database.clone(),
                frontier: frontier.clone(),
                connections: connections.clone(),
                links: images.links().clone(),
                new_threads: Arc::clone(&limiters.new_threads),
                threads: Arc::clone(&threads),
                relay: relay.clone(),
                remote: presence.remote().clone(),
                idle: options.thread_idle,
            }),
            stream: Arc::new(StreamContext {
                database: database.clone(),
                frontier: frontier.clone(),
                connections: connections.clone(),
                totals: Arc::clone(&totals),
                streams: Arc::clone(&streams),
            }),
            storage: Arc::new(StorageContext {
                database: database.clone(),
                node: options.node.clone(),
                frontier: frontier.clone(),
                connections: connections.clone(),
                totals: Arc::clone(&totals),
                streams: Arc::clone(&streams),
                threads: Arc::clone(&threads),
                new_threads: Arc::clone(&limiters.new_threads),
                follower: follower.clone(),
                relay: relay.clone(),
                remote: presence.remote().clone(),
                handle: storage.clone(),
            }),
            presence: Arc::new(PresenceContext {
                database: database.clone(),
                connections: connections.clone(),
                storage: storage.clone(),
                threads: Arc::clone(&threads),
                relay: relay.clone(),
                frontier: frontier.clone(),
                handle: presence.clone(),
                draining: draining.clone(),
                webhooks: PresenceTeller::start(Arc::clone(&webhook_context)),
                me: options.node.clone(),
                offline_after: options.offline_after,
                heartbeat: options.heartbeat,
            }),
            follower: Arc::new(FollowerContext {
                database: database.clone(),
                node: options.node.clone(),
                interval: options.commit_poll_interval,
                frontier: frontier.clone(),
                connections: connections.clone(),
                threads: Arc::clone(&threads),
                streams: Arc::clone(&streams),
                totals,
                storage: storage.clone(),
                relay: relay.clone(),
                restrictions: restrictions.clone(),
                heard_everything: Box::new({
                    let (relay, membership) = (relay.clone(), presence.membership().clone());
                    move || relay.is_up() && membership.is_whole()
                }),
                handle: follower.clone(),
            }),
            sweeper: Arc::new(SweeperContext {
                database: database.clone(),
                storage: storage.clone(),
                store: images.store().clone(),
                interval: options.images.sweep_every,
            }),
            node_beat: Arc::new(NodeBeatContext {
                database: database.clone(),
                node: options.node.clone(),
                key_check: options.relay.key_check(),
                draining: draining.clone(),
                handle: node_beat.clone(),
            }),
            auditor: Arc::new(AuditorContext {
                database: database.clone(),
                storage: storage.clone(),
                log: audit.clone(),
                kept: options.audit_kept,
                sweep_every: options.audit_sweep,
            }),
            webhooks: webhook_context,
            relay: carrying,
            draining: draining.clone(),
        };
        let Supervisors { root, sessions: supervisor } = supervision::start(contexts).await.map_err(|error| {
            tracing::error!(%error, "the actors did not start");
            Error::internal()
        })?;

        if !relay.is_alone() {
            // Before the first client asks who is online.
            presence.settled(LISTENS).await;
        }

        let webhook_admin =
            WebhookAdmin::of_hub(database.clone(), webhook_secret, sender, storage.clone(), webhooks.clone());
        let admin =
            Admin::of_hub(database.clone(), storage.clone(), restrictions.clone(), updates.clone(), relay.clone());
        let session = SessionContext {
            database: database.clone(),
            frontier: frontier.clone(),
            connections: connections.clone(),
            limiters: Arc::clone(&limiters),
            links: images.links().clone(),
            permissions: permissions.clone(),
            presence: presence.clone(),
            storage: storage.clone(),
            threads: Arc::clone(&threads),
            catch_ups: Semaphore::new(CATCH_UPS * database.readers()),
            limits: options.limits,
            heartbeat: options.heartbeat,
        };
        let sessions = Sessions {
            context: Arc::new(session),
            supervisor,
            connections,
            presence: presence.clone(),
            restrictions: restrictions.clone(),
            draining: draining.clone(),
            per_user: options.connections_per_user,
            outbox: options.outbox,
            in_flight: options.limits.in_flight,
        };
        Ok(Self(Arc::new(Inner {
            admin,
            audit,
            options,
            database,
            feed_readers: FeedReaders::default(),
            frontier,
            images,
            limiters,
            node_beat,
            pages,
            permissions,
            presence,
            relay,
            restrictions,
            sessions,
            storage,
            #[cfg(feature = "failpoints")]
            threads,
            updates,
            webhook_admin,
            webhooks,
            #[cfg(feature = "failpoints")]
            streams,
            draining,
            root,
        })))
    }
}
