//! Removes secrets from error messages of the command line.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::secret::HIDDEN;

/// Removes possible secrets from an error of the command line: URLs with a login, and words that are neither a flag nor a command,
/// nor similar to one, because they may be the second half of a secret with a space in it.
#[must_use]
pub fn without_secrets(mut error: clap::Error, command: &Command) -> clap::Error {
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand];
    let stray = near.iter().all(|kind| error.get(*kind).is_none());
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        let Some(ContextValue::String(text)) = error.get(kind) else { continue };
        let unknown = match kind {
            // clap takes any word after the flags for a command.
            ContextKind::InvalidSubcommand => command.find_subcommand(text).is_none(),
            ContextKind::InvalidArg => error.kind() == ErrorKind::UnknownArgument && !is_flag(command, text),
            _ => error.kind() == ErrorKind::TooManyValues,
        };
        if text.contains('@') || (stray && unknown) {
            error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
            // Suggestions repeat the word.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

/// Tells whether a word is a flag of any command.
fn is_flag(command: &Command, word: &str) -> bool {
    let named = |argument: &clap::Arg| argument.get_long().is_some_and(|name| word.strip_prefix("--") == Some(name));
    command.get_arguments().any(named) || command.get_subcommands().any(|command| is_flag(command, word))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn said(line: &[&str]) -> String {
        let error = Cli::try_parse_from(["chat"].iter().chain(line)).expect_err("refused");
        without_secrets(error, &Cli::command()).to_string()
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
}
