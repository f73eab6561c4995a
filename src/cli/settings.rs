//! The table of all settings, in Markdown: for `docs/OPERATIONS.md`.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// Returns the table of all settings: a section for each group, in the order of `--help`.
#[must_use]
pub fn table() -> String {
    let command = Cli::command();
    let mut table = String::new();
    let mut heading = None;
    for argument in settings(&command) {
        if heading != argument.get_help_heading() {
            heading = argument.get_help_heading();
            let title = heading.unwrap_or("Other");
            let _ = write!(table, "\n### {title}\n\n| variable | flag | default | |\n|---|---|---|---|\n");
        }
        table += &row(argument);
    }
    table.trim_start().to_owned()
}

fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| argument.get_env().is_some())
}

fn row(argument: &Arg) -> String {
    let variable = argument.get_env().map(|name| name.to_string_lossy()).unwrap_or_default();
    let flag = argument.get_long().unwrap_or_default();
    let value = argument.get_value_names().filter(|_| argument.get_action().takes_values()).and_then(<[_]>::first);
    let value = value.map(|name| format!(" {}", name.as_str().replace('|', "\\|"))).unwrap_or_default();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let (help, default) = match described_default(&help) {
        Some((help, default)) => (help, default),
        None => (help.clone(), declared_default(argument)),
    };
    format!("| `{variable}` | `--{flag}{value}` | {default} | {help} |\n")
}

/// Returns the default that clap knows.
fn declared_default(argument: &Arg) -> String {
    let values: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    match values.join(",").as_str() {
        // A switch.
        "" if !argument.get_action().takes_values() => "off".to_owned(),
        "" => String::new(),
        default => format!("`{default}`"),
    }
}

/// Splits a default that depends on other settings off its description: `… (default: half of the cores).`
fn described_default(help: &str) -> Option<(String, String)> {
    let (before, rest) = help.split_once(" (default: ")?;
    let (default, after) = rest.split_once(')')?;
    Some((format!("{before}{after}"), default.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_setting_with_its_default() {
        let table = table();
        for line in [
            "| `CHAT_LISTEN` | `--listen LISTEN` | `127.0.0.1:8080` | Address and port to listen on.",
            "| `CHAT_RATE_LIMIT` | `--rate-limit N\\|off` | `20` |",
            "| `CHAT_WORKERS` | `--workers N` | half of the cores, at least one |",
            "| `CHAT_MEDIA_REDIRECT` | `--media-redirect` | off |",
            "| `JWT_SECRET` | `--jwt-secret SECRETS` |  |",
        ] {
            assert!(table.contains(line), "{line} is not in\n{table}");
        }
        assert_eq!(table.matches("\n| `").count(), settings(&Cli::command()).count());
    }
}
