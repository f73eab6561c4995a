//! A database server, as `DATABASE_URL` says it. How a URL is understood stands in each server's folder.

use std::fmt;

use url::Url;

use crate::backend::kind::ServerKind;

/// A server, and the database on it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Which server it is.
    pub kind: ServerKind,
    /// The user that the hub logs in as.
    pub user: String,
    /// Its host; unused for a socket.
    pub host: String,
    /// Its port, by default the usual one of its kind; unused for a socket.
    pub port: u16,
    /// The database on it.
    pub database: String,
    /// The URL as the driver reads it, with the password.
    pub(in crate::backend) url: String,
    /// The file of the socket on this machine, if the server is reached by one.
    pub(in crate::backend) socket: Option<String>,
}

impl Server {
    /// Returns host and port as one types them, or the file of the socket.
    #[must_use]
    pub fn address(&self) -> String {
        self.socket.clone().unwrap_or_else(|| format!("{}:{}", self.host, self.port))
    }
}

impl fmt::Display for Server {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}/{}", self.user, self.address(), self.database)
    }
}

impl fmt::Debug for Server {
    /// Leaves out the password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Server({self})")
    }
}

/// Says what is wrong with a URL, and how to write it: its `form` is the server's own.
pub(in crate::backend) fn wrong(what: &str, form: &str) -> String {
    format!(
        "{what}; write {form}, and in user and password, write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25"
    )
}

/// The text in the place of the driver's own, which might quote the password.
pub(in crate::backend) const NOT_UNDERSTOOD: &str =
    "its parameters, or what is percent-encoded in it, cannot be understood";

/// Refuses a URL in which a password may have been taken for something else.
pub(in crate::backend) fn check_passwords_end(url: &Url) -> Result<(), &'static str> {
    let behind_host = [Some(url.path()), url.query(), url.fragment()];
    if behind_host.into_iter().flatten().any(|part| part.contains('@')) {
        return Err("there is an @ behind the host, so that what stands before it may be a password cut in two");
    }
    Ok(())
}

/// Returns the database's name, if there is one.
pub(in crate::backend) fn database(name: Option<&str>) -> Result<String, &'static str> {
    let name = name.unwrap_or_default();
    if name.is_empty() || name.contains('/') {
        return Err("it names no database");
    }
    Ok(name.to_owned())
}
