//! A description of the machine and of the command, for the reader of a report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::usage;

/// The machine, and its settings that change figures.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Environment {
    /// The time in UTC, as RFC 3339.
    pub at: String,
    /// The command, without secrets.
    pub command: String,
    /// This program's version.
    pub version: String,
    /// Whether this program is an optimised build.
    pub optimised: bool,
    /// The processor.
    pub cpu: String,
    /// The number of cores that this program may use.
    pub cores: u64,
    /// Memory of the machine, in MB.
    pub memory_mb: u64,
    /// The version of the kernel.
    pub kernel: String,
    /// The Linux distribution.
    pub system: String,
    /// The hypervisor or container runtime; empty on a physical machine.
    pub virtualisation: String,
    /// The load average of the minute before the command.
    pub load: String,
    /// How many files a process may open.
    pub files: u32,
    /// The TCP congestion control.
    pub congestion_control: String,
    /// The file system of temporary files.
    pub temporary: String,
}

impl Environment {
    /// Reads the environment.
    #[must_use]
    pub fn read() -> Self {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str, split: char| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(split)?.1.trim().trim_matches('"').to_owned())
        };
        let memory = field(&file("/proc/meminfo"), "MemTotal", ':').unwrap_or_default();
        let kilobytes = memory.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        Self {
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: without_secrets(std::env::args()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            optimised: !cfg!(debug_assertions),
            cpu: field(&file("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from) as u64,
            memory_mb: kilobytes.unwrap_or_default() / 1024,
            kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&file("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_default(),
            virtualisation: virtualisation(),
            load: file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            files: usage::file_limit(std::process::id()).unwrap_or_default(),
            congestion_control: file("/proc/sys/net/ipv4/tcp_congestion_control").trim().to_owned(),
            temporary: file_system(&std::env::temp_dir()),
        }
    }

    /// Returns the description as labelled lines.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let build = if self.optimised { "" } else { " (a build without optimisation: its figures are too low)" };
        let remote = self.command.contains("--allow-remote");
        let place = if remote { "" } else { ", on the same machine" };
        let lines = [
            ("machine", format!("{} × {}, {} MB", self.cores, self.cpu, self.memory_mb)),
            ("virtualisation", self.virtualisation.clone()),
            ("system", format!("{}, Linux {}", self.system, self.kernel)),
            ("temporary files", self.temporary.clone()),
            ("TCP", self.congestion_control.clone()),
            ("open files", format!("{} for each process", self.files)),
            ("load average", self.load.clone()),
            ("generator", format!("chat-loadtest {}{build}{place}", self.version)),
            ("time", self.at.clone()),
            ("command", self.command.clone()),
        ];
        lines.into_iter().filter(|(_, line)| !line.is_empty()).collect()
    }
}

/// Flags with secret values.
const SECRET_FLAGS: [&str; 3] = ["--secret", "--database-url", "--peer-database-url"];

/// The flag whose value is secret if it is a URL.
const DATABASE: &str = "--database";

/// Parts of the names of settings with secret values.
const SECRET_NAMES: [&str; 5] = ["SECRET", "URL", "KEY", "PASSWORD", "TOKEN"];

/// Returns a command line without secrets, because reports are passed on.
fn without_secrets(words: impl Iterator<Item = String>) -> String {
    let mut flag = String::new();
    let shown = words.map(|word| {
        let shown = match word.split_once('=') {
            _ if SECRET_FLAGS.contains(&flag.as_str()) => "…".to_owned(),
            Some((name, _)) if SECRET_FLAGS.contains(&name) => format!("{name}=…"),
            Some((DATABASE, url)) if url.contains("://") => format!("{DATABASE}=…"),
            _ if flag == DATABASE && word.contains("://") => "…".to_owned(),
            Some(("--set", setting)) => format!("--set={}", shown_setting(setting)),
            _ if flag == "--set" => shown_setting(&word),
            _ => without_login(&word),
        };
        flag = word;
        shown
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// `NAME=VALUE`, and `NAME=…` if the value is secret.
fn shown_setting(setting: &str) -> String {
    match setting.split_once('=') {
        Some((name, _)) if SECRET_NAMES.iter().any(|secret| name.contains(secret)) => format!("{name}=…"),
        _ => without_login(setting),
    }
}

/// Removes user and password from a URL.
pub(crate) fn without_login(word: &str) -> String {
    match word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, place)) => format!("{scheme}://…@{place}"),
        None => word.to_owned(),
    }
}

/// Finds a program in the folders of `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn virtualisation() -> String {
    let said = Command::new("systemd-detect-virt").output().ok().filter(|output| output.status.success());
    said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Returns the type of a folder's file system: that of its longest mount point.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    mounts.lines().filter_map(mount).max().map(|(_, kind)| kind).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_report_contains_no_secrets() {
        for line in [
            "x run chat --spawn --secret hunter2",
            "x run chat --spawn --secret=hunter2",
            "x run chat --spawn --database-url mysql://root:hunter2@db/x",
            "x run chat --spawn --database-url=mysql://root:hunter2@db/x",
            "x run chat --spawn --database mysql://root:hunter2@db/x",
            "x run chat --spawn --database=postgres://db/x?password=hunter2",
            "x compare --spawn --peer node-mysql --peer-database-url mysql://root:hunter2@db/x",
            "x compare --spawn --peer node-mysql --peer-database-url=mysql://root:hunter2@db/x",
            "x run chat --spawn --set JWT_SECRET=hunter2",
            "x run chat --spawn --set=DATABASE_URL=mysql://root:hunter2@db/x",
            "x run chat --spawn --set AWS_SECRET_ACCESS_KEY=hunter2 --pairs 3",
            "x run chat --spawn --set AWS_ENDPOINT=http://ann:hunter2@127.0.0.1:9000",
            "x run chat --target http://ann:hunter2@hunter2@127.0.0.1:8080",
            "x run chat --target http://ann:hunter2@127.0.0.1:8080",
            "x compare --spawn --against=http://ann:hunter2@127.0.0.1:8080",
        ] {
            let shown = without_secrets(line.split(' ').map(str::to_owned));
            assert!(!shown.contains("hunter2") && shown.contains('…'), "{shown}");
        }
        let open = "x run chat --spawn --nodes 3 --database mariadb --set CHAT_RATE_LIMIT=off --slo p99<20ms,errors=0 --target http://127.0.0.1:1";
        assert_eq!(without_secrets(open.split(' ').map(str::to_owned)), open);
    }
}
