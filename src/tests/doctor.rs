//! `doctor` finds what is broken, and says what to do; what is well it leaves as it is.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use chat_testkit::nats::{self, Nats};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::hub::program;
use crate::support::person::number;
use crate::support::{Hub, Receiver, in_time};

/// A secret that was drawn by chance.
const STRONG: &str = "q1Zb0Yc2mQhTtQ5s9l6kQ2Jw3m8vN4xRz7uPdEfGhI0";

struct Said {
    code: Option<i32>,
    lines: Vec<String>,
}

impl Said {
    /// Holds that one line says this of something.
    #[track_caller]
    fn has(&self, state: &str, subject: &str, words: &[&str]) {
        let fits = |line: &&String| {
            let rest = line.strip_prefix(state).map(str::trim_start).and_then(|rest| rest.strip_prefix(subject));
            rest.is_some_and(|rest| words.iter().all(|word| rest.contains(word)))
        };
        let found = self.lines.iter().filter(fits).count();
        assert!(found > 0, "no line says {state} {subject} {words:?}:\n{}", self.lines.join("\n"));
        let wanted = i32::from(self.lines.iter().any(|line| line.starts_with("broken ")));
        assert_eq!(self.code, Some(wanted), "{}", self.lines.join("\n"));
    }
}

/// A set-up: a folder, and settings that are well but for what a test changes.
struct Setup {
    folder: TempDir,
    settings: Vec<(String, String)>,
    before: &'static str,
}

impl Setup {
    fn new() -> Self {
        let settings = [
            ("JWT_SECRET", STRONG),
            ("CHAT_LISTEN", "127.0.0.1:0"),
            ("DATABASE_URL", "sqlite://chat.db?mode=rwc"),
            ("CHAT_MEDIA_URL", "file:media"),
            ("CHAT_MAX_CONNECTIONS", "100"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { folder: tempfile::tempdir().expect("a folder"), settings, before: ":" }
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        settings.iter().fold(Self::new(), |setup, (name, value)| setup.set(name, value))
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn database(&self) -> PathBuf {
        self.path().join("chat.db")
    }

    fn command(&self, word: &str) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("/bin/sh");
        command.args(["-c", &format!("{} && exec \"$0\" {word}", self.before)]);
        command.arg(program().canonicalize().expect("a program")).env_clear().envs(self.settings.iter().cloned());
        command.current_dir(self.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn migrated(self) -> Self {
        let output = in_time("the migration", self.command("migrate").output()).await.expect("it can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self
    }

    fn sql(&self, statement: &str) {
        let output =
            Command::new("sqlite3").arg(self.database()).arg(statement).output().expect("sqlite3 is installed");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn examined(&self) -> Said {
        let output = tokio::time::timeout(std::time::Duration::from_secs(60), self.command("doctor").output());
        let output = output.await.expect("it takes no minute").expect("it can be run");
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(!out.contains("hunter2") && !err.contains("hunter2") && !err.contains("panicked"), "{out}{err}");
        Said { code: output.status.code(), lines: out.lines().map(str::to_owned).collect() }
    }
}

#[tokio::test]
async fn what_is_well_is_said_to_be_and_stays_as_it_is() {
    // Before the first start, and after it.
    let setup = Setup::new();
    let said = setup.examined().await;
    said.has("ok", "database", &["chat.db", "not there yet"]);
    let entries = |folder: PathBuf| folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path());
    let made: Vec<_> = entries(setup.path().to_owned()).collect();
    assert!(made.is_empty(), "folders that root makes are closed to the hub's user: {made:?}");
    let setup = setup.migrated().await;
    std::fs::create_dir(setup.path().join("media")).expect("a folder");
    let said = setup.examined().await;
    for (subject, words) in [
        ("settings", &[][..]),
        ("secrets", &["none of them easy"]),
        ("listen", &["free"]),
        ("disk", &["the database"]),
        ("disk", &["images"]),
        ("open files", &[]),
        ("database", &["takes writes"]),
        ("schema", &["up to date"]),
        ("clock", &[]),
        ("quick_check", &[]),
        ("images", &["writes, reads and deletes"]),
        ("certificates", &["authorities"]),
        ("NATS", &["not used"]),
        ("webhooks", &["none"]),
    ] {
        said.has("ok", subject, words);
    }
    assert_eq!(said.code, Some(0));
    let left: Vec<_> = entries(setup.path().join("media")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_hub_that_runs_is_well_and_goes_on() {
    let hub = Hub::set(&[("JWT_SECRET", STRONG)]).await;
    // Whatever answers is a receiver that can be reached.
    let made = json!({"url": format!("http://{}/hook", hub.address()), "types": ["thread.created"]});
    let id = number(&hub.staff().post("/admin/webhooks", &made).await.is(201), "id");
    let mut setup = Setup::new();
    setup.settings = hub.launch.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let setup = setup.set("CHAT_LISTEN", &hub.address().to_string());
    let said = setup.examined().await;
    said.has("ok", "listen", &["this hub, if it runs"]);
    said.has("ok", "database", &["takes writes"]);
    said.has("ok", "webhooks", &[&id.to_string(), "can be reached"]);
    hub.person(42).connect().await.sends_to(&hub.person(7), "and it goes on").await;
}

#[tokio::test]
async fn wrong_settings_are_found() {
    for (settings, state, subject, words) in [
        (&[("CHAT_LISTEN", "nonsense")][..], "broken", "settings", &["CHAT_LISTEN"][..]),
        (&[("JWT_SECRET", "hunter2")], "broken", "settings", &["JWT_SECRET", "openssl rand"]),
        (&[("JWT_SECRET", ""), ("CHAT_LISTEN", "0.0.0.0:0")], "broken", "settings", &["loopback"]),
        (&[("CHAT_TLS_CERT", "no.pem"), ("CHAT_TLS_KEY", "no.pem")], "broken", "settings", &["no.pem"]),
        (&[("CHAT_RATE_LIMT", "5")], "warning", "settings", &["CHAT_RATE_LIMT", "CHAT_RATE_LIMIT"]),
        (&[("JWT_SECRET", "")], "warning", "secrets", &["development mode"]),
        (
            &[("JWT_SECRET", "hunter2 hunter2 hunter2 hunter2 hunter2")],
            "warning",
            "secrets",
            &["JWT_SECRET", "openssl rand"],
        ),
        // An address of documentation is no machine's.
        (&[("CHAT_LISTEN", "192.0.2.1:8080")], "broken", "listen", &["192.0.2.1:8080", "CHAT_LISTEN"]),
    ] {
        Setup::with(settings).examined().await.has(state, subject, words);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_found() {
    let away = Setup::with(&[("DATABASE_URL", "mysql://chat:hunter2@127.0.0.1:1/chat")]).examined().await;
    away.has("broken", "database", &["127.0.0.1:1"]);
    let absent = Setup::with(&[("DATABASE_URL", "sqlite://none.db")]).examined().await;
    absent.has("broken", "database", &["none.db", "mode=rwc"]);
    let setup = Setup::new();
    std::fs::write(setup.database(), "this is no database, but a text of some length ".repeat(100)).expect("written");
    setup.examined().await.has("broken", "database", &["chat.db"]);
}

#[tokio::test]
async fn a_schema_that_is_not_the_hubs_is_found() {
    let empty = Setup::new();
    std::fs::write(empty.database(), "").expect("written");
    empty.examined().await.has("warning", "schema", &["softadastra-chat migrate"]);
    let newer = Setup::new().migrated().await;
    newer.sql("INSERT INTO seaql_migrations VALUES ('m20991231_000001_later', 0)");
    newer.examined().await.has("broken", "schema", &["m20991231_000001_later", "later version"]);
    let gone = Setup::new().migrated().await;
    gone.sql("DELETE FROM hub_state");
    gone.examined().await.has("broken", "schema", &["hub_state", "restore a backup"]);
    let torn = Setup::new().migrated().await;
    torn.sql("INSERT INTO hub_commits (commit_no, nonce, node, at, threads, users) VALUES (5, 1, 'a', 0, '[]', '[]')");
    torn.examined().await.has("broken", "schema", &["different moments", "hub_commits", "from one backup"]);
}

#[tokio::test]
async fn a_clock_that_is_behind_what_was_written_is_found() {
    let setup = Setup::new().migrated().await;
    setup.sql("UPDATE hub_state SET newest_at = newest_at + (unixepoch() + 3600) * 1000");
    setup.examined().await.has("warning", "clock", &["behind", "NTP"]);
}

#[tokio::test]
async fn a_damaged_file_is_found() {
    let setup = Setup::new().migrated().await;
    setup.sql(
        "PRAGMA wal_checkpoint(TRUNCATE); CREATE TABLE filler (id INTEGER PRIMARY KEY, text TEXT); \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
         INSERT INTO filler SELECT i, hex(randomblob(500)) FROM n; PRAGMA wal_checkpoint(TRUNCATE)",
    );
    let mut file = std::fs::OpenOptions::new().write(true).open(setup.database()).expect("it is there");
    let length = file.metadata().expect("it is there").len();
    file.seek(SeekFrom::Start(length / 8_192 * 4_096)).expect("a place");
    file.write_all(&[0xa5; 16 * 4_096]).expect("written");
    drop(file);
    setup.examined().await.has("broken", "quick_check", &["restore a backup"]);
}

#[tokio::test]
async fn a_machine_without_certificates_on_which_no_hub_starts_is_found() {
    let setup = Setup::with(&[("SSL_CERT_FILE", "/dev/null")]);
    setup.examined().await.has("broken", "certificates", &["ca-certificates"]);
    let output = in_time("the end of the hub", setup.command("serve").output()).await.expect("it can be run");
    assert!(!output.status.success(), "it serves: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn too_few_open_files_are_found() {
    let mut setup = Setup::new().migrated().await;
    setup.before = "ulimit -n 120";
    setup.examined().await.has("broken", "open files", &["120", "LimitNOFILE"]);
    setup.before = "ulimit -n 300";
    let setup = setup.set("CHAT_MAX_CONNECTIONS", "10000");
    setup.examined().await.has("warning", "open files", &["300", "CHAT_MAX_CONNECTIONS"]);
}

#[tokio::test]
async fn a_store_of_images_that_cannot_be_used_is_found() {
    let setup = Setup::with(&[("CHAT_MEDIA_URL", "file:taken/media")]);
    std::fs::write(setup.path().join("taken"), "a file").expect("written");
    setup.examined().await.has("broken", "images", &["taken/media", "owner"]);
    let away = [
        ("CHAT_MEDIA_URL", "s3://bucket/chat"),
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ];
    Setup::with(&away).examined().await.has("broken", "images", &["AWS_"]);
    let vain = Setup::with(&[("CHAT_MEDIA_REDIRECT", "true")]).examined().await;
    vain.has("warning", "images", &["CHAT_MEDIA_REDIRECT"]);
}

#[tokio::test]
async fn a_nats_that_is_away_or_forbids_something_is_found() {
    let away = Setup::with(&[("NATS_URL", "nats://chat:hunter2@127.0.0.1:1")]).examined().await;
    away.has("broken", "NATS", &["127.0.0.1:1", "NATS_URL"]);
    if !nats::wanted("a_nats_that_is_away_or_forbids_something_is_found") {
        return;
    }
    let program = nats::programs()[0].clone();
    let start = |configuration: &'static str| {
        let program = program.clone();
        tokio::task::spawn_blocking(move || Nats::with(&program, configuration))
    };
    let open = start("").await.expect("a server");
    Setup::with(&[("NATS_URL", &open.url())]).examined().await.has("ok", "NATS", &["takes and sends"]);
    let closed = start("authorization { token: right }").await.expect("a server");
    let url = closed.url().replace("nats://", "nats://hunter2@");
    Setup::with(&[("NATS_URL", &url)]).examined().await.has("broken", "NATS", &["login", "NATS_CREDS"]);
    let forbidding = start(
        "authorization { users: [{user: chat, password: right, permissions: {publish: \"other.>\", subscribe: \"other.>\"}}] }",
    );
    let forbidding = forbidding.await.expect("a server");
    let url = forbidding.url().replace("nats://", "nats://chat:right@");
    Setup::with(&[("NATS_URL", &url)]).examined().await.has("broken", "NATS", &["forbids", "chat.>"]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_or_whose_certificate_is_not_trusted_is_found() {
    let mut hub = Hub::set(&[("JWT_SECRET", STRONG)]).await;
    let (staff, mut gone) = (hub.staff(), Receiver::start().await);
    // A receiver with a certificate that it has made itself.
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a certificate")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    let mut ids = Vec::new();
    for url in [gone.url(), format!("https://127.0.0.1:{port}/hook"), "https://10.1.2.3/hook".to_owned()] {
        let made = json!({"url": url, "types": ["thread.created"]});
        let answer = staff.post("/admin/webhooks", &made).await;
        if answer.status == 201 {
            ids.push(number(&answer.body, "id").to_string());
        }
    }
    assert_eq!(ids.len(), 2, "a private address is refused");
    let off = json!({"url": gone.url(), "types": ["*"], "enabled": false});
    ids.push(number(&staff.post("/admin/webhooks", &off).await.is(201), "id").to_string());
    gone.goes();
    hub.kill().await;
    let mut setup = Setup::new();
    setup.settings = hub.launch.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let said = setup.set("CHAT_LISTEN", "127.0.0.1:0").examined().await;
    said.has("broken", "webhooks", &[&ids[0], "cannot be reached"]);
    said.has("broken", "webhooks", &[&ids[1], "certificate"]);
    said.has("warning", "webhooks", &[&ids[2], "disabled"]);
    accepting.abort();
}
