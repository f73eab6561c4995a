//! Settings from a file (`--config`): TOML, under the flags' names.
//!
//! A setting of the file becomes a flag of the command that is run, unless the command line or the environment sets it. So clap
//! reads all three through the same declarations, and a value is refused in the same words wherever it stands.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use toml_edit::{DocumentMut, Item, Value};

use super::nearest::nearest;
use super::secret::shown;

/// The name of the flag that names the file.
pub(super) const FLAG: &str = "config";

/// The permission bits of other users: neither the file's owner nor its group.
const OTHERS: u32 = 0o007;
/// The permission bits that let the group or other users write.
const WRITABLE: u32 = 0o022;

/// What a file adds to the command line.
#[derive(Debug)]
pub(super) struct Added {
    file: PathBuf,
    /// Flags of the command that is run.
    pub(super) flags: Vec<OsString>,
}

impl Added {
    /// Puts the file's name before an error of the command line: the error's cause lies in the file.
    pub(super) fn blamed(&self, error: &clap::Error) -> clap::Error {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        clap::Error::raw(error.kind(), format!("{}: {text}", shown(&self.file)))
    }
}

/// Reads the file that `--config` names; `None` if it names none. `command` must be the one that has parsed `matches`.
///
/// # Errors
/// Everything that is wrong with the file, with what to do. No value of the file is quoted.
pub(super) fn read(command: &Command, matches: &ArgMatches) -> Result<Option<Added>, clap::Error> {
    let (run, matches) = leaf(command, matches);
    let Some(file) = matches.get_one::<PathBuf>(FLAG) else { return Ok(None) };
    let is_set = |argument: &Arg| {
        let source = matches.value_source(argument.get_id().as_str());
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    match flags(file, command, run, is_set) {
        Ok(flags) => Ok(Some(Added { file: file.clone(), flags })),
        Err(problems) => {
            let listed: String = problems.iter().map(|problem| format!("\n  - {problem}")).collect();
            let text = format!("the file {} (--config, CHAT_CONFIG) cannot be used:{listed}\n", shown(file));
            Err(clap::Error::raw(ErrorKind::ValueValidation, text))
        }
    }
}

/// Returns the innermost subcommand that is run, and its matches.
fn leaf<'a>(mut command: &'a Command, mut matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    while let Some((name, inner)) = matches.subcommand()
        && let Some(found) = command.find_subcommand(name)
    {
        (command, matches) = (found, inner);
    }
    (command, matches)
}

fn flags(
    file: &Path,
    all: &Command,
    run: &Command,
    is_set: impl Fn(&Arg) -> bool,
) -> Result<Vec<OsString>, Vec<String>> {
    let failed = |error: std::io::Error| vec![format!("it cannot be read: {error}")];
    let mode = std::fs::metadata(file).map_err(failed)?.permissions().mode();
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let document = text.parse::<DocumentMut>().map_err(|error| vec![not_toml(&text, &error)])?;
    let known = settings(all);
    let (mut flags, mut problems) = (Vec::new(), Vec::new());
    for (key, item) in document.iter() {
        let Some(setting) = known.iter().find(|setting| setting.get_long() == Some(key)) else {
            problems.push(unknown(key, &known));
            continue;
        };
        if setting.is_hide_env_values_set() && mode & OTHERS != 0 {
            problems.push(format!(
                "{key} may be a secret, and every user of the machine may use the file (mode {:o}): chmod 640",
                mode & 0o777
            ));
        }
        match flag(setting, item) {
            // The other commands' settings stand in the same file.
            Ok(flag) => flags.extend(flag.filter(|_| own(run, key).is_some_and(|setting| !is_set(setting)))),
            Err(problem) => problems.push(problem),
        }
    }
    if mode & WRITABLE != 0 {
        problems.push(format!("other users may change it (mode {:o}): chmod 640", mode & 0o777));
    }
    if problems.is_empty() { Ok(flags) } else { Err(problems) }
}

/// Returns the settings of a command and of its subcommands: the arguments with a long flag and an environment variable.
fn settings(command: &Command) -> Vec<&Arg> {
    let named = |argument: &&Arg| argument.get_env().is_some() && argument.get_long().is_some_and(|long| long != FLAG);
    let below = command.get_subcommands().flat_map(settings);
    command.get_arguments().filter(named).chain(below).collect()
}

fn own<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| argument.get_long() == Some(key))
}

/// Says in which line a text is no TOML, without quoting it: it may be a secret.
fn not_toml(text: &str, error: &toml_edit::TomlError) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("line {line} is no TOML: write name = \"value\", each name once, and every text in quotes")
}

fn unknown(key: &str, known: &[&Arg]) -> String {
    // The key may be the name of an environment variable, as `CHAT_LISTEN`.
    let plain = key.to_ascii_lowercase().replace('_', "-");
    let plain = plain.strip_prefix("chat-").unwrap_or(&plain);
    let names = known.iter().filter_map(|setting| setting.get_long());
    match nearest(plain, names.map(|name| (name, name))) {
        Some(nearest) => format!("there is no setting {key:?}; is {nearest} meant?"),
        None => format!("there is no setting {key:?}; see --help for those that there are"),
    }
}

/// Returns a setting as a flag; `None` for a switch that is off.
fn flag(setting: &Arg, item: &Item) -> Result<Option<OsString>, String> {
    let name = setting.get_long().unwrap_or_default();
    let value = item.as_value().ok_or_else(|| format!("{name} is a table; write {name} = \"value\""))?;
    if !setting.get_action().takes_values() {
        let on = value.as_bool().ok_or_else(|| format!("{name} is a switch: write true or false"))?;
        return Ok(on.then(|| format!("--{name}").into()));
    }
    let text = match value {
        Value::Array(parts) if setting.get_value_delimiter().is_some() => {
            let parts: Option<Vec<String>> = parts.iter().map(scalar).collect();
            parts.map(|parts| parts.join(","))
        }
        value => scalar(value),
    };
    let text = text.ok_or_else(|| format!("{name} has a value that no flag could have ({})", value.type_name()))?;
    Ok(Some(format!("--{name}={text}").into()))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(on) => Some(on.value().to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{Permissions, set_permissions, write};

    use tempfile::TempDir;

    use crate::cli::{Cli, Command};

    const SECRET: &str = "an honest secret of more than thirty-two bytes";

    fn run(text: &str, mode: u32, words: &[&str]) -> Result<Cli, String> {
        use std::os::unix::fs::PermissionsExt;
        let folder = TempDir::new().expect("a folder");
        let file = folder.path().join("config.toml");
        write(&file, text).expect("written");
        set_permissions(&file, Permissions::from_mode(mode)).expect("its own");
        let path = file.display().to_string();
        let words = ["chat"].iter().chain(words).chain(&["--config", &path]).map(OsString::from).collect();
        Cli::of(words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_sets_what_no_flag_sets_in_each_form_that_toml_has() {
        let text = format!(
            "listen = \"127.0.0.1:1\"\nheartbeat = '30s'\nrate-limit = 2.5\nmax-text = 100\nmedia-redirect = true\npage = true\n\
             drain-seconds = 7\nallowed-origins = [\"https://a.example\", \"https://b.example\"]\njwt-secret = \"{SECRET}\"\n"
        );
        let cli = run(&text, 0o640, &["--max-text", "50"]).expect("good");
        let serve = &cli.serve;
        assert_eq!((serve.listen.as_str(), serve.limits.max_text), ("127.0.0.1:1", 50), "the flag wins");
        assert_eq!(serve.process.heartbeat.as_secs(), 30);
        assert_eq!(serve.process.drain_seconds.as_secs(), 7);
        assert_eq!((serve.limits.rate_limit.0, serve.page, serve.images.media_redirect), (Some(2.5), Some(true), true));
        assert_eq!(serve.allowed_origins, ["https://a.example", "https://b.example"]);
        assert_eq!(serve.keys.jwt_secret, [SECRET.into()]);
        assert!(!run("media-redirect = false", 0o644, &[]).expect("good").serve.images.media_redirect);
    }

    #[test]
    fn one_file_serves_every_command() {
        let text = "listen = \"127.0.0.1:1\"\ndatabase-url = \"sqlite://other.db\"\n";
        let cli = run(text, 0o600, &["migrate"]).expect("good");
        let Some(Command::Migrate(migrate)) = cli.command else { panic!("migrate") };
        assert_eq!(migrate.database.database_url.expose(), "sqlite://other.db");
        let cli = run(text, 0o600, &["webhooks", "list"]).expect("good");
        let Some(Command::Webhooks(webhooks)) = cli.command else { panic!("webhooks") };
        let crate::cli::webhooks::Action::List { at } = webhooks.action else { panic!("list") };
        assert_eq!(at.database.database_url.expose(), "sqlite://other.db");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_at_once_and_no_secret_with_it() {
        for (text, mode, names) in [
            ("listn = \"x\"", 0o600, &["\"listn\"", "listen"][..]),
            ("CHAT_RATE_LIMIT = 5", 0o600, &["\"CHAT_RATE_LIMIT\"", "is rate-limit meant"]),
            ("JWT_SECRET = \"hunter2\"", 0o600, &["is jwt-secret meant"]),
            ("zzz = 1\nlistn = 2", 0o600, &["\"zzz\"", "--help", "\"listn\""]),
            ("[network]\nlisten = 1", 0o600, &["\"network\""]),
            ("[listen]\nx = 1", 0o600, &["listen is a table"]),
            ("config = \"other.toml\"", 0o600, &["\"config\""]),
            ("a = 1\njwt-secret = hunter2", 0o600, &["line 2"]),
            ("max-text = 1\nmax-text = 2", 0o600, &["line 2"]),
            ("media-redirect = \"yes\"", 0o600, &["true or false"]),
            ("heartbeat = [\"1s\"]", 0o600, &["heartbeat", "array"]),
            ("edit-window = 15", 0o600, &["config.toml: ", "--edit-window", "15m"]),
            ("heartbeat = \"soon\"", 0o600, &["config.toml: ", "\"soon\"", "--heartbeat"]),
            ("rate-limit = \"chat:hunter2@db\"", 0o600, &["config.toml: ", "--rate-limit"]),
            ("jwt-secret = \"hunter2\"", 0o644, &["jwt-secret", "644", "chmod 640"]),
            ("database-url = \"mysql://a:hunter2@b/c\"", 0o604, &["database-url", "604"]),
            ("max-text = 1", 0o666, &["666", "may change it"]),
        ] {
            let said = run(text, mode, &[]).map(drop).expect_err(text);
            assert!(names.iter().all(|name| said.contains(name)), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{text}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let words = ["chat", "--config", "/nowhere/config.toml"].map(OsString::from).to_vec();
        let said = Cli::of(words).map(drop).expect_err("it is not there").to_string();
        assert!(said.contains("/nowhere/config.toml") && said.contains("cannot be read"), "{said}");
    }
}
