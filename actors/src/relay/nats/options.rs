//! How the node reaches NATS, and how it logs in.

use std::fmt;
use std::path::PathBuf;

use async_nats::{ConnectOptions, ServerAddr};

/// How many letters a user's seed has.
const SEED_LETTERS: usize = 58;

/// How to reach NATS.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    pub(super) servers: Vec<ServerAddr>,
    pub(super) login: Login,
    /// The certificates of the authorities that a server's certificate is checked against; by default the system's.
    pub(super) authorities: Option<PathBuf>,
}

/// How a node logs in to NATS.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Login {
    /// Without credentials.
    #[default]
    Open,
    /// With a user's name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// With a token.
    Token(String),
    /// With the seed of a key pair.
    Nkey(String),
    /// With the text of a credentials file: a token that the account's owner signed, and the seed of the user's key pair.
    Credentials(String),
}

impl Login {
    /// Reads the text of a credentials file, or a seed. None if it is neither.
    #[must_use]
    pub fn from_file(text: &str) -> Option<Self> {
        let seed = text.trim();
        if ConnectOptions::with_credentials(text).is_ok() {
            Some(Self::Credentials(text.to_owned()))
        } else if seed.starts_with("SU") && seed.len() == SEED_LETTERS && seed.chars().all(char::is_alphanumeric) {
            Some(Self::Nkey(seed.to_owned()))
        } else {
            None
        }
    }
}

impl fmt::Debug for Login {
    /// Leaves out the secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Open => "Open",
            Self::Password { .. } => "Password",
            Self::Token(_) => "Token",
            Self::Nkey(_) => "Nkey",
            Self::Credentials(_) => "Credentials",
        })
    }
}

impl NatsOptions {
    /// Makes options for servers like `nats://host:4222` or `tls://host`, without logins. None if one of them is no address
    /// of a server.
    #[must_use]
    pub fn new(servers: &[String]) -> Option<Self> {
        let servers = servers.iter().map(|server| server.parse().ok()).collect::<Option<Vec<ServerAddr>>>()?;
        (!servers.is_empty()).then(|| Self { servers, login: Login::default(), authorities: None })
    }

    /// Sets how the node logs in.
    #[must_use]
    pub fn with_login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// Sets a file of authorities that the servers' certificates are checked against, and requires TLS.
    #[must_use]
    pub fn with_authorities(self, file: PathBuf) -> Self {
        Self { authorities: Some(file), ..self }
    }

    /// Returns the addresses of the servers, without logins, for messages.
    pub(super) fn shown(&self) -> String {
        let shown = |server: &ServerAddr| format!("{}:{}", server.host(), server.port());
        self.servers.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}
