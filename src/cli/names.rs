//! Warns of environment variables that look like a setting and are none: a misspelt setting has no effect, without an error.

use clap::{Command, CommandFactory};

use super::Cli;
use super::nearest::nearest;

/// Prefixes of variables that our tests and tools read, and that Kubernetes sets for a service named `chat`.
const IGNORED: [&str; 4] = ["CHAT_TEST_", "CHAT_HUB", "CHAT_PORT", "CHAT_SERVICE_"];

/// Prefixes that other programs use, too: only a name that is nearly one of our settings counts as misspelt.
const SHARED: [&str; 3] = ["DATABASE_", "JWT_", "NATS_"];

/// The prefix of our settings.
const OWN: &str = "CHAT_";

/// The edit distance up to which a name with a shared prefix counts as misspelt.
const MAX_DISTANCE: usize = 2;

/// A variable that nothing reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The name.
    pub name: String,
    /// The setting that may be meant.
    pub meant: Option<String>,
}

/// Logs a warning for each environment variable that looks like a setting and is none. To be called once, at start.
pub fn warn_of_unknown() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for Unknown { name, meant } in unknown(names) {
        match meant {
            Some(meant) => {
                tracing::warn!(name, meant, "nothing reads this environment variable: is another one meant?")
            }
            None => {
                tracing::warn!(name, "nothing reads this environment variable; see --help for those that there are")
            }
        }
    }
}

/// Returns the names that look like a setting and are none.
#[must_use]
pub fn unknown(names: impl IntoIterator<Item = String>) -> Vec<Unknown> {
    let known = known();
    let mut unknown: Vec<Unknown> = names.into_iter().filter_map(|name| judge(name, &known)).collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

fn judge(name: String, known: &[String]) -> Option<Unknown> {
    let plain = name.to_ascii_uppercase();
    if known.contains(&name) || IGNORED.iter().any(|others| plain.starts_with(others)) {
        return None;
    }
    if let Some(rest) = plain.strip_prefix(OWN) {
        // A setting that has no prefix may be written with ours by mistake: `CHAT_DATABASE_URL`.
        let settings = known.iter().map(|known| (known.strip_prefix(OWN).unwrap_or(known), known));
        return Some(Unknown { name, meant: nearest(rest, settings).cloned() });
    }
    if !SHARED.iter().any(|shared| plain.starts_with(shared)) {
        return None;
    }
    let away = |known: &&String| strsim::damerau_levenshtein(known, &plain);
    let meant = known.iter().min_by_key(away).filter(|nearest| away(nearest) <= MAX_DISTANCE)?.clone();
    Some(Unknown { name, meant: Some(meant) })
}

/// Returns the names of all settings.
fn known() -> Vec<String> {
    let mut names = Vec::new();
    add_settings(&Cli::command(), &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

/// Adds the names of the settings of a command and of those below it.
fn add_settings(command: &Command, names: &mut Vec<String>) {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    names.extend(own.map(str::to_owned));
    command.get_subcommands().for_each(|below| add_settings(below, names));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(name: &str) -> Option<Option<String>> {
        unknown([name.to_owned()]).pop().map(|unknown| unknown.meant)
    }

    #[test]
    fn a_name_that_nothing_reads_is_found_with_the_one_that_is_meant() {
        for (name, meant_by_it) in [
            ("CHAT_RATE_LIMT", "CHAT_RATE_LIMIT"),
            ("CHAT_MAX_CONNECTION", "CHAT_MAX_CONNECTIONS"),
            ("CHAT_DRAIN", "CHAT_DRAIN_SECONDS"),
            ("chat_listen", "CHAT_LISTEN"),
            ("CHAT_ALOWED_ORIGINS", "CHAT_ALLOWED_ORIGINS"),
            ("CHAT_DATABASE_URL", "DATABASE_URL"),
            ("CHAT_JWT_SECRET", "JWT_SECRET"),
            ("DATABASE_URI", "DATABASE_URL"),
            ("JWT_SECRETS", "JWT_SECRET"),
            ("CHAT_ADMINS", "CHAT_ADMIN"),
            ("CHAT_AUDIT_DAY", "CHAT_AUDIT_DAYS"),
            ("CHAT_ADDRESS_RATES", "CHAT_ADDRESS_RATE"),
            ("CHAT_TRUSTED_PROXY", "CHAT_TRUSTED_PROXIES"),
            ("CHAT_WEBHOOK_ALLOWED", "CHAT_WEBHOOK_ALLOW"),
            ("CHAT_WEBHOOKS_SECRET", "CHAT_WEBHOOK_SECRET"),
            ("CHAT_CONFIG_FILE", "CHAT_CONFIG"),
            ("CHAT_NATS_URL", "NATS_URL"),
            ("NATS_CRED", "NATS_CREDS"),
        ] {
            assert_eq!(meant(name), Some(Some(meant_by_it.to_owned())), "{name}");
        }
        assert_eq!(meant("CHAT_FOO"), Some(None));
    }

    #[test]
    fn settings_and_what_others_read_are_left_alone() {
        assert!(unknown(known()).is_empty());
        for name in [
            "PATH",
            "CHAT_IMPORT_FROM",
            "CHAT_TEST_HUB",
            "CHAT_HUB",
            "CHAT_PORT_8080_TCP",
            "DATABASE_USER",
            "JWT_TTL",
            "AWS_REGION",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
