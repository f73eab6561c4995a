//! What the flags mean, checked before any socket is opened.

mod development;
mod images;
mod tls;

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_actors::hub::{self, Rate, Rates};
use chat_actors::images::links;
use chat_actors::outbox::Capacity;
use chat_actors::protocol::server::Limits;
use chat_database::connect;
use chat_database::media::Location;
use tokio_rustls::rustls::ServerConfig;
use uuid::Uuid;

use crate::auth::keys::{SHORTEST_SECRET, named};
use crate::auth::{Authenticator, Issuer, Keys, origin};
use crate::cli::secret::{Secret, quoted, shown};
use crate::cli::serve::{KeyArgs, LimitArgs};
use crate::cli::{ServeArgs, value};

/// Everything that the hub needs to know, and nothing that is not true.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What stands before every path: empty, or `/api`.
    pub base_path: String,
    /// The hub's own address as browsers see it.
    pub public_url: Option<String>,
    /// The origins whose pages may ask.
    pub origins: Vec<String>,
    /// With what to speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Who verifies callers.
    pub authenticator: Authenticator,
    /// Set if there is no key: what development mode needs.
    pub development: Option<Development>,
    /// Whether the page is served.
    pub page: bool,
    /// How to reach the database.
    pub database: connect::Options,
    /// How long to wait for it at the start.
    pub wait_for_database: Duration,
    /// Where images are kept.
    pub media: Location,
    /// Whether readers of images are sent on to the store.
    pub media_redirect: bool,
    /// How the hub behaves.
    pub hub: hub::Options,
    /// WebSocket connections of this node.
    pub max_connections: usize,
    /// HTTP connections of this node beyond its WebSockets.
    pub max_http_connections: usize,
    /// How long the end may take.
    pub drain: Duration,
    /// Threads that run the hub.
    pub workers: usize,
}

/// What development mode needs.
#[derive(Clone)]
pub struct Development {
    secret: String,
}

impl Development {
    /// Returns the secret that tokens are signed with.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Development {
    /// Leaves out the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Development")
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  - {problem}"))
    }
}

/// The keys of one process.
#[derive(Clone)]
pub struct KeySet {
    /// Who verifies callers.
    pub authenticator: Authenticator,
    /// Whose tokens are taken.
    pub issuer: Issuer,
    /// The secret that tokens can be minted with, if there is one.
    pub signing_secret: Option<String>,
    /// The secret that links of images are signed with.
    pub link_secret: [u8; 32],
    /// Set if no key was configured.
    pub development: Option<Development>,
}

impl fmt::Debug for KeySet {
    /// Leaves out the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeySet").field("development", &self.development).finish_non_exhaustive()
    }
}

impl Config {
    /// Checks the flags. Opens no socket; reads key files, and keeps the development secret in `data/` of the
    /// present folder.
    ///
    /// # Errors
    /// All [`Problems`] at once.
    pub fn from_args(args: &ServeArgs) -> Result<Self, Problems> {
        Self::from_args_in(args, Path::new("data"))
    }

    /// Checks the flags, with the development secret kept in another folder.
    ///
    /// # Errors
    /// All [`Problems`] at once.
    pub fn from_args_in(args: &ServeArgs, folder: &Path) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let listen = note(&mut problems, listen(&args.listen));
        let base_path = note(&mut problems, base_path(&args.base_path));
        let public_url =
            note(&mut problems, said(args.public_url.as_ref()).map(|url| public_url(url)).transpose()).flatten();
        let mut origins = note(&mut problems, origins(&args.allowed_origins)).unwrap_or_default();
        origins.extend(public_url.as_ref().map(|(_, origin)| origin.clone()));
        let tls = note(&mut problems, tls::load(file(args.tls_cert.as_ref()), file(args.tls_key.as_ref()))).flatten();
        problems.extend(limits(&args.limits));
        let process = &args.process;
        let spans = [
            ("CHAT_HEARTBEAT", process.heartbeat),
            ("CHAT_POLL", process.poll),
            ("CHAT_THREAD_IDLE", process.thread_idle),
        ];
        problems.extend(
            spans.iter().filter(|(_, span)| span.is_zero()).map(|(name, _)| format!("{name} must be above zero")),
        );
        problems.extend((process.workers == Some(0)).then(|| "CHAT_WORKERS must be at least 1".to_owned()));
        problems.extend(database(args.database_url.expose()).err());
        let media = note(&mut problems, images::place(&args.images));
        problems.extend(images::limits(&args.images));
        problems.extend(
            said_secret(args.nats_url.as_ref()).map(|_| {
                "NATS_URL is set, but this version joins its nodes by their database alone: unset it".to_owned()
            }),
        );
        let open = listen.is_some_and(|listen| !listen.ip().is_loopback());
        let keys = if no_keys(&args.keys) && open {
            problems.push(format!(
                "no JWT key is configured, so the hub runs in development mode, and that on loopback only: \
                 set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS, or listen on 127.0.0.1 instead of {}",
                args.listen
            ));
            None
        } else if problems.is_empty() || !no_keys(&args.keys) {
            note(&mut problems, key_set(&args.keys, folder))
        } else {
            // Nothing will start: no secret is made.
            None
        };
        let (Some(listen), Some(base_path), Some(media), Some(keys), true) =
            (listen, base_path, media, keys, problems.is_empty())
        else {
            return Err(Problems(problems));
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
            hub: hub_options(args, links),
            max_connections: args.limits.max_connections,
            max_http_connections: args.limits.max_http_connections,
            drain: process.drain_seconds,
            workers: process.workers.unwrap_or_else(half_of_the_cores),
        })
    }
}

/// Reads the keys; makes the development secret if there are none.
///
/// # Errors
/// What is wrong, and what to do.
pub fn key_set(args: &KeyArgs, folder: &Path) -> Result<KeySet, String> {
    let issuer = Issuer { issuers: listed(&args.jwt_issuer), audiences: listed(&args.jwt_audience) };
    let secrets = listed_secrets(&args.jwt_secret);
    let (pem, jwks) = (file(args.jwt_public_key.as_ref()), file(args.jwt_jwks.as_ref()));
    let sources = [!secrets.is_empty(), pem.is_some(), jwks.is_some()];
    if sources.into_iter().filter(|configured| *configured).count() > 1 {
        return Err("JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS exclude each other: set one".to_owned());
    }
    let (keys, signing_secret, development) = if let Some(path) = pem {
        (from_file("JWT_PUBLIC_KEY", path, |text| Keys::from_pem(text, &issuer))?, None, None)
    } else if let Some(path) = jwks {
        (from_file("JWT_JWKS", path, |text| Keys::from_jwks(text, &issuer))?, None, None)
    } else if secrets.is_empty() {
        let secret = development::secret(folder)?;
        let keys = from_secrets(std::slice::from_ref(&secret), &issuer)?;
        (keys, Some(secret.clone()), Some(Development { secret }))
    } else {
        (from_secrets(&secrets, &issuer)?, secrets.first().cloned(), None)
    };
    let ticket_secret = match said_secret(args.ticket_secret.as_ref()) {
        Some(secret) if secret.len() < SHORTEST_SECRET => {
            return Err(format!(
                "CHAT_TICKET_SECRET is shorter than {SHORTEST_SECRET} bytes; try `openssl rand -base64 48`"
            ));
        }
        Some(secret) => secret.to_owned(),
        // Without any shared secret, tickets are good on the node that made them.
        None => signing_secret.as_deref().map_or_else(secret_of_this_run, |secret| named(secret).1.to_owned()),
    };
    let authenticator = Authenticator::new(keys, ticket_secret.as_bytes());
    let link_secret = images::link_secret(ticket_secret.as_bytes());
    Ok(KeySet { authenticator, issuer, signing_secret, link_secret, development })
}

/// Makes a secret for want of a lasting one, and says what that means.
fn secret_of_this_run() -> String {
    tracing::warn!(
        "no CHAT_TICKET_SECRET: tickets and links to images are good until this node restarts, and on no other node"
    );
    random_secret()
}

/// Makes a secret that nobody can guess.
fn random_secret() -> String {
    (0..3).map(|_| Uuid::new_v4().simple().to_string()).collect()
}

fn from_secrets(secrets: &[String], issuer: &Issuer) -> Result<Keys, String> {
    Keys::from_secrets(secrets.iter().map(String::as_str), issuer).map_err(|error| format!("JWT_SECRET: {error}"))
}

fn from_file(
    name: &str,
    path: &Path,
    read: impl FnOnce(&str) -> Result<Keys, crate::auth::keys::Error>,
) -> Result<Keys, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{name}: {} cannot be read: {error}", shown(path)))?;
    read(&text).map_err(|error| format!("{name}: {}: {error}", shown(path)))
}

fn no_keys(args: &KeyArgs) -> bool {
    listed_secrets(&args.jwt_secret).is_empty()
        && [&args.jwt_public_key, &args.jwt_jwks].iter().all(|path| file(path.as_ref()).is_none())
}

/// Takes an empty text for none: that is what an empty environment variable means.
fn said(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.trim().is_empty())
}

fn said_secret(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose).filter(|text| !text.trim().is_empty())
}

fn file(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

/// Drops the empty parts of a comma list.
fn listed(parts: &[String]) -> Vec<String> {
    some(parts.iter().map(String::as_str))
}

fn listed_secrets(parts: &[Secret]) -> Vec<String> {
    some(parts.iter().map(Secret::expose))
}

fn some<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<String> {
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn note<T>(problems: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let resolved = text.to_socket_addrs().map(|mut found| found.next());
    match resolved {
        Ok(Some(address)) => Ok(address),
        _ => {
            Err(format!("CHAT_LISTEN: {} is no address with a port; write 127.0.0.1:8080 or [::1]:8080", quoted(text)))
        }
    }
}

fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim().trim_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.~/".contains(letter);
    if !path.chars().all(plain) || path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(format!("CHAT_BASE_PATH: {} is no plain path; write something like /api", quoted(text)));
    }
    Ok(format!("/{path}"))
}

/// Reads an address with its origin.
fn public_url(text: &str) -> Result<(String, String), String> {
    let wrong =
        || format!("CHAT_PUBLIC_URL: {} is no address; write something like https://chat.example/api", quoted(text));
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let origin = origin::normalise(&format!("{scheme}://{host}"));
    let origin =
        origin.filter(|origin| ["http://", "https://"].iter().any(|web| origin.starts_with(web))).ok_or_else(wrong)?;
    Ok((text.trim().trim_end_matches('/').to_owned(), origin))
}

fn origins(list: &[String]) -> Result<Vec<String>, String> {
    let read = |text: &String| {
        origin::normalise(text).ok_or_else(|| {
            format!(
                "CHAT_ALLOWED_ORIGINS: {} is no origin; write https://shop.example, or capacitor://localhost for an \
                 app's, without a path and without *",
                quoted(text)
            )
        })
    };
    listed(list).iter().map(read).collect()
}

fn database(url: &str) -> Result<connect::Location, String> {
    url.parse().map_err(|why| format!("DATABASE_URL: {why}"))
}

/// Finds what is out of bounds.
fn limits(args: &LimitArgs) -> Vec<String> {
    let bounds = [
        ("CHAT_MAX_CONNECTIONS", args.max_connections, 1, 1_000_000),
        ("CHAT_MAX_CONNECTIONS_PER_USER", args.max_connections_per_user, 1, 100_000),
        ("CHAT_MAX_HTTP_CONNECTIONS", args.max_http_connections, 1, 1_000_000),
        ("CHAT_MAX_FRAME", args.max_frame, 1_024, 16 << 20),
        ("CHAT_MAX_TEXT", args.max_text, 1, 1_000_000),
        ("CHAT_MAX_IMAGES", args.max_images, 1, 100),
        ("CHAT_MAX_IN_FLIGHT", args.max_in_flight, 1, 10_000),
        ("CHAT_OUTBOX_BYTES", args.outbox_bytes, 64 << 10, 1 << 30),
        ("CHAT_OUTBOX_FRAMES", args.outbox_frames, 64, 1_000_000),
        ("CHAT_STORAGE_QUEUE", args.storage_queue, 1, 10_000_000),
    ];
    let outside = bounds.into_iter().filter(|(_, value, low, high)| value < low || value > high);
    outside.map(|(name, value, low, high)| format!("{name} is {value}; it must be from {low} to {high}")).collect()
}

fn hub_options(args: &ServeArgs, links: links::Options) -> hub::Options {
    let (limits, process) = (&args.limits, &args.process);
    let made_up = || format!("node-{}", &Uuid::new_v4().simple().to_string()[..8]);
    hub::Options {
        node: said(args.node_name.as_ref()).cloned().unwrap_or_else(made_up),
        limits: Limits {
            frame_bytes: limits.max_frame,
            text_chars: limits.max_text,
            images: limits.max_images,
            in_flight: limits.max_in_flight,
            rate: limits.rate_limit.0,
        },
        burst: limits.rate_burst,
        rates: rates(limits),
        connections_per_user: limits.max_connections_per_user,
        edit_window: limits.edit_window,
        outbox: Capacity { bytes: limits.outbox_bytes, frames: limits.outbox_frames },
        writes: limits.storage_queue,
        poll: process.poll,
        thread_idle: process.thread_idle,
        offline_after: process.offline_after,
        heartbeat: process.heartbeat,
        hold_cores: process.hold_cores,
        images: images::options(&args.images, links),
    }
}

/// Returns how fast a user may do what; where messages have no limit, neither has what is not set.
fn rates(limits: &LimitArgs) -> Rates {
    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let rate = |given: Option<value::Rate>, usual: f64| {
        given.map_or_else(|| limits.rate_limit.0.map(|_| usual), |value::Rate(rate)| rate)
    };
    let per_second = |given, usual, burst| rate(given, usual).map(|rate| Rate::per_second(rate, burst));
    let within = |span, given, usual| rate(given, usual).map(|many| Rate::within(span, many));
    Rates {
        changes: per_second(limits.edit_rate, 20.0, limits.edit_burst),
        receipts: per_second(limits.receipt_rate, 200.0, limits.receipt_burst),
        queries: per_second(limits.query_rate, 100.0, limits.query_burst),
        typing: within(MINUTE, limits.typing_per_minute, 60.0),
        new_threads: [
            within(MINUTE, limits.new_conversations_per_minute, 20.0),
            within(DAY, limits.new_conversations_per_day, 200.0),
        ],
    }
}

fn half_of_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

#[cfg(test)]
mod tests;
