//! Comes in as a user, and waits until the server says so.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::client::{Client, Credentials, Door, Heard};
use crate::frame;
use crate::target::Target;
use crate::usage;

/// How long a server may take to let somebody in.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many connections share a source address. Ports run out at about 28,000 for each, but long before that the system
/// searches for a free one: with 20,000 taken (those of the last minute are, too) that took milliseconds for each.
const PER_SOURCE: u32 = 1_000;

/// Files that a process has open beside its connections: databases, logs, requests over REST.
const OTHER_FILES: u32 = 200;

/// A user who is connected, and what the server said first.
#[derive(Debug)]
pub struct Entered {
    /// The connection.
    pub client: Client,
    /// The first frame: `auth_ok`.
    pub welcome: String,
}

/// Connects a user. `number` counts the connections of a run: many of them take several source addresses.
///
/// # Errors
/// With what the server said instead of `auth_ok`.
pub async fn enter(target: &Target, user: u64, number: u32) -> anyhow::Result<Client> {
    Ok(through(target.legacy, target.door(user)?, user, number).await?.client)
}

/// Connects a user through a door that was made for them; `legacy`: to a server that is spoken to as to the one that the hub
/// replaces.
///
/// # Errors
/// As [`enter`].
pub async fn through(legacy: bool, mut door: Door, user: u64, number: u32) -> anyhow::Result<Entered> {
    door.source = source(door.address, number);
    if legacy {
        door.credentials = Credentials::FirstFrame;
    }
    let entering = async {
        let mut client = Client::connect(&door).await.with_context(|| format!("user {user}"))?;
        if legacy {
            // What it stood for before there were tokens.
            client.send(format!(r#"{{"type":"auth","user_id":{user}}}"#)).await?;
        }
        loop {
            match client.next().await {
                Heard::Text(text) if frame::kind(&text) == Some("auth_ok") => {
                    return Ok(Entered { client, welcome: text.as_str().to_owned() });
                }
                // An old server greets before it knows whom.
                Heard::Text(text) if legacy && frame::kind(&text) != Some("error") => {}
                other => bail!("user {user} waited for auth_ok and got {other}"),
            }
        }
    };
    let late = || format!("user {user} waited {PATIENCE:?} to be let in");
    tokio::time::timeout(PATIENCE, entering).await.with_context(late)?
}

/// Returns the address to come from; where the server is not on this machine, the system chooses.
#[must_use]
pub fn source(server: SocketAddr, number: u32) -> Option<Ipv4Addr> {
    match server {
        SocketAddr::V4(address) if address.ip().is_loopback() => {
            let block = u8::try_from(number / PER_SOURCE).unwrap_or(u8::MAX - 1);
            Some(Ipv4Addr::new(127, 0, 0, 1 + block.min(u8::MAX - 1)))
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    }
}

/// Makes sure that this process and the server's may have files open for this many connections.
///
/// # Errors
/// With how many are needed, how many there are, and what to do; or if the server's process is gone.
pub fn afford(connections: u32, server: Option<u32>) -> anyhow::Result<()> {
    let needed = connections.saturating_add(OTHER_FILES);
    let own = Some(("this program".to_owned(), std::process::id()));
    let server = server.map(|pid| (format!("the server (process {pid})"), pid));
    for (who, pid) in own.into_iter().chain(server) {
        let limit = usage::file_limit(pid).with_context(|| format!("{who} is not there"))?;
        ensure!(
            limit >= needed,
            "{connections} connections need {needed} open files, {OTHER_FILES} of them for everything else, and {who} \
             may have {limit}: run `ulimit -n {needed}` in the shell that starts it, or ask for fewer connections"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_said_beforehand() {
        let me = std::process::id();
        let limit = usage::file_limit(me).expect("our own limit");
        afford(limit - OTHER_FILES, Some(me)).expect("as many as there are");
        let error = afford(limit - OTHER_FILES + 1, None).expect_err("one too many").to_string();
        assert!(error.contains(&format!("`ulimit -n {}`", limit + 1)), "{error}");
        afford(1, Some(0)).expect_err("there is no process 0");
    }
}
