//! The hub as a whole: built from a configuration, bound, run, ended.
//!
//! ```text
//!  Config -> App (database, actors, routes) -> Running (socket, tasks) -> shutdown
//! ```

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use chat_actors::Hub;
use chat_actors::relay::{self, Carrier};
use chat_database::Database;
use chat_database::audit::Act;
use chat_database::connect::ProcessLock;
use chat_database::history;
use chat_database::media::{self, Store};
use chat_database::nodes::{self, Node, Registration};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout_at};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::auth::mint::{self, Mint};
use crate::auth::origin::{Own, Policy};
use crate::auth::{Issuer, Role};
use crate::config::Config;
use crate::demo;
use crate::http::{self, Api, ApiDocs};
use crate::process;
use crate::schema;
use crate::server;
use crate::shutdown::Shutdown;
use crate::systemd;
use crate::telemetry::{self, Metrics};
use crate::ws::{self, Sockets};

/// The part of the drain's time that is kept for closing the database and cutting the remaining connections.
const RESERVED_FOR_CLOSE: Duration = Duration::from_secs(1);

/// The lifetime of the demo page's tokens.
const DEMO_TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Why the hub does not start. The cause of an error is its source, and not part of its message: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] chat_database::Error),
    /// Images cannot be kept.
    #[error("images cannot be kept (CHAT_MEDIA_URL)")]
    Media(#[from] media::Error),
    /// The schema could not be brought up to date.
    #[error("the database {0} could not be migrated: {1}")]
    Migration(String, String),
    /// The node cannot take its name.
    #[error(transparent)]
    Node(#[from] nodes::Error),
    /// The actors did not start.
    #[error("the hub does not start")]
    Hub(#[from] chat_actors::Error),
    /// The metrics recorder could not be installed.
    #[error("metrics cannot be collected")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The socket cannot be opened.
    #[error("cannot listen on {0}: {1}; CHAT_LISTEN (--listen) names another address")]
    Listen(SocketAddr, io::Error),
    /// The service manager's socket is not on loopback, as development mode requires.
    #[error(
        "no JWT key is configured, so the hub runs in development mode, and that on loopback only: set JWT_SECRET, JWT_PUBLIC_KEY or \
         JWT_JWKS, or have the service manager listen on 127.0.0.1 instead of {0}"
    )]
    Open(SocketAddr),
    /// A token could not be made.
    #[error("a token could not be made")]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// A hub that is ready to listen.
#[derive(Debug)]
pub struct App {
    config: Config,
    database: Database,
    /// The registration of this hub at the database's file, held until the hub ends.
    process_lock: Option<ProcessLock>,
    hub: Hub,
    metrics: Metrics,
}

impl App {
    /// Connects to the database, migrates it, and starts the actors. Opens no listening socket.
    ///
    /// # Errors
    /// [`Error`], with what is missing.
    pub async fn build(config: Config) -> Result<Self, Error> {
        let metrics = Metrics::install()?;
        let store = Store::open(&config.media)?;
        let database = Database::connect_within(&config.database, config.wait_for_database).await?;
        let process_lock = database.join();
        if process_lock.as_ref().is_some_and(|process_lock| process_lock.others) {
            tracing::warn!(
                database = %database.location(),
                "another hub uses this file: messages are safe with both, but presence and typing are each hub's own. \
                 This is for a restart without a pause; to stay with several nodes, use MySQL, MariaDB or PostgreSQL"
            );
        }
        systemd::extend_start(migrate(&database)).await?;
        history::check(&database).await?;
        let relay = &config.hub.relay;
        if let Some(mut registration) = Registration::of(&database, &config.hub.node, relay.key_check()) {
            registration.claim().await?;
            compare_keys(&database, relay).await?;
        }
        let hub = Hub::start(database.clone(), store, config.hub.clone()).await?;
        hub.audit().note(Act::HubStart, Some(config.settings.clone()));
        if config.development.is_some()
            && let Err(error) = demo::open_shop(&hub).await
        {
            tracing::warn!(%error, "the shop of development mode could not be written");
        }
        Ok(Self { config, database, process_lock, hub, metrics })
    }

    /// Listens on the socket that the service manager has handed over, or else on one of its own, and serves from now on.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Open`].
    pub fn bind(self, inherited: Option<std::net::TcpListener>) -> Result<Running, Error> {
        let Self { config, database, process_lock, hub, metrics } = self;
        let listener = inherited.map_or_else(|| server::bind(config.listen), server::inherit);
        let listener = listener.map_err(|error| Error::Listen(config.listen, error))?;
        let local_addr = listener.local_addr().map_err(|error| Error::Listen(config.listen, error))?;
        if config.development.is_some() && !local_addr.ip().is_loopback() {
            return Err(Error::Open(local_addr));
        }
        let origins = Policy::new(origins(&config, local_addr)).with_own(own(&config));
        let shutdown = Shutdown::default();
        let filter = routes(&config, &hub, origins, &metrics, &shutdown);
        let options = server::Options {
            connections: process::room_for(config.max_connections.saturating_add(config.max_http_connections)),
            tls: config.tls.clone(),
            base_path: config.base_path.clone(),
        };
        let accepting = tokio::spawn(server::serve(listener, filter, options, shutdown.clone()));
        let draining = shutdown.draining.clone();
        let counting =
            tokio::spawn(async move { draining.run_until_cancelled_owned(upkeep(metrics)).await.unwrap_or_default() });
        Ok(Running { local_addr, config, database, process_lock, hub, shutdown, tasks: [accepting, counting] })
    }
}

/// A hub that serves.
#[derive(Debug)]
pub struct Running {
    local_addr: SocketAddr,
    config: Config,
    database: Database,
    process_lock: Option<ProcessLock>,
    hub: Hub,
    shutdown: Shutdown,
    tasks: [JoinHandle<()>; 2],
}

impl Running {
    /// Returns the address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the hub behind the edge.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the hub's URL, with the base path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.local_addr, self.config.base_path)
    }

    /// Returns, in development mode, the addresses of the demo page for two people who talk to each other. Each link names the card
    /// with which its user begins to write.
    ///
    /// # Errors
    /// [`Error::Token`].
    pub fn demo_links(&self) -> Result<Vec<String>, Error> {
        let Some(development) = &self.config.development else { return Ok(Vec::new()) };
        let [one, other] = demo::USERS;
        let people = [(one, other), (other, one)].into_iter().zip(demo::CARDS);
        let people = people.filter_map(|((user, peer), card)| Some((id(user)?, id(peer)?, card)));
        let link = |(user, peer, card)| {
            let issuer = Issuer::default();
            let mint =
                Mint { user, role: Role::User, expires_in: DEMO_TOKEN_LIFETIME, peer: Some(peer), issuer: &issuer };
            let token = mint::token(development.secret(), &mint)?;
            Ok(format!("{}/#token={token}&card={card}", self.url()))
        };
        people.map(link).collect()
    }

    /// Drains the hub: it accepts nothing new, closes WebSocket connections in paced batches, and finishes what was begun.
    /// Returns at the configured deadline at the latest. Shortly before it, requests that still wait are answered with
    /// `shutting_down`; at it, the remaining connections are cut. Returns whether all ended in time.
    pub async fn shutdown(self) -> bool {
        let Self { config, database, process_lock, hub, shutdown, tasks: [accepting, counting], .. } = self;
        let for_close = RESERVED_FOR_CLOSE.min(config.drain / 4);
        let end = Instant::now() + config.drain;
        let deadline = end - for_close;
        shutdown.draining.cancel();
        // Connections that the kernel has queued are served, too.
        drop(timeout_at(deadline, accepting).await);
        shutdown.tasks.close();
        hub.drain((config.drain - for_close) / 2).await;
        let clean = timeout_at(deadline, shutdown.tasks.wait()).await.is_ok();
        if !clean {
            tracing::warn!(connections = shutdown.tasks.len(), "the drain's time is over: what is left is cut");
            shutdown.late.cancel();
            drop(timeout_at(deadline + for_close / 2, shutdown.tasks.wait()).await);
        }
        // The actors end after the last answer that needs them.
        hub.end(deadline + for_close / 2).await;
        shutdown.cut.cancel();
        let ending = async {
            shutdown.tasks.wait().await;
            drop(counting.await);
            database.close().await;
            drop(process_lock);
        };
        timeout_at(end, ending).await.is_ok() && clean
    }

    fn scheme(&self) -> &'static str {
        if self.config.tls.is_some() { "https" } else { "http" }
    }
}

/// Brings the schema up to date.
///
/// # Errors
/// [`Error::Migration`].
pub async fn migrate(database: &Database) -> Result<(), Error> {
    let migrated = chat_migrations::up(database.for_migrations()).await;
    migrated.map_err(|error| Error::Migration(database.location().to_string(), error.to_string()))
}

/// Warns if other live nodes have another ticket secret than this one. With NATS no check is needed: each message shows it.
async fn compare_keys(database: &Database, relay: &relay::Options) -> Result<(), chat_database::Error> {
    let (Carrier::Nothing, Some(ours)) = (&relay.carrier, relay.key_check()) else { return Ok(()) };
    let differs = |node: &Node| node.beat < nodes::SILENT && node.key_check.is_some_and(|theirs| theirs != ours);
    let all = nodes::all(database).await?;
    let others: Vec<&str> = all.iter().filter(|node| differs(node)).map(|node| &**node.id.name()).collect();
    if !others.is_empty() {
        tracing::warn!(
            nodes = others.join(", "),
            "the CHAT_TICKET_SECRET of other nodes on this database differs, so tickets and links of images that they make are not \
             good here. Set the same one on every node (without it, the same first JWT_SECRET)"
        );
    }
    Ok(())
}

/// Builds the service of the edge: REST and WebSocket.
fn routes(
    config: &Config,
    hub: &Hub,
    origins: Policy,
    metrics: &Metrics,
    shutdown: &Shutdown,
) -> BoxedFilter<(Response,)> {
    let options = ws::Options {
        authenticator: config.authenticator.clone(),
        origins: origins.clone(),
        base_path: config.base_path.clone(),
        connections: config.max_connections,
        proxies: config.proxies.clone(),
    };
    let sockets = Sockets::new(hub.clone(), options, shutdown.clone());
    let docs = ApiDocs::new(schema::openapi::document, schema::asyncapi::document);
    let api = Api::new(hub.clone(), config.authenticator.clone(), origins, &config.base_path, metrics.handle(), docs)
        .with_redirects(config.media_redirect)
        .with_http_urls(config.development.is_some())
        .with_admin(config.admin, &config.settings)
        .with_proxies(config.proxies.clone())
        .with_page(config.page);
    http::routes(&api, ws::routes(&sockets).boxed())
}

/// Returns the allowed origins: the configured ones, and in development mode the server's own.
fn origins(config: &Config, local: SocketAddr) -> Vec<String> {
    let mut origins = config.origins.clone();
    if config.development.is_some() {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let names = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{}", local.port()));
        let own = names.into_iter().chain([local.to_string()]);
        origins.extend(own.filter_map(|name| crate::origin::normalise(&format!("{scheme}://{name}"))));
    }
    origins
}

/// Chooses how the hub recognises its own pages: by `Host` if no origins are configured, or if the hub serves the page;
/// else, and always in development mode, by the list of allowed origins.
fn own(config: &Config) -> Own {
    match (config.development.is_some() || (!config.origins.is_empty() && !config.page), config.tls.is_some()) {
        (true, _) => Own::Listed,
        (false, true) => Own::ByHostAndTls,
        (false, false) => Own::ByHost,
    }
}

async fn upkeep(metrics: Metrics) {
    let mut tick = interval(telemetry::UPKEEP);
    loop {
        tick.tick().await;
        metrics.upkeep();
    }
}

fn id(number: u64) -> Option<chat_database::ids::UserId> {
    chat_database::ids::UserId::new(number).ok()
}
