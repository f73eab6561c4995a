//! The configuration file that a package installs: every setting with its default, commented out.

use std::fmt::Write as _;

use clap::{Arg, CommandFactory};

use super::settings::{described_default, settings};
use super::{Cli, config_file};

/// The length that no line of prose exceeds.
const WIDTH: usize = 100;

const HEAD: &str = r##"# The settings of Softadastra Chat. Those below have their defaults, or show what is wanted: remove the "#"
# before a name to set it, and restart the hub. `softadastra-chat doctor` says whether they are good.
#
# Flags and environment variables take precedence. Paths that do not begin with "/" lie in the folder that the
# hub is started in; the service's is /var/lib/softadastra-chat. This file may hold secrets: others than its
# owner and its group must not read it.
"##;

/// Returns the text of the file: a section for each group, in the order of `--help`.
#[must_use]
pub fn text() -> String {
    let command = Cli::command();
    let mut text = HEAD.to_owned();
    let mut heading = None;
    for argument in settings(&command).filter(|argument| argument.get_long() != Some(config_file::FLAG)) {
        if heading != argument.get_help_heading() {
            heading = argument.get_help_heading();
            let _ = write!(text, "\n## {}\n", heading.unwrap_or("Other"));
        }
        text += &entry(argument);
    }
    text
}

fn entry(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let help = match described_default(&help) {
        Some((help, default)) => format!("{help}. Default: {default}"),
        None => help,
    };
    let name = argument.get_long().unwrap_or_default();
    format!("\n{}#{name} = {}\n", prose(&help), value(argument))
}

/// Returns the default as TOML; without a default, the placeholder of the value in quotes.
fn value(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return "false".to_owned();
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let meant = argument.get_value_names().and_then(<[_]>::first).map(|name| name.as_str()).unwrap_or_default();
    let default = defaults.join(",");
    match default.as_str() {
        "" if defaults.is_empty() => format!("{meant:?}"),
        number if number.parse::<u64>().is_ok() => default,
        text => format!("{text:?}"),
    }
}

/// Returns a text as comment lines of at most [`WIDTH`] characters.
fn prose(text: &str) -> String {
    let mut lines = String::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines += &line;
            lines.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line += word;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn serve(words: &[OsString]) -> String {
        format!("{:?}", Cli::of(words.to_vec()).expect("good settings").serve)
    }

    #[test]
    fn the_file_has_every_setting_once_and_sets_none() {
        let text = text();
        let command = Cli::command();
        let names = settings(&command).filter_map(Arg::get_long).filter(|name| *name != config_file::FLAG);
        for name in names {
            assert_eq!(text.matches(&format!("\n#{name} = ")).count(), 1, "{name} in\n{text}");
        }
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
    }

    #[test]
    fn each_default_in_the_file_is_that_of_the_hub() {
        let command = Cli::command();
        let with_default = |line: &&str| {
            let name = line.split(" = ").next().unwrap_or_default();
            settings(&command).any(|argument| {
                argument.get_long() == Some(name)
                    && (!argument.get_default_values().is_empty() || !argument.get_action().takes_values())
            })
        };
        let text = text();
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix('#')).filter(with_default).collect();
        assert!(lines.len() > 40 && lines.contains(&"listen = \"127.0.0.1:8080\""), "{lines:?}");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, lines.join("\n")).expect("written");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its own");
        let plain = serve(&["chat".into()]);
        assert_eq!(serve(&["chat".into(), "--config".into(), file.into()]), plain);
    }
}
