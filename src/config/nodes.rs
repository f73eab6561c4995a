//! How the node is joined to the others of its database.

use std::path::{Path, PathBuf};

use chat_actors::relay::{Carrier, Key, Login, NatsOptions, Options};
use chat_database::nodes::NodeId;
use percent_encoding::percent_decode_str;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use url::Url;
use uuid::Uuid;

use super::values;
use crate::cli::nodes::{NodeArgs, RelayArg};
use crate::cli::secret::shown;

/// How to write `NATS_URL`, for error messages.
const EXAMPLES: &str = "write nats://user:password@host:4222, nats://token@host or tls://host, several separated by commas, and \
     special characters of a password as %40";

/// Returns the id of this process: its node's name, and a new incarnation.
pub(super) fn id(args: &NodeArgs) -> Result<NodeId, String> {
    let made_up = || format!("node-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let name = values::text(args.node_name.as_ref()).cloned().unwrap_or_else(made_up);
    NodeId::draw(&name).map_err(|why| format!("CHAT_NODE_NAME: {why}"))
}

/// Returns what carries messages between nodes.
pub(super) fn carrier(args: &NodeArgs) -> Result<Carrier, String> {
    let servers = values::secret(args.nats_url.as_ref());
    match (args.relay, servers) {
        (RelayArg::Poll, _) | (RelayArg::Auto, None) => Ok(Carrier::Nothing),
        (RelayArg::Nats, None) => Err("CHAT_RELAY is nats, but NATS_URL is not set".to_owned()),
        (RelayArg::Auto | RelayArg::Nats, Some(servers)) => Ok(Carrier::Nats(nats(servers, args)?)),
    }
}

/// Returns the options of the relay. NATS needs the key, which signs the messages and is the same on every node.
pub(super) fn relay(carrier: Carrier, key: Option<Key>) -> Result<Options, String> {
    if matches!(carrier, Carrier::Nats(_)) && key.is_none() {
        return Err("NATS_URL is set, but CHAT_TICKET_SECRET is not: set it, the same on every node, for nodes believe no message \
             that is not signed with it"
            .to_owned());
    }
    Ok(Options { carrier, key })
}

fn nats(servers: &str, args: &NodeArgs) -> Result<NatsOptions, String> {
    let texts = servers.split(',').map(str::trim).filter(|text| !text.is_empty());
    let servers = texts.zip(1..).map(|(text, number)| server(text, number)).collect::<Result<Vec<_>, _>>()?;
    let mut logins = servers.iter().filter_map(|(_, login)| login.clone());
    let login = logins.next();
    if logins.any(|other| Some(other) != login) {
        return Err("NATS_URL: its servers have different logins; the hub logs in to all of them with one".to_owned());
    }
    let creds = values::file(args.nats_creds.as_ref()).map(credentials).transpose()?;
    if login.is_some() && creds.is_some() {
        return Err("NATS_URL holds a login and NATS_CREDS names another one: leave one of them out".to_owned());
    }
    let authorities = values::file(args.nats_ca.as_ref()).map(authorities).transpose()?;
    let servers: Vec<String> = servers.into_iter().map(|(server, _)| server).collect();
    let options = NatsOptions::new(&servers).ok_or_else(|| format!("NATS_URL holds no server; {EXAMPLES}"))?;
    let options = options.with_login(login.or(creds).unwrap_or_default());
    Ok(match authorities {
        Some(file) => options.with_authorities(file),
        None => options,
    })
}

/// Splits the login off a server's address.
fn server(text: &str, number: usize) -> Result<(String, Option<Login>), String> {
    let wrong = |what: &str| format!("NATS_URL: server {number} {what}; {EXAMPLES}");
    let mut url = Url::parse(text).map_err(|_| wrong("is no address"))?;
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err(wrong("begins with another word than nats:// or tls://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a host and a port"));
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8().map_err(|_| wrong("has a login that is no text"))?;
        Ok::<_, String>(text.into_owned())
    };
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (token, None) => Some(Login::Token(decoded(token)?)),
        (user, Some(password)) => Some(Login::Password { user: decoded(user)?, password: decoded(password)? }),
    };
    url.set_password(None).and_then(|()| url.set_username("")).map_err(|()| wrong("has no host"))?;
    Ok((url.as_str().trim_end_matches('/').to_owned(), login))
}

/// Reads a credentials file, or a user's seed.
fn credentials(file: &Path) -> Result<Login, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("NATS_CREDS: {} cannot be read: {error}", shown(file)))?;
    Login::from_file(&text).ok_or_else(|| {
        format!("NATS_CREDS: {} holds neither credentials of a user nor a user's seed (SU…)", shown(file))
    })
}

/// Checks that a file holds certificates; returns its path.
fn authorities(file: &Path) -> Result<PathBuf, String> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("NATS_CA: {} cannot be read: {error}", shown(file)))?;
    if certificates.is_empty() {
        return Err(format!("NATS_CA: there is no certificate in {}", shown(file)));
    }
    Ok(file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(servers: &str) -> Result<(Vec<String>, Option<Login>), String> {
        let read =
            servers.split(',').zip(1..).map(|(text, number)| server(text, number)).collect::<Result<Vec<_>, _>>();
        read.map(|read| (read.iter().map(|(server, _)| server.clone()).collect(), read[0].1.clone()))
    }

    fn password(user: &str, password: &str) -> Option<Login> {
        Some(Login::Password { user: user.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn logins_are_split_off_and_decoded() {
        for (text, servers, login) in [
            ("nats://host", &["nats://host"][..], None),
            ("nats://host:4222/,tls://other", &["nats://host:4222", "tls://other"], None),
            ("nats://ann:hunter2%40%2C@host", &["nats://host"], password("ann", "hunter2@,")),
            ("nats://ann:x@[::1]:1", &["nats://[::1]:1"], password("ann", "x")),
            ("tls://a-token@host", &["tls://host"], Some(Login::Token("a-token".to_owned()))),
        ] {
            let (read, logged_in) = read(text).expect(text);
            assert_eq!(read, servers, "{text}");
            assert_eq!(logged_in, login, "{text}");
            assert!(NatsOptions::new(&read).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused_and_not_shown() {
        for text in [
            "hunter2",
            "nats://",
            "nats:///hunter2",
            "nats:hunter2",
            "nats://hunter2@",
            "nats://chat:hunter2@/",
            "nats://chat:hunter2@host:port",
            "nats://chat:hunter2@host:99999",
            "nats://chat:hunter2@host/chat",
            "nats://chat:hunter2@host?x",
            "nats://chat:hunter2%ff@host",
            "mysql://chat:hunter2@host",
            "nats:hunter2@host",
            "nats://ho st",
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.starts_with("NATS_URL: server 1 ") && !problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    fn args(flags: &[&str]) -> NodeArgs {
        use clap::Parser as _;
        let flags = ["chat"].iter().chain(flags);
        crate::cli::Cli::try_parse_from(flags).expect("flags that can be read").serve.nodes
    }

    #[test]
    fn nats_is_used_where_it_is_named_and_needs_a_key() {
        let named = ["--nats-url", "nats://one,nats://two"];
        for (flags, nats) in [
            (&[][..], Ok(false)),
            (&named, Ok(true)),
            (&["--relay", "nats", named[0], named[1]], Ok(true)),
            (&["--relay", "poll", named[0], named[1]], Ok(false)),
            (&["--relay", "nats"], Err("NATS_URL")),
            (&["--nats-url", ", ,"], Err("NATS_URL holds no server")),
            (&["--nats-url", "nats://a:hunter2@one,nats://b:hunter2@two"], Err("different logins")),
        ] {
            match (carrier(&args(flags)), nats) {
                (Ok(carrier), Ok(nats)) => assert_eq!(matches!(carrier, Carrier::Nats(_)), nats, "{flags:?}"),
                (Err(problem), Err(word)) => {
                    assert!(problem.contains(word) && !problem.contains("hunter2"), "{flags:?}: {problem}");
                }
                (found, _) => panic!("{flags:?}: {found:?}"),
            }
        }
        let carrier = carrier(&args(&named)).expect("good");
        assert!(relay(carrier.clone(), None).expect_err("no key").contains("CHAT_TICKET_SECRET"));
        assert!(relay(carrier, Some(Key::derive(b"shared"))).is_ok());
        assert!(relay(Carrier::Nothing, None).is_ok());
    }

    #[test]
    fn a_file_that_logs_in_is_read_and_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("creds");
        for (text, good) in [
            ("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n", true),
            ("hunter2", false),
            ("SUhunter2", false),
            ("", false),
        ] {
            std::fs::write(&file, text).expect("written");
            let read = credentials(&file);
            assert_eq!(read.is_ok(), good, "{text}");
            assert!(!format!("{read:?}").contains("hunter2") && !format!("{read:?}").contains("SUAC"), "{read:?}");
        }
    }
}
