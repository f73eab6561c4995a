//! The process of a hub on a free port, with its data in a folder.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::http;
use crate::token::SECRET;

/// How long a hub may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The program, the folder and the settings of a hub.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The hub's program.
    pub binary: PathBuf,
    /// The folder of its data and its log. A hub that is started with the same folder again continues with the same data.
    pub folder: PathBuf,
    /// Environment variables. Of this process's own the hub inherits `PATH` alone.
    pub settings: BTreeMap<String, String>,
    /// Arguments.
    pub arguments: Vec<String>,
    /// Whether it uses TLS: then it counts as ready when it accepts connections.
    pub tls: bool,
}

/// A running hub. Dropping this value kills the process.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pid: u32,
    address: SocketAddr,
    /// The path of its readiness check; `None`: it is ready when it accepts connections.
    health: Option<String>,
    log: PathBuf,
}

/// Why a hub did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its program cannot be run.
    #[error("cannot run {binary}: {cause}")]
    Spawn {
        /// The program.
        binary: String,
        /// The cause.
        cause: io::Error,
    },
    /// It exited.
    #[error("the hub exited with {status} before it was ready{}", logged(log))]
    Exited {
        /// Its exit status.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It was not ready in time.
    #[error("the hub was not ready after {READY_TIMEOUT:?}{}", logged(.0))]
    Timeout(String),
    /// Another system error.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A signal to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Asks it to shut down.
    Term,
    /// Asks it to shut down, as Ctrl-C does.
    Interrupt,
    /// Asks it to quit, as Ctrl-\ does.
    Quit,
    /// Tells it that its terminal was closed.
    Hangup,
    /// Kills it.
    Kill,
    /// Suspends it.
    Stop,
    /// Resumes it.
    Cont,
}

impl Launch {
    /// Makes a launch with a new SQLite database, a secret, and without rate limits.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, folder: &Path) -> Self {
        let database = format!("sqlite://{}?mode=rwc", folder.join("chat.db").display());
        let media = format!("file:{}", folder.join("media").display());
        let settings = [
            ("DATABASE_URL", database.as_str()),
            ("JWT_SECRET", SECRET),
            ("CHAT_MEDIA_URL", &media),
            ("CHAT_RATE_LIMIT", "off"),
            ("RUST_LOG", "info"),
            ("RUST_BACKTRACE", "1"),
        ];
        Self {
            binary: binary.into(),
            folder: folder.to_owned(),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            arguments: Vec::new(),
            tls: false,
        }
    }

    /// Sets an environment variable.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Starts the hub on a free port and waits until it is ready.
    ///
    /// # Errors
    /// [`Error`], see its variants.
    pub async fn start(&self) -> Result<Server, Error> {
        self.start_at(free_port()?).await
    }

    /// Starts the hub on a given port and waits until it is ready.
    ///
    /// # Errors
    /// [`Error`], see its variants.
    pub async fn start_at(&self, port: u16) -> Result<Server, Error> {
        let mut server = self.spawn(port)?;
        server.ready().await?;
        Ok(server)
    }

    /// Starts the hub on a given port, without waiting.
    ///
    /// # Errors
    /// [`Error::Spawn`] or [`Error::Io`].
    pub fn spawn(&self, port: u16) -> Result<Server, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = self.folder.join("hub.log");
        let mut command = Command::new(&self.binary);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("CHAT_LISTEN", address.to_string())
            .envs(&self.settings)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::from(append(&self.folder.join("hub.out"))?))
            .stderr(Stdio::from(append(&log)?))
            .kill_on_drop(true);
        let binary = || self.binary.display().to_string();
        let child = command.spawn().map_err(|cause| Error::Spawn { binary: binary(), cause })?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process exited at once"))?;
        let base = self.settings.get("CHAT_BASE_PATH").cloned().unwrap_or_default();
        let health = (!self.tls).then(|| format!("{base}/health/ready"));
        Ok(Server { child, pid, address, health, log })
    }
}

impl Server {
    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns its log.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the hub is ready.
    ///
    /// # Errors
    /// [`Error::Exited`] or [`Error::Timeout`].
    pub async fn ready(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        while began.elapsed() < READY_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                return Err(Error::Exited { status, log: last_lines(&self.log(), 30) });
            }
            let ready = match &self.health {
                Some(path) => http::get(self.address, path).await.is_ok(),
                None => TcpStream::connect(self.address).await.is_ok(),
            };
            if ready {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(Error::Timeout(last_lines(&self.log(), 30)))
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    /// If the process is gone.
    pub async fn signal(&self, signal: Signal) -> io::Result<()> {
        let name = match signal {
            Signal::Term => "-TERM",
            Signal::Interrupt => "-INT",
            Signal::Quit => "-QUIT",
            Signal::Hangup => "-HUP",
            Signal::Kill => "-KILL",
            Signal::Stop => "-STOP",
            Signal::Cont => "-CONT",
        };
        let status = Command::new("kill").arg(name).arg(self.pid.to_string()).stderr(Stdio::null()).status().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other("there is no such process")) }
    }

    /// Kills the process (`kill -9`) and waits until it is gone.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Waits until the process exits.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Returns the exit status of the process, if it has exited.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

/// Returns a free port, below those that the kernel gives to outgoing connections.
///
/// # Errors
/// If there is none.
pub fn free_port() -> io::Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time start at different ports.
    let own = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((own + step) % u32::from(COUNT)).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, FIRST + offset)).is_ok() {
            return Ok(FIRST + offset);
        }
    }
    Err(io::Error::other("no port from 20000 to 31999 is free"))
}

/// Returns the last lines of a text.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn logged(log: &str) -> String {
    if log.trim().is_empty() { ", and logged nothing".to_owned() } else { format!("; its log:\n{log}") }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
