//! Starts and ends the servers of tests: each on a free port, with its own folder, by a shell script, the *keeper*.
//!
//! ```text
//!  a server of one test   the keeper reads from the test's process, and ends the server when that process ends in any way
//!  a shared server        the keeper ends it when no process has held the lock for a while
//! ```
//!
//! The files of a newly installed server are the same each time, so they are made once for each machine, and copied.

use std::fs::{File, create_dir_all, metadata, read_to_string, remove_dir_all, rename, write};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::waiting::holds_within;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells whether tests that need a server are to run: whether the environment variable is `1`. Prints that the test is skipped
/// if not.
pub(crate) fn wanted(variable: &str, test: &str) -> bool {
    let wanted = std::env::var(variable).is_ok_and(|value| value == "1");
    if !wanted {
        println!("left out without {variable}=1: {test}");
    }
    wanted
}

/// The handle that makes a running server end.
#[derive(Debug)]
pub(crate) enum Keeper {
    /// The keeper's process, which ends the server when this process ends.
    Own(Child),
    /// The lock that is held by each process that uses the server.
    Shared(#[expect(dead_code, reason = "it is held")] File),
}

impl Keeper {
    /// Runs a server in its folder, with its log in the file `log` there. In the end the keeper sends it `signal`, and
    /// removes the folder, unless [`Keeper::end`] was called.
    pub(crate) fn run(server: &Command, folder: &Path, signal: &str) -> Self {
        const SCRIPT: &str = r#"folder=$1; signal=$2; shift 2; "$@" & server=$!; read -r word
            kill -"$signal" $server 2>/dev/null; wait $server; [ "$word" = stay ] || rm -rf "$folder""#;
        let mut keeper = keeper(SCRIPT, &[folder.as_os_str(), signal.as_ref()], server, folder);
        Self::Own(keeper.stdin(Stdio::piped()).spawn().unwrap())
    }

    /// Ends the server if it is this process's own; its files stay.
    pub(crate) fn end(self) {
        if let Self::Own(mut keeper) = self {
            if let Some(mut input) = keeper.stdin.take() {
                let _ = input.write_all(b"stay\n");
            }
            let _ = keeper.wait();
        }
    }
}

/// Ends the server of a value that is dropped, and removes its folder. A shared server goes on.
pub(crate) fn ends(keeper: Option<Keeper>, folder: &Path) {
    if matches!(keeper, Some(Keeper::Shared(_))) {
        return;
    }
    if let Some(keeper) = keeper {
        keeper.end();
    }
    let _ = remove_dir_all(folder);
}

/// Returns the folder, the port and the keeper of the server of this kind that all test processes of this build share. The
/// first process prepares the folder and starts the server, which ends some seconds after the last process has ended.
pub(crate) fn share(
    kind: &str,
    signal: &str,
    prepare: impl FnOnce(&Path),
    server: impl FnOnce(&Path, u16) -> Command,
    answers: impl Fn(&Path, u16) -> bool,
) -> (PathBuf, u16, Keeper) {
    // The server waits some seconds before it ends: most often another test follows.
    const SCRIPT: &str = r#"folder=$1; signal=$2; users=$3; shift 3; "$@" & server=$!; exec 9>>"$users"; idle=0
        while [ $idle -lt 3 ]; do sleep 5; if flock -n 9; then flock -u 9; idle=$((idle + 1)); else idle=0; fi; done
        flock 9; kill -"$signal" $server; wait $server; rm -rf "$folder""#;
    let folder = common(&format!("{kind}-shared"), "");
    let lock = |name: &str| {
        let file = folder.with_extension(name);
        (File::options().append(true).create(true).open(&file).unwrap(), file)
    };
    let ((users, users_file), (starting, _)) = (lock("users"), lock("starting"));
    // A process that has this lock keeps the server from ending.
    users.lock_shared().unwrap();
    starting.lock().unwrap();
    let runs = read_to_string(folder.join("port")).ok().and_then(|port| port.parse::<u16>().ok());
    // On a busy machine a server that lives may not answer at once: one that is taken for dead would lose its files.
    if let Some(port) = runs
        && try_wait_for(|| answers(&folder, port)).is_ok()
    {
        return (folder, port, Keeper::Shared(users));
    }
    // Removes what a server has left whose keeper was killed.
    let _ = remove_dir_all(&folder);
    create_dir_all(&folder).unwrap();
    prepare(&folder);
    let port = free_port();
    let arguments = [folder.as_os_str(), signal.as_ref(), users_file.as_os_str()];
    let mut keeper = keeper(SCRIPT, &arguments, &server(&folder, port), &folder);
    // In a process group of its own: what ends this process does not end the server.
    #[expect(clippy::zombie_processes, reason = "it outlives this process")]
    let _ = keeper.stdin(Stdio::null()).process_group(0).spawn().unwrap();
    wait_for(&format!("the shared server in {}", folder.display()), || answers(&folder, port));
    write(folder.join("port"), port.to_string()).unwrap();
    (folder, port, Keeper::Shared(users))
}

fn keeper(script: &str, arguments: &[&std::ffi::OsStr], server: &Command, folder: &Path) -> Command {
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", script, "keeper"])
        .args(arguments)
        .arg(server.get_program())
        .args(server.get_args())
        .envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("log")).unwrap());
    keeper
}

/// Copies the folder `data` that `make` writes into the folder that it is given, to the place `to`. `make` runs once for
/// each machine and each `version`.
///
/// # Errors
/// With what `make` says.
pub(crate) fn copy_of(
    kind: &str,
    version: &str,
    to: &Path,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let made = common(&format!("{kind}-installed"), version);
    let lock = File::options().append(true).create(true).open(made.with_extension("making")).unwrap();
    lock.lock().unwrap();
    if !made.exists() {
        let unfinished = made.with_extension("unfinished");
        let _ = remove_dir_all(&unfinished);
        create_dir_all(&unfinished).unwrap();
        make(&unfinished)?;
        rename(&unfinished, &made).unwrap();
    }
    drop(lock);
    let copied =
        Command::new("cp").args(["-a", "--sparse=always", "--"]).arg(made.join("data")).arg(to).output().unwrap();
    if copied.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&copied.stderr).into_owned()) }
}

/// Returns a path that all processes of this build and this user have in common.
fn common(name: &str, version: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_MANIFEST_DIR"), user(), version).hash(&mut hasher);
    std::env::temp_dir().join(format!("chat-{name}-{:016x}", hasher.finish()))
}

/// Makes a folder for a server of this process's own.
pub(crate) fn own_folder(kind: &str, port: u16) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("chat-{kind}-{}-{port}", std::process::id()));
    create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Tells whether a port of this machine takes connections.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits until `done` returns true, and panics if it does not in time. It polls: tests start a server before their runtime.
pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    try_wait_for(done).unwrap_or_else(|()| panic!("waited in vain for {what}"));
}

/// Waits like [`wait_for`], and returns an error if the time is over.
pub(crate) fn try_wait_for(done: impl Fn() -> bool) -> Result<(), ()> {
    holds_within(PATIENCE, done)
}

/// Returns the user id of this process.
pub(crate) fn user() -> u32 {
    metadata("/proc/self").unwrap().uid()
}

/// Returns what a program prints for `--version`.
pub(crate) fn version_of(program: &Path) -> String {
    let said = Command::new(program).arg("--version").output().map(|output| output.stdout);
    String::from_utf8_lossy(&said.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests;
