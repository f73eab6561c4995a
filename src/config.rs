//! The configuration: the meaning of the flags, checked before any socket is opened.

mod development;
mod errors;
mod images;
mod keys;
mod limits;
mod network;
mod nodes;
mod tls;
mod values;
mod webhooks;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_actors::hub;
use chat_actors::images::links;
use chat_actors::outbox::Capacity;
use chat_actors::protocol::server::Limits;
use chat_actors::relay;
use chat_database::connect;
use chat_database::media::Location;
use chat_database::nodes::NodeId;
use tokio_rustls::rustls::ServerConfig;

use crate::auth::Authenticator;
use crate::cli::ServeArgs;
use crate::cli::admin::AdminMode;
use crate::cli::serve::ProcessArgs;
use crate::client_address::TrustedProxies;
use crate::process::half_of_the_cores;
pub use development::Development;
pub use errors::ConfigErrors;
use errors::collect;
pub use images::checked as images;
pub use keys::{KeySet, key_set, key_set_of_hub};
pub use webhooks::webhooks;

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The prefix of all paths: empty, or `/api`.
    pub base_path: String,
    /// The hub's public URL, as browsers see it.
    pub public_url: Option<String>,
    /// The origins whose pages may use the hub.
    pub origins: Vec<String>,
    /// The TLS configuration; `None`: plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Verifies tokens and tickets.
    pub authenticator: Authenticator,
    /// Set in development mode: no key is configured.
    pub development: Option<Development>,
    /// Whether the page is served.
    pub page: bool,
    /// The database's URL and pool.
    pub database: connect::Options,
    /// How long the start waits for the database.
    pub wait_for_database: Duration,
    /// Where images are kept.
    pub media: Location,
    /// Whether readers of images are redirected to the store.
    pub media_redirect: bool,
    /// The options of the actors.
    pub hub: hub::Options,
    /// WebSocket connections of this node.
    pub max_connections: usize,
    /// HTTP connections of this node beyond its WebSockets.
    pub max_http_connections: usize,
    /// The deadline of a graceful shutdown.
    pub drain: Duration,
    /// The workers of the main runtime.
    pub workers: usize,
    /// What operators may do over HTTP.
    pub admin: AdminMode,
    /// The proxies whose `X-Forwarded-For` counts.
    pub proxies: TrustedProxies,
    /// What was set, as JSON without secrets: for the audit log.
    pub settings: String,
}

impl Config {
    /// Checks the flags. Opens no socket; reads key files, and keeps the development secret in `data/` of the current
    /// directory.
    ///
    /// # Errors
    /// [`ConfigErrors`], with all errors at once.
    pub fn from_args(args: &ServeArgs) -> Result<Self, ConfigErrors> {
        Self::from_args_in(args, Path::new("data"))
    }

    /// Checks the flags, with the development secret kept in another folder.
    ///
    /// # Errors
    /// [`ConfigErrors`], with all errors at once.
    pub fn from_args_in(args: &ServeArgs, folder: &Path) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let listen = collect(&mut errors, network::listen(&args.listen));
        let base_path = collect(&mut errors, network::base_path(&args.base_path));
        let public_url = collect(
            &mut errors,
            values::text(args.public_url.as_ref()).map(|url| network::public_url(url)).transpose(),
        )
        .flatten();
        let mut origins = collect(&mut errors, network::origins(&args.allowed_origins)).unwrap_or_default();
        origins.extend(public_url.as_ref().map(|(_, origin)| origin.clone()));
        let tls =
            collect(&mut errors, tls::load(values::file(args.tls_cert.as_ref()), values::file(args.tls_key.as_ref())))
                .flatten();
        errors.extend(limits::out_of_bounds(&args.limits));
        let process = &args.process;
        errors.extend(process_out_of_bounds(process));
        errors.extend(database(args.database_url.expose()).err());
        let media = collect(&mut errors, images::place(&args.images));
        errors.extend(images::out_of_bounds(&args.images));
        let node = collect(&mut errors, nodes::id(&args.nodes));
        let carrier = collect(&mut errors, nodes::carrier(&args.nodes));
        let keys = checked_keys(args, listen, folder, &mut errors);
        let key = keys.as_ref().and_then(|keys| keys.relay_key.clone());
        let relay =
            carrier.filter(|_| keys.is_some()).and_then(|carrier| collect(&mut errors, nodes::relay(carrier, key)));
        let (Some(listen), Some(base_path), Some(node), Some(media), Some(keys), Some(relay), true) =
            (listen, base_path, node, media, keys, relay, errors.is_empty())
        else {
            return Err(ConfigErrors(errors));
        };
        let public_url = public_url.map(|(url, _)| url);
        let links = images::links(&args.images, &base_path, public_url.as_deref(), keys.link_secret);
        Ok(Self {
            listen,
            base_path,
            public_url,
            origins,
            tls,
            authenticator: keys.authenticator,
            page: args.page.unwrap_or(keys.development.is_some()),
            development: keys.development,
            database: connect::Options {
                url: args.database_url.expose().to_owned(),
                readers: args.database_readers.clamp(1, 64),
            },
            wait_for_database: args.wait_for_database,
            media,
            media_redirect: args.images.media_redirect,
            hub: hub_options(args, node, relay, links, webhooks(&args.webhooks, keys.webhook_secret)),
            max_connections: args.limits.max_connections,
            max_http_connections: args.limits.max_http_connections,
            drain: process.drain_seconds,
            workers: process.workers.unwrap_or_else(half_of_the_cores),
            admin: args.admin.admin,
            proxies: TrustedProxies::new(args.trusted_proxies.iter().copied().flatten().collect()),
            settings: String::new(),
        })
    }
}

/// Returns an error for each setting of the process that is out of bounds.
fn process_out_of_bounds(process: &ProcessArgs) -> Vec<String> {
    let spans = [
        ("CHAT_HEARTBEAT", process.heartbeat),
        ("CHAT_COMMIT_POLL_INTERVAL", process.commit_poll_interval),
        ("CHAT_THREAD_IDLE", process.thread_idle),
    ];
    let empty = spans.iter().filter(|(_, span)| span.is_zero()).map(|(name, _)| format!("{name} must be above zero"));
    empty.chain((process.workers == Some(0)).then(|| "CHAT_WORKERS must be at least 1".to_owned())).collect()
}

/// Returns the keys: those that are configured, or, on loopback, those of development mode.
fn checked_keys(
    args: &ServeArgs,
    listen: Option<SocketAddr>,
    folder: &Path,
    errors: &mut Vec<String>,
) -> Option<KeySet> {
    let configured = !keys::none_configured(&args.keys);
    if !configured && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
        errors.push(format!(
            "no JWT key is configured, so the hub runs in development mode, and that on loopback only: \
             set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS, or listen on 127.0.0.1 instead of {}",
            args.listen
        ));
        return None;
    }
    // With an error the hub will not start, so no secret is made.
    if configured || errors.is_empty() { collect(errors, key_set(&args.keys, folder)) } else { None }
}

fn database(url: &str) -> Result<connect::Location, String> {
    url.parse().map_err(|why| format!("DATABASE_URL: {why}"))
}

fn hub_options(
    args: &ServeArgs,
    node: NodeId,
    relay: relay::Options,
    links: links::Options,
    webhooks: chat_actors::webhooks::Options,
) -> hub::Options {
    let (limits, process) = (&args.limits, &args.process);
    hub::Options {
        node,
        limits: Limits {
            frame_bytes: limits.max_frame,
            text_chars: limits.max_text,
            images: limits.max_images,
            in_flight: limits.max_in_flight,
            rate: limits.rate_limit.0,
        },
        burst: limits.rate_burst,
        rates: limits::rates(limits),
        connections_per_user: limits.max_connections_per_user,
        edit_window: limits.edit_window,
        outbox: Capacity { bytes: limits.outbox_bytes, frames: limits.outbox_frames },
        writes: limits.storage_queue,
        commit_poll_interval: process.commit_poll_interval,
        thread_idle: process.thread_idle,
        offline_after: process.offline_after,
        heartbeat: process.heartbeat,
        images: images::options(&args.images, links),
        relay,
        audit_kept: Duration::from_secs(u64::from(args.admin.audit_days) * 24 * 3_600),
        audit_sweep: chat_actors::audit::SWEEP,
        webhooks,
    }
}

#[cfg(test)]
mod tests;
