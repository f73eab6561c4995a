//! What must never be shown: values that hold a secret, or may, and words on the command line that nobody can tell from one.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;

/// What stands in a message instead of a value that may be secret.
const HIDDEN: &str = "(not shown: it may be a secret)";

/// A value that holds a secret, or may: a key, a URL with a password. It is taken as it is, so that no parser can quote it, and
/// checked in [`crate::config`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text. Whoever shows it leaves the secret out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// Quotes a value in a message, unless it may hold a login, as URLs do before an `@`.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.contains('@') { HIDDEN.to_owned() } else { format!("{text:?}") }
}

/// Shows the path of a file with keys, unless it is no path but the keys themselves, which belong into the file.
#[must_use]
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let keys = text.contains("-----BEGIN") || text.contains(['\n', '{']) || text.len() > 255;
    if keys {
        "(not shown: it looks like a key, where the name of a file with it is wanted)".to_owned()
    } else {
        text.into_owned()
    }
}

/// Takes from an error of the command line what may be a secret: what looks like a URL with a login, and words that are neither
/// a flag nor a command, nor near one, for they are as likely the second half of a secret with a space in it.
#[must_use]
pub fn without_secrets(mut error: clap::Error) -> clap::Error {
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let stray = near.iter().all(|kind| error.get(*kind).is_none());
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        let Some(ContextValue::String(text)) = error.get(kind) else { continue };
        let unknown = match kind {
            // What follows the flags is taken for a command, whatever it is.
            ContextKind::InvalidSubcommand => Cli::command().find_subcommand(text).is_none(),
            ContextKind::InvalidArg => error.kind() == ErrorKind::UnknownArgument && !is_flag(&Cli::command(), text),
            _ => error.kind() == ErrorKind::TooManyValues,
        };
        if text.contains('@') || (stray && unknown) {
            error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
            // What is suggested repeats it.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

/// Tells whether a word is a flag, of whichever command.
fn is_flag(command: &clap::Command, word: &str) -> bool {
    let named = |argument: &clap::Arg| argument.get_long().is_some_and(|name| word.strip_prefix("--") == Some(name));
    command.get_arguments().any(named) || command.get_subcommands().any(|command| is_flag(command, word))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn said(line: &[&str]) -> String {
        let error = Cli::try_parse_from(["chat"].iter().chain(line)).expect_err("refused");
        without_secrets(error).to_string()
    }

    #[test]
    fn no_word_of_the_command_line_is_repeated_that_may_be_a_secret() {
        for line in [
            &["mysql://chat:hunter2@db/chat"][..],
            &["--jwt-secret", "an honest", "hunter2"],
            &["--hunter2"],
            &["--hunter2=hunter2"],
            &["-hunter2"],
            &["token", "--user", "1", "hunter2"],
            &["token", "--user", "hunter2@db"],
            &["serve", "hunter2"],
            &["--media-redirect=hunter2"],
            &["--heartbeat", "mysql://chat:hunter2@db/chat"],
            &["--rate-limit", "chat:hunter2@db"],
            &["--database-urn", "mysql://chat:hunter2@db/chat"],
            &["--database-urn=mysql://chat:hunter2@db/chat"],
        ] {
            let said = said(line);
            assert!(!said.contains("hunter2"), "{line:?}: {said}");
        }
    }

    #[test]
    fn what_is_near_a_flag_or_a_command_is_named() {
        for (line, name) in [
            (&["--databse-url", "x"][..], "--databse-url"),
            (&["servee"], "servee"),
            (&["--heartbeat", "soon"], "soon"),
            (&["--listen", "a", "--listen", "b"], "--listen"),
        ] {
            let said = said(line);
            assert!(said.contains(name), "{line:?}: {said}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret");
        assert_eq!(quoted("https://a.example"), "\"https://a.example\"");
        assert!(!quoted("https://ann:hunter2@a.example").contains("hunter2"));
        assert_eq!(shown(Path::new("keys/core.pem")), "keys/core.pem");
        for keys in ["-----BEGIN PRIVATE KEY-----hunter2", "{\"k\":\"hunter2\"}", "hunter2\nhunter2"] {
            assert!(!shown(Path::new(keys)).contains("hunter2"), "{keys}");
        }
    }
}
