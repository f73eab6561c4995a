//! Checks of the configuration, of the strength of its secrets, and of the address to listen on.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use uuid::Uuid;

use super::finding::{Finding, broken, ok, warning};
use crate::cli::ServeArgs;
use crate::cli::names::{self, Unknown};
use crate::cli::serve::KeyArgs;
use crate::config::Config;

/// The bits of entropy that a secret should have: with one signed text an attacker can try secrets for an unlimited time.
const ENOUGH_BITS: f64 = 90.0;

/// Words of example secrets. A random secret contains none of them.
const EXAMPLES: [&str; 5] = ["changeme", "example", "password", "passwort", "secret"];

/// Checks the settings; returns the configuration if they can be used.
pub(super) fn examine(args: &ServeArgs) -> (Option<Config>, Vec<Finding>) {
    // Development mode stores a new secret: here in a temporary folder, which is removed below.
    let folder = std::env::temp_dir().join(format!("softadastra-chat-doctor-{}", Uuid::new_v4().simple()));
    let read = Config::from_args_in(args, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let mut found: Vec<Finding> = misspelt().collect();
    match read {
        Ok(config) => {
            found.push(ok("settings", "they can be used together"));
            found.extend(secrets(&args.keys, config.development.is_some()));
            found.extend(args.tls_key.as_deref().map(private_key));
            found.push(listen(config.listen));
            (Some(config), found)
        }
        Err(errors) => {
            found.extend(errors.all().iter().map(|error| broken("settings", error)));
            (None, found)
        }
    }
}

/// Finds variables that look like a setting, and that nothing reads.
fn misspelt() -> impl Iterator<Item = Finding> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names::unknown(names).into_iter().map(|Unknown { name, meant }| {
        let meant = meant.map_or_else(|| "see --help".to_owned(), |meant| format!("is {meant} meant?"));
        warning("settings", format!("nothing reads the variable {name}; {meant}"))
    })
}

fn secrets(keys: &KeyArgs, development: bool) -> Vec<Finding> {
    const SUBJECT: &str = "secrets";
    if development {
        let text = "no key is configured, so the hub runs in development mode, on loopback alone: set JWT_SECRET, JWT_PUBLIC_KEY or \
             JWT_JWKS for anything else";
        return vec![warning(SUBJECT, text)];
    }
    let named = [("CHAT_TICKET_SECRET", &keys.ticket_secret), ("CHAT_WEBHOOK_SECRET", &keys.webhook_secret)];
    let named = named.into_iter().filter_map(|(name, secret)| Some((name, secret.as_ref()?)));
    let all = keys.jwt_secret.iter().map(|secret| ("JWT_SECRET", secret)).chain(named);
    let all: Vec<_> = all.filter(|(_, secret)| !secret.expose().trim().is_empty()).collect();
    let weak = all.iter().filter_map(|(name, secret)| {
        let why = weakness(secret.expose())?;
        Some(warning(SUBJECT, format!("{name} {why}: make another with `openssl rand -base64 48`")))
    });
    let mut found: Vec<Finding> = weak.collect();
    if !all.iter().any(|(name, _)| matches!(*name, "JWT_SECRET" | "CHAT_TICKET_SECRET")) {
        found.push(warning(
            SUBJECT,
            "CHAT_TICKET_SECRET is not set: tickets and links to images are good on this node and until its restart only",
        ));
    }
    if found.is_empty() {
        found.push(ok(SUBJECT, format!("{} secrets, none of them easy to guess", all.len())));
    }
    found
}

/// Says why a secret is easy to guess, if it is.
fn weakness(secret: &str) -> Option<&'static str> {
    let plain = secret.to_ascii_lowercase();
    if EXAMPLES.iter().any(|word| plain.contains(word)) {
        return Some("holds a word of examples");
    }
    (bits(unrepeated(secret.as_bytes())) < ENOUGH_BITS)
        .then_some("is easy to guess: it has few different characters, or repeats them")
}

/// Returns the shortest beginning of a text that the rest repeats; the whole text if none does.
fn unrepeated(text: &[u8]) -> &[u8] {
    let repeats = |length: &usize| text.iter().zip(&text[*length..]).all(|(one, other)| one == other);
    let length = (1..=text.len() / 2).find(repeats).unwrap_or(text.len());
    &text[..length]
}

/// Estimates a text's entropy in bits from the frequencies of its bytes (Shannon). A random text has at least that many.
fn bits(text: &[u8]) -> f64 {
    let mut counts = BTreeMap::<u8, f64>::new();
    text.iter().for_each(|byte| *counts.entry(*byte).or_default() += 1.0);
    let length = text.len() as f64;
    counts.values().map(|count| count * (length / count).log2()).sum()
}

fn private_key(path: &Path) -> Finding {
    const SUBJECT: &str = "TLS key";
    let mode = std::fs::metadata(path).map(|found| found.permissions().mode() & 0o777).unwrap_or_default();
    if mode & 0o007 == 0 {
        ok(SUBJECT, "other users cannot read it")
    } else {
        let shown = crate::cli::secret::shown(path);
        warning(SUBJECT, format!("every user of the machine can read {shown} (mode {mode:o}): chmod 640"))
    }
}

fn listen(address: SocketAddr) -> Finding {
    const SUBJECT: &str = "listen";
    match TcpListener::bind(address) {
        Ok(_) => ok(SUBJECT, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            ok(SUBJECT, format!("a program listens on {address}: this hub, if it runs"))
        }
        Err(error) => broken(
            SUBJECT,
            format!(
                "{address} cannot be listened on ({error}): set CHAT_LISTEN to an address of this machine, and a port above 1023"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_drawn_is_strong_and_one_that_was_thought_of_is_not() {
        for strong in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "q1Zb0Yc2mQhTtQ5s9l6kQ2Jw3m8vN4xRz7uPdEfGhI0=",
            "f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b",
        ] {
            assert_eq!(weakness(strong), None, "{strong}");
        }
        for weak in [
            "a secret of 32 bytes and a bit more",
            "00000000000000000000000000000000",
            "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh",
            "MyShopPassword1234MyShop1234!!!!",
            "aaaabbbbccccddddaaaabbbbccccdddde",
        ] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
    }
}
