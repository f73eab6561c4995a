//! What every actor of a node shares: the tables, the handles and the options.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use chat_database::Database;
use chat_database::ids::{Pair, UserId};
use ractor::actor::actor_cell::ActorCell;

use crate::awake::Awake;
use crate::horizon::Horizon;
use crate::hub::Options;
use crate::images::Images;
use crate::limits::{Limiters, Rate};
use crate::metrics;
use crate::people::People;
use crate::relay::Relay;
use crate::{follower, notifications, presence, storage, thread};

/// A node's insides.
pub(crate) struct Node {
    pub(crate) options: Options,
    pub(crate) database: Database,
    /// Who is connected.
    pub(crate) people: People,
    /// How far everybody has been told.
    pub(crate) horizon: Horizon,
    /// How fast everybody may do what.
    pub(crate) limiters: Limiters,
    /// What takes files in.
    pub(crate) images: Images,
    /// The threads that are awake.
    pub(crate) threads: Awake<Pair, thread::Message>,
    /// The notification streams that are awake.
    pub(crate) streams: Awake<UserId, notifications::Message>,
    /// The unread totals that the streams have yet to tell.
    pub(crate) totals: notifications::Board,
    pub(crate) storage: storage::Handle,
    pub(crate) presence: presence::Handle,
    pub(crate) follower: follower::Handle,
    pub(crate) relay: Relay,
    /// The supervisor of sessions, threads and streams.
    pub(crate) nursery: OnceLock<ActorCell>,
    draining: AtomicBool,
}

impl Node {
    pub(crate) fn new(
        options: Options,
        database: Database,
        horizon: Horizon,
        images: Images,
        storage: storage::Handle,
    ) -> Arc<Self> {
        let sends = options.limits.rate.map(|rate| Rate::per_second(rate, options.burst));
        Arc::new(Self {
            limiters: Limiters::new(sends, options.rates),
            images,
            storage,
            presence: presence::Handle::default(),
            follower: follower::Handle::default(),
            people: People::new(horizon.clone()),
            totals: notifications::Board::default(),
            threads: Awake::new(&metrics::get().threads_awake),
            streams: Awake::new(&metrics::get().streams_awake),
            relay: Relay::Alone,
            nursery: OnceLock::new(),
            draining: AtomicBool::new(false),
            options,
            database,
            horizon,
        })
    }

    /// Tells whether the node is ending.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Lets nobody in any more.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}
