//! Connects users to the server, and checks beforehand that enough files may be open.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::client::{Client, ConnectOptions, Credentials, Received};
use crate::frame;
use crate::target::Target;
use crate::usage;

/// How long a server may take to answer `auth_ok`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections per source address. An address has about 28,000 ports, but the kernel's search for a free one becomes slow
/// long before that: with 20,000 ports in use (those of the last minute included) it took milliseconds per connection.
const CONNECTIONS_PER_SOURCE: u32 = 1_000;

/// Files that a process has open beside its connections: databases, logs, REST requests.
const OTHER_FILES: u32 = 200;

/// A connected user, with the server's first frame.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub client: Client,
    /// The first frame: `auth_ok`.
    pub auth_ok: String,
}

/// Connects a user. `number` is the index of the connection within the run and selects its source address.
///
/// # Errors
/// With the frame that the server sent instead of `auth_ok`.
pub async fn connect(target: &Target, user: u64, number: u32) -> anyhow::Result<Client> {
    Ok(connect_with(target.legacy, target.connect_options(user)?, user, number).await?.client)
}

/// Connects a user to a node. As [`connect`].
///
/// # Errors
/// As [`connect`].
pub async fn connect_on(target: &Target, node: usize, user: u64, number: u32) -> anyhow::Result<Client> {
    Ok(connect_with(target.legacy, target.connect_options_on(node, user)?, user, number).await?.client)
}

/// Connects a user with given options. `legacy`: the server speaks the protocol of the service that the hub replaces.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    legacy: bool,
    mut options: ConnectOptions,
    user: u64,
    number: u32,
) -> anyhow::Result<Connected> {
    options.source = source_address(options.address, number);
    if legacy {
        options.credentials = Credentials::FirstFrame;
    }
    let connecting = async {
        let mut client = Client::connect(&options).await.with_context(|| format!("user {user}"))?;
        if legacy {
            // The legacy service has no tokens: it trusts the user id of the first frame.
            client.send(format!(r#"{{"type":"auth","user_id":{user}}}"#)).await?;
        }
        loop {
            match client.next().await {
                Received::Text(text) if frame::kind(&text) == Some("auth_ok") => {
                    return Ok(Connected { client, auth_ok: text.as_str().to_owned() });
                }
                // A legacy service sends a greeting before the authentication.
                Received::Text(text) if legacy && frame::kind(&text) != Some("error") => {}
                other => bail!("user {user} waited for auth_ok and got {other}"),
            }
        }
    };
    let late = || format!("user {user} waited {CONNECT_TIMEOUT:?} for auth_ok");
    tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.with_context(late)?
}

/// Returns the source address of a connection; `None` for a server on another machine, where the kernel selects it.
#[must_use]
pub fn source_address(server: SocketAddr, number: u32) -> Option<Ipv4Addr> {
    match server {
        SocketAddr::V4(address) if address.ip().is_loopback() => {
            let block = u8::try_from(number / CONNECTIONS_PER_SOURCE).unwrap_or(u8::MAX - 1);
            Some(Ipv4Addr::new(127, 0, 0, 1 + block.min(u8::MAX - 1)))
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    }
}

/// Makes sure that this process and the server's process may open enough files for so many connections.
///
/// # Errors
/// With the number of files that are needed and allowed, and what to do; or if the server's process is gone.
pub fn check_file_limits(connections: u32, servers: impl IntoIterator<Item = u32>) -> anyhow::Result<()> {
    let needed = connections.saturating_add(OTHER_FILES);
    let own = Some(("this program".to_owned(), std::process::id()));
    let servers = servers.into_iter().map(|pid| (format!("the server (process {pid})"), pid));
    for (who, pid) in own.into_iter().chain(servers) {
        let limit = usage::file_limit(pid).with_context(|| format!("{who} is not running"))?;
        ensure!(
            limit >= needed,
            "{connections} connections need {needed} open files ({OTHER_FILES} of them for everything else), and {who} \
             may open {limit}: run `ulimit -n {needed}` in the shell that starts it, or use fewer connections"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_too_many_connections_is_refused_with_the_limit_that_it_needs() {
        let own = std::process::id();
        let limit = usage::file_limit(own).expect("our own limit");
        check_file_limits(limit - OTHER_FILES, Some(own)).expect("as many as are allowed");
        let error = check_file_limits(limit - OTHER_FILES + 1, None).expect_err("one too many").to_string();
        assert!(error.contains(&format!("`ulimit -n {}`", limit + 1)), "{error}");
        check_file_limits(1, Some(0)).expect_err("there is no process 0");
    }
}
