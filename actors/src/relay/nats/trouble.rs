//! The log of a connection to NATS that fails: each line says what to do and holds no secret, and no line is logged twice
//! in a row.

use std::error::Error;
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind};

/// How many characters of an error's causes are shown: a server may say anything.
const CAUSES: usize = 200;

/// The advice for a server that forbids a subject.
pub(super) const FORBIDDEN: &str = "forbids a subject: allow this user to publish and to subscribe on `chat.>`";

/// Tells whether a server's error is that it forbids a subject.
pub(super) fn is_forbidden(error: &str) -> bool {
    error.to_lowercase().contains("permissions violation")
}

/// Logs what is wrong with the connection, once.
#[derive(Debug)]
pub(super) struct TroubleLog {
    servers: String,
    last: Option<String>,
    /// Whether it was logged that the server forbids subjects.
    forbidden: bool,
}

impl TroubleLog {
    pub(super) fn new(servers: String) -> Self {
        Self { servers, last: None, forbidden: false }
    }

    /// Notes an attempt to open the first connection that has failed.
    pub(super) fn failed(&mut self, error: &ConnectError) {
        self.say(advice_on(error));
    }

    /// Notes an error that the client reports of a connection that it has opened, or opens again: the text has no more than
    /// the kind of error.
    pub(super) fn failed_again(&mut self, error: &str) {
        if is_forbidden(error) {
            if !self.forbidden {
                tracing::warn!("NATS {FORBIDDEN}");
                self.forbidden = true;
            }
        } else if let Some(kind) = [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Authentication]
            .into_iter()
            .find(|kind| error.contains(&kind.to_string()))
        {
            self.say(advice(kind, ""));
        }
    }

    /// Notes that the connection is there.
    pub(super) fn connected(&mut self, lost: Option<Duration>) {
        let servers = &self.servers;
        match lost {
            Some(lost) => {
                tracing::info!(%servers, seconds = lost.as_secs(), "NATS is back: nodes hear each other at once again");
            }
            None => tracing::info!(%servers, "connected to NATS"),
        }
        self.last = None;
    }

    /// Notes that the connection is lost.
    pub(super) fn lost(&mut self) {
        self.say("the connection is lost".to_owned());
    }

    fn say(&mut self, advice: String) {
        if self.last.as_ref() != Some(&advice) {
            let servers = &self.servers;
            tracing::warn!(
                %servers,
                "NATS is away: {advice}. Until it is there, messages reach other nodes by polling, and presence and typing stay \
                 on their node"
            );
            self.last = Some(advice);
        }
    }
}

/// Returns what is wrong with a connection that cannot be opened, and what to do.
pub(super) fn advice_on(error: &ConnectError) -> String {
    advice(error.kind(), &causes(error))
}

/// Returns the messages of an error's sources. They hold no secret: the client's errors name no login.
fn causes(error: &ConnectError) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes.join(": ").chars().take(CAUSES).collect()
}

/// Returns what is wrong, and what to do.
fn advice(kind: ConnectErrorKind, causes: &str) -> String {
    let tls = causes.contains("certificate") || causes.contains("TLS") || causes.contains("corrupt message");
    match kind {
        ConnectErrorKind::AuthorizationViolation => {
            "it refuses the login; check user and password (or token) in NATS_URL, or NATS_CREDS".to_owned()
        }
        ConnectErrorKind::Authentication => {
            "the key in NATS_CREDS cannot sign; it must be a user's seed (SU…) or a credentials file".to_owned()
        }
        ConnectErrorKind::Dns => format!("its name has no address ({causes}); check NATS_URL"),
        ConnectErrorKind::ServerParse => "NATS_URL holds no address of a server".to_owned(),
        ConnectErrorKind::TimedOut => "it does not answer within 2 s; check NATS_URL and the way there".to_owned(),
        ConnectErrorKind::Tls => format!("TLS fails ({causes}); check NATS_CA and the name in NATS_URL"),
        ConnectErrorKind::Io if tls => format!(
            "TLS fails ({causes}); set NATS_CA to the authority that signed the server's certificate, use the name in it, and \
             `nats://` if the server has no TLS"
        ),
        ConnectErrorKind::Io if causes.contains("refused") => {
            "the connection is refused; is it running, and is NATS_URL right?".to_owned()
        }
        ConnectErrorKind::Io | ConnectErrorKind::MaxReconnects => {
            format!("what answers is no NATS server, or ends the connection ({causes}); check NATS_URL")
        }
    }
}
