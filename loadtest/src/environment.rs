//! The sheet of the environment: a figure without its machine says nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::usage;

/// The machine, and what on it changes figures.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Environment {
    /// When it was written: RFC 3339, UTC.
    pub at: String,
    /// The command that was run.
    pub command: String,
    /// This program's version.
    pub version: String,
    /// Whether this program was optimised.
    pub optimised: bool,
    /// The processor.
    pub cpu: String,
    /// How many cores may be used.
    pub cores: u64,
    /// Memory of the machine, in MB.
    pub memory_mb: u64,
    /// The kernel.
    pub kernel: String,
    /// The system.
    pub system: String,
    /// What runs the machine, if it is not one of its own.
    pub virtualisation: String,
    /// Load of the machine over the last minute, before anything was done.
    pub load: String,
    /// How many files a process may have open.
    pub files: u32,
    /// How TCP shares a line.
    pub congestion_control: String,
    /// The file system of temporary data.
    pub temporary: String,
}

impl Environment {
    /// Looks around.
    #[must_use]
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str, split: char| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(split)?.1.trim().trim_matches('"').to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal", ':').unwrap_or_default();
        let kilobytes = memory.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        Self {
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command: command(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            optimised: !cfg!(debug_assertions),
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(0, usize::from) as u64,
            memory_mb: kilobytes.unwrap_or_default() / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_default(),
            virtualisation: virtualisation(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            files: usage::file_limit(std::process::id()).unwrap_or_default(),
            congestion_control: read("/proc/sys/net/ipv4/tcp_congestion_control").trim().to_owned(),
            temporary: file_system(&std::env::temp_dir()),
        }
    }

    /// Returns the sheet, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let build = if self.optimised { "" } else { " (not optimised: its figures are too low)" };
        let lines = [
            ("machine", format!("{} × {}, {} MB", self.cores, self.cpu, self.memory_mb)),
            ("virtualisation", self.virtualisation.clone()),
            ("system", format!("{}, Linux {}", self.system, self.kernel)),
            ("temporary data on", self.temporary.clone()),
            ("TCP", self.congestion_control.clone()),
            ("open files", format!("{} for each process", self.files)),
            ("load before", self.load.clone()),
            ("generator", format!("chat-loadtest {}{build}, on the same machine", self.version)),
            ("at", self.at.clone()),
            ("command", self.command.clone()),
        ];
        lines.into_iter().filter(|(_, line)| !line.is_empty()).collect()
    }
}

/// Returns the command line, without what must stay secret.
fn command() -> String {
    let mut words: Vec<String> = Vec::new();
    for word in std::env::args() {
        let hidden = match word.split_once('=') {
            _ if words.last().is_some_and(|last| last == "--secret") => "…".to_owned(),
            Some((name @ ("--secret" | "--database-url"), _)) => format!("{name}=…"),
            Some((name, _)) if name.contains("SECRET") || name.contains("URL") => format!("{name}=…"),
            _ if words.last().is_some_and(|last| last == "--database-url") => "…".to_owned(),
            _ => word,
        };
        words.push(hidden);
    }
    words.join(" ")
}

fn virtualisation() -> String {
    let said = Command::new("systemd-detect-virt").output().ok().filter(|output| output.status.success());
    said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Returns the type of the file system that a folder is on: that of its longest mount point.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?.to_owned(), words.next()?.to_owned());
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    mounts.lines().filter_map(mount).max().map(|(_, kind)| kind).unwrap_or_default()
}
