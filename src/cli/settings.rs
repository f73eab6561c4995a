//! The table of all settings, in Markdown: for `docs/OPERATIONS.md`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, Command, CommandFactory};

use super::secret::{HIDDEN, shown};
use super::{Cli, config_file};

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

/// Returns what is set for this process by flags, environment and configuration file, as a JSON object by variable. Values
/// that may be secret are hidden; defaults are left out.
#[must_use]
pub fn of_this_process() -> String {
    in_force(std::env::args_os().collect())
}

fn in_force(mut words: Vec<OsString>) -> String {
    let mut command = Cli::command();
    // The process has parsed all of it before without an error.
    let Ok(matches) = command.try_get_matches_from_mut(&words) else { return "{}".to_owned() };
    if let Ok(Some(added)) = config_file::read(&command, &matches) {
        words.extend(added.flags);
    }
    let Ok(matches) = Cli::command().try_get_matches_from(words) else { return "{}".to_owned() };
    let matches = matches.subcommand_matches("serve").unwrap_or(&matches);
    let mut set = serde_json::Map::new();
    for argument in settings(&command) {
        let id = argument.get_id().as_str();
        if matches.value_source(id).is_none_or(|source| source == ValueSource::DefaultValue) {
            continue;
        }
        let value = if argument.is_hide_env_values_set() {
            HIDDEN.to_owned()
        } else {
            let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
            let value = values.collect::<Vec<_>>().join(",");
            // Hides a login in a URL, and a key in place of the name of its file.
            if value.contains('@') { HIDDEN.to_owned() } else { shown(Path::new(&value)) }
        };
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        set.insert(variable, value.into());
    }
    serde_json::Value::Object(set).to_string()
}

/// Returns the settings of `serve`, in the order of `--help`.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
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
pub(super) fn described_default(help: &str) -> Option<(String, String)> {
    let (before, rest) = help.split_once(" (default: ")?;
    let (default, after) = rest.split_once(')')?;
    Some((format!("{before}{after}"), default.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_told_and_no_secret_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "edit-window = \"7m\"\nticket-secret = \"hunter3\"\n").expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).expect("a mode");
        let line = ["chat", "serve", "--rate-limit", "5", "--jwt-secret", "hunter2", "--media-redirect", "--config"];
        let told = in_force(line.map(OsString::from).into_iter().chain([file.into()]).collect());
        assert!(told.contains(r#""CHAT_RATE_LIMIT":"5""#) && told.contains("JWT_SECRET"), "{told}");
        assert!(told.contains("CHAT_MEDIA_REDIRECT") && !told.contains("hunter"), "{told}");
        assert!(told.contains(r#""CHAT_EDIT_WINDOW":"7m""#) && told.contains("CHAT_TICKET_SECRET"), "{told}");
        assert!(!told.contains("CHAT_BASE_PATH"), "a default is none that was set: {told}");
    }

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
