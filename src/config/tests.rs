use chat_actors::hub::{Rate, Rates};
use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::cli::Cli;

const SECRET: &str = "an honest secret of more than thirty-two bytes";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn config(flags: &[&str], folder: &Path) -> Result<Config, ConfigErrors> {
    let cli = Cli::try_parse_from(["chat"].iter().chain(flags)).expect("flags that can be read");
    Config::from_args_in(&cli.serve, folder)
}

fn problem(flags: &[&str]) -> String {
    let folder = folder();
    let problems = config(flags, folder.path()).expect_err(&format!("{flags:?}")).to_string();
    assert!(folder.path().read_dir().expect("a folder").next().is_none(), "nothing was written");
    problems
}

#[test]
fn nothing_at_all_is_development_mode() {
    let folder = folder();
    let first = config(&["--listen", "127.0.0.1:0"], folder.path()).expect("development mode");
    let secret = first.development.expect("a secret").secret().to_owned();
    assert!(secret.len() >= 64, "the secret is too long to be guessed");
    let again = config(&["--listen", "[::1]:0"], folder.path()).expect("development mode");
    assert_eq!(again.development.expect("a secret").secret(), secret, "it is kept");
    let file = std::fs::metadata(folder.path().join("development.secret")).expect("a file");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
}

#[test]
fn development_mode_stays_on_loopback() {
    let problem = problem(&["--listen", "0.0.0.0:8080"]);
    assert!(problem.contains("development mode") && problem.contains("JWT_SECRET"), "{problem}");
    config(&["--listen", "0.0.0.0:8080", "--jwt-secret", SECRET], folder().path()).expect("with a key, anywhere");
}

#[test]
fn a_node_has_a_name_that_fits_into_a_subject_and_each_start_is_another_process() {
    let name = |name| config(&["--jwt-secret", SECRET, "--node-name", name], folder().path());
    let [one, other] = [(); 2].map(|()| name("left").expect("a name").hub.node);
    assert_eq!((&**one.name(), one == other), ("left", false));
    let problem = problem(&["--jwt-secret", SECRET, "--node-name", "a.b"]);
    assert!(problem.contains("CHAT_NODE_NAME") && problem.contains(r#""a.b""#), "{problem}");
}

#[test]
fn the_defaults_are_those_of_the_protocol() {
    let config = config(&["--jwt-secret", SECRET], folder().path()).expect("good");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.max_connections, 15_000);
    assert_eq!(config.drain, Duration::from_secs(20));
    assert_eq!(config.media, "file:data/media".parse().expect("a place"));
    let hub = config.hub;
    assert_eq!((hub.limits.frame_bytes, hub.limits.text_chars, hub.limits.images), (65_536, 4_000, 10));
    assert_eq!((hub.limits.in_flight, hub.limits.rate, hub.burst), (16, Some(20.0), 60));
    assert_eq!(hub.connections_per_user, 10);
    let minute = Duration::from_secs(60);
    let usual = Rates {
        changes: Some(Rate::per_second(20.0, 60)),
        receipts: Some(Rate::per_second(200.0, 1_000)),
        queries: Some(Rate::per_second(100.0, 500)),
        typing: Some(Rate::within(minute, 60.0)),
        new_threads: [Some(Rate::within(minute, 20.0)), Some(Rate::within(minute * 60 * 24, 200.0))],
        unauthenticated: None,
    };
    assert_eq!(hub.rates, usual);
    let images = &hub.images;
    assert_eq!((images.bounds.bytes, images.bounds.pixels, images.bounds.side), (10_000_000, 40_000_000, 12_000));
    assert_eq!((images.files_per_minute, images.burst), (Some(60.0), 100));
    assert_eq!(images.orphans_stay, Duration::from_secs(24 * 3_600));
    assert_eq!((images.memory, images.unsent, images.unsent_bytes), (768_000_000, 200, 200_000_000));
    assert_eq!((hub.edit_window, hub.heartbeat), (Duration::from_secs(900), Duration::from_secs(25)));
}

#[test]
fn a_load_test_switches_every_limit_of_rate_off_at_once_and_may_set_single_ones() {
    let rates = |flags: &[&str]| {
        let flags: Vec<_> = ["--jwt-secret", SECRET].iter().chain(flags).copied().collect();
        config(&flags, folder().path()).expect("good").hub.rates
    };
    assert_eq!(rates(&["--rate-limit", "off"]), Rates::OFF);
    let five = Some(Rate::within(Duration::from_secs(60), 5.0));
    let set = rates(&["--rate-limit", "off", "--new-conversations-per-minute", "5"]);
    assert_eq!(set, Rates { new_threads: [five, None], ..Rates::OFF });
    for (flag, lifted) in [
        ("--edit-rate", Rates { changes: None, ..rates(&[]) }),
        ("--receipt-rate", Rates { receipts: None, ..rates(&[]) }),
        ("--query-rate", Rates { queries: None, ..rates(&[]) }),
        ("--typing-per-minute", Rates { typing: None, ..rates(&[]) }),
        ("--new-conversations-per-minute", Rates { new_threads: [None, rates(&[]).new_threads[1]], ..rates(&[]) }),
        ("--new-conversations-per-day", Rates { new_threads: [rates(&[]).new_threads[0], None], ..rates(&[]) }),
    ] {
        assert_eq!(rates(&[flag, "off"]), lifted, "{flag}");
    }
    assert_eq!(rates(&["--edit-rate", "3", "--edit-burst", "7"]).changes, Some(Rate::per_second(3.0, 7)));
}

#[test]
fn the_described_defaults_of_rates_are_those_that_hold() {
    let rates = |flags: &[&str]| {
        let flags: Vec<_> = ["--jwt-secret", SECRET].iter().chain(flags).copied().collect();
        config(&flags, folder().path()).expect("good").hub.rates
    };
    let table = crate::cli::settings::table();
    for flag in [
        "--edit-rate",
        "--receipt-rate",
        "--query-rate",
        "--typing-per-minute",
        "--new-conversations-per-minute",
        "--new-conversations-per-day",
    ] {
        let row = table.lines().find(|row| row.contains(&format!("`{flag} "))).expect(flag);
        let described = row.split(" | ").nth(2).expect("a default");
        assert_eq!(rates(&[flag, described]), rates(&[]), "{flag} {described}");
    }
}

#[test]
fn base_paths_are_normalised() {
    for (text, path) in [("", ""), ("/", ""), ("api", "/api"), ("/api/", "/api"), ("//api/v1//", "/api/v1")] {
        let config = config(&["--jwt-secret", SECRET, "--base-path", text], folder().path()).expect(text);
        assert_eq!(config.base_path, path, "{text}");
    }
}

#[test]
fn links_of_images_stand_under_the_address_that_browsers_see() {
    for (flags, prefix) in [
        (&[][..], ""),
        (&["--base-path", "/api"], "/api"),
        (&["--base-path", "/api", "--public-url", "https://chat.example"], "https://chat.example/api"),
        (&["--base-path", "/api", "--public-url", "https://chat.example/api/"], "https://chat.example/api"),
        (&["--public-url", "https://chat.example:8443/"], "https://chat.example:8443"),
    ] {
        let flags: Vec<_> = ["--jwt-secret", SECRET].iter().chain(flags).copied().collect();
        assert_eq!(config(&flags, folder().path()).expect("good").hub.images.links.prefix, prefix, "{flags:?}");
    }
}

#[test]
fn a_link_is_signed_with_another_secret_than_a_ticket() {
    let secret = |flags: &[&str]| config(flags, folder().path()).expect("good").hub.images.links.secret;
    let other = "another secret of more than thirty-two bytes";
    assert_eq!(secret(&["--jwt-secret", SECRET]), secret(&["--jwt-secret", SECRET]), "the same on every node");
    assert_eq!(secret(&["--jwt-secret", SECRET]), secret(&["--jwt-secret", other, "--ticket-secret", SECRET]));
    assert_ne!(secret(&["--jwt-secret", SECRET]), secret(&["--jwt-secret", other]));
    assert_ne!(secret(&["--jwt-secret", SECRET])[..], SECRET.as_bytes()[..32]);
}

#[test]
fn origins_come_from_the_list_and_the_public_url() {
    let flags =
        ["--jwt-secret", SECRET, "--allowed-origins", "https://a.example, https://B.example:443,", "--public-url"];
    let flags: Vec<_> = flags.into_iter().chain(["https://chat.example/api/"]).collect();
    let config = config(&flags, folder().path()).expect("good");
    assert_eq!(config.origins, ["https://a.example", "https://b.example", "https://chat.example"]);
    assert_eq!(config.public_url.as_deref(), Some("https://chat.example/api"));
}

#[test]
fn what_cannot_be_used_is_said() {
    for (flags, word) in [
        (&["--jwt-secret", "short"][..], "32"),
        (&["--jwt-secret", "an honest secret of more than thirty-two bytes,short"], "secret 2"),
        (&["--jwt-secret", SECRET, "--ticket-secret", "short"], "CHAT_TICKET_SECRET"),
        (&["--jwt-secret", SECRET, "--jwt-public-key", "x.pem"], "exclude each other"),
        (&["--jwt-public-key", "/nowhere/x.pem"], "JWT_PUBLIC_KEY"),
        (&["--jwt-jwks", "/nowhere/x.json"], "JWT_JWKS"),
        (&["--listen", "8080"], "CHAT_LISTEN"),
        (&["--jwt-secret", SECRET, "--base-path", "/a b"], "CHAT_BASE_PATH"),
        (&["--jwt-secret", SECRET, "--base-path", "/a/../b"], "CHAT_BASE_PATH"),
        (&["--jwt-secret", SECRET, "--allowed-origins", "*"], "CHAT_ALLOWED_ORIGINS"),
        (&["--jwt-secret", SECRET, "--public-url", "chat.example"], "CHAT_PUBLIC_URL"),
        (&["--jwt-secret", SECRET, "--tls-cert", "x"], "CHAT_TLS_KEY"),
        (&["--jwt-secret", SECRET, "--tls-cert", "/nowhere/x", "--tls-key", "/nowhere/y"], "CHAT_TLS_CERT"),
        (&["--jwt-secret", SECRET, "--database-url", "oracle://x"], "DATABASE_URL"),
        (&["--jwt-secret", SECRET, "--max-frame", "1"], "CHAT_MAX_FRAME"),
        (&["--jwt-secret", SECRET, "--media-url", "data/media"], "CHAT_MEDIA_URL"),
        (&["--jwt-secret", SECRET, "--media-url", "s3://"], "CHAT_MEDIA_URL"),
        (&["--jwt-secret", SECRET, "--max-image", "1"], "CHAT_MAX_IMAGE"),
        (&["--jwt-secret", SECRET, "--image-workers", "0"], "CHAT_IMAGE_WORKERS"),
        (&["--jwt-secret", SECRET, "--image-memory", "1"], "CHAT_IMAGE_MEMORY"),
        (&["--jwt-secret", SECRET, "--max-unsent", "0"], "CHAT_MAX_UNSENT"),
        (&["--jwt-secret", SECRET, "--max-unsent-bytes", "0"], "CHAT_MAX_UNSENT_BYTES"),
        (&["--jwt-secret", SECRET, "--media-orphans", "0"], "CHAT_MEDIA_ORPHANS"),
        (&["--jwt-secret", SECRET, "--heartbeat", "0"], "CHAT_HEARTBEAT"),
        (&["--jwt-secret", SECRET, "--workers", "0"], "CHAT_WORKERS"),
    ] {
        let problem = problem(flags);
        assert!(problem.contains(word), "{flags:?}: {problem}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let problem = problem(&["--listen", "x", "--base-path", "/a b", "--database-url", "x", "--jwt-secret", "y"]);
    for word in ["CHAT_LISTEN", "CHAT_BASE_PATH", "DATABASE_URL", "JWT_SECRET"] {
        assert!(problem.contains(word), "{word}: {problem}");
    }
}

#[test]
fn no_secret_is_printed() {
    let flags = ["--jwt-secret", SECRET, "--database-url", "mysql://chat:hunter2@db/chat"];
    let others = ["--ticket-secret", SECRET, "--nats-url", "nats://hunter2@n", "--media-url", "s3://k:hunter2@b"];
    let cli = Cli::try_parse_from(["chat"].into_iter().chain(flags).chain(others)).expect("good");
    let migrate = Cli::try_parse_from(["chat", "migrate", flags[2], flags[3]]).expect("good");
    let config = config(&flags, folder().path()).expect("good");
    for text in [format!("{cli:?}"), format!("{migrate:?}"), format!("{config:?}")] {
        assert!(!text.contains("honest") && !text.contains("hunter2"), "{text}");
    }
}
