//! The marketplace's side in PHP: `integrations/php`, under PHP's own server.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::person::{array, number, text};
use crate::support::{Hub, until, until_within, usual_or_long};

/// The example, which ends when it is dropped.
struct Example {
    child: Child,
    address: SocketAddr,
    /// What it has heard.
    log: PathBuf,
}

/// What the example has heard of: an event.
struct Heard {
    id: String,
    kind: String,
    data: Value,
}

impl Example {
    /// Starts it, and waits until it listens.
    async fn start(hub: &Hub, address: SocketAddr, secret: &str) -> Self {
        let log = hub.folder().path().join("heard.log");
        let child = Command::new("php")
            .args(["-S", &address.to_string()])
            .arg(integrations().join("example/index.php"))
            .envs([("WEBHOOK_SECRET", secret), ("JWT_SECRET", hub.secret())])
            .env("HUB", format!("http://{}", hub.address()))
            .env("HEARD_LOG", &log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("php is installed");
        let example = Self { child, address, log };
        until("PHP listens", || async { TcpStream::connect(address).ok() }).await;
        example
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn heard(&self) -> Vec<Heard> {
        heard(&self.log)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn heard(log: &Path) -> Vec<Heard> {
    let read = std::fs::read_to_string(log).unwrap_or_default();
    let event = |line: &str| {
        let mut parts = line.splitn(3, ' ').map(str::to_owned);
        let (id, kind, data) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Heard { id, kind, data: serde_json::from_str(&data).ok()? })
    };
    read.lines().map(|line| event(line).unwrap_or_else(|| panic!("no event: {line}"))).collect()
}

fn integrations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("integrations/php")
}

/// Returns where a server may listen.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address")
}

/// Makes a webhook for an address; returns its secret.
async fn webhook(hub: &Hub, address: SocketAddr) -> String {
    let body = json!({"url": format!("http://{address}/hook"), "types": ["*"]});
    text(&hub.staff().post("/admin/webhooks", &body).await.is(201), "secret").to_owned()
}

/// Runs a line of PHP with the helper, and returns what it prints.
fn php(line: &str, arguments: &[&str]) -> String {
    let code = format!("require '{}/softadastra-chat.php'; {line}", integrations().display());
    let output = Command::new("php").args(["-r", &code, "--"]).args(arguments).output().expect("php is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

async fn body(answer: reqwest::Response) -> String {
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.text().await.expect("a text")
}

#[tokio::test]
async fn the_example_in_php_shows_a_shop_and_hears_every_event_verified() {
    let hub = Hub::start().await;
    let (core, address) = (hub.core(), free_address());
    let secret = webhook(&hub, address).await;
    let example = Example::start(&hub, address, &secret).await;
    let start = core.get("/internal/events").await.is(200);
    let http = reqwest::Client::new();

    // Two profiles, a card, and a conversation about it; once, however often it is asked for.
    let shop = async || body(http.post(example.url("/shop")).send().await.expect("an answer")).await;
    let opened = shop().await;
    assert!(opened.starts_with("profiles changed: 2, cards changed: 1, conversation: "), "{opened}");
    let again = shop().await;
    assert!(again.starts_with("profiles changed: 0, cards changed: 0, conversation: "), "{again}");
    let page = body(http.get(example.url("/")).send().await.expect("an answer")).await;
    for wanted in ["Alice Amani", "Bob Mwamba", "Brass lamp", "Bob has a question", "Bob a une question", "(1 unread)"]
    {
        assert!(page.contains(wanted), "{wanted} is not in\n{page}");
    }
    // The links of the page let each user in.
    let tokens: Vec<&str> =
        page.split("/#token=").skip(1).map(|rest| rest.split("&amp;").next().expect("a part")).collect();
    let (alice, bob) = (hub.person_with(1, tokens[0]), hub.person_with(2, tokens[1]));
    let shown = &bob.history_with(&alice).await[0];
    assert_eq!((&shown["kind"], &shown["card"]["title"]), (&json!("system"), &json!("Brass lamp")));

    // Tokens, tickets and notifications are PHP's, too.
    let token = php("echo chat_token(2, $argv[1]);", &[hub.secret()]);
    let ticket = php("echo chat_ticket(1, $argv[1]);", &[hub.secret()]);
    assert_eq!(alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.status, 101);
    let ack = hub.person_with(2, &token).connect().await.sends_to(&alice, "Bonjour, c'est encore là ?").await;
    let notify =
        "echo chat_notify($argv[1], $argv[2], ['user_id' => 2, 'type' => 'order', 'title' => 'Paid', 'body' => '']);";
    let url = format!("http://{}", hub.address());
    assert_eq!(php(notify, &[&url, hub.secret()]), "1");
    let cursor = text(&start, "cursor");
    let told = php("echo json_encode(chat_events($argv[1], $argv[2], $argv[3]));", &[&url, hub.secret(), cursor]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let told: BTreeSet<&str> = array(&told, "events").iter().map(|event| text(event, "id")).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let heard =
        until("all that the feed tells", || async { Some(example.heard()).filter(|heard| heard.len() >= told.len()) })
            .await;
    assert_eq!(heard.iter().map(|event| event.id.as_str()).collect::<BTreeSet<_>>(), told);
    let said = heard.iter().find(|event| event.id.ends_with(&format!("_m{}_c", number(&ack, "message_id"))));
    let said = said.expect("the message was heard");
    assert_eq!(
        (said.kind.as_str(), &said.data["message"]["content"]),
        ("message.created", &json!("Bonjour, c'est encore là ?"))
    );

    // What is not signed by the hub is not written.
    let forged = http.post(example.url("/hook")).body("{}").send().await.expect("an answer");
    assert_eq!((forged.status().as_u16(), example.heard().len()), (400, 4));
}

/// The hub and the receiver are killed in turn while users write: each event is written once, in the order of the thread.
#[tokio::test]
async fn nothing_is_missing_after_the_hub_and_the_example_were_killed_in_turn() {
    let mut hub = Hub::start().await;
    let (alice, bob, address) = (hub.person(42), hub.person(7), free_address());
    let secret = webhook(&hub, address).await;
    let mut example = Example::start(&hub, address, &secret).await;
    let mut sent = 0;
    for _ in 0..usual_or_long(2, 20) {
        let mut laptop = alice.connect().await;
        for _ in 0..5 {
            laptop.sends_to(&bob, &sent.to_string()).await;
            sent += 1;
        }
        hub.kill().await;
        hub.restart().await;
        let mut laptop = alice.connect().await;
        drop(example);
        for _ in 0..5 {
            laptop.sends_to(&bob, &sent.to_string()).await;
            sent += 1;
        }
        example = Example::start(&hub, address, &secret).await;
    }
    // Besides the messages there is the thread.
    let heard = until_within(Duration::from_secs(60), "every event", || async {
        Some(example.heard()).filter(|heard| heard.len() > sent)
    })
    .await;
    assert_eq!(heard.len(), sent + 1);
    assert_eq!(heard.iter().map(|event| &event.id).collect::<BTreeSet<_>>().len(), sent + 1, "each of them once");
    assert_eq!(heard[0].kind, "thread.created");
    let texts = heard[1..].iter().map(|event| text(&event.data["message"], "content").to_owned());
    assert!(texts.eq((0..sent).map(|number| number.to_string())), "in the order of the thread");
}

/// Runs the check of what PHP 7.4 does not know; returns what it prints.
fn newer_than_7_4(files: &[PathBuf]) -> Option<String> {
    let output =
        Command::new("php").arg(integrations().join("seven-four.php")).args(files).output().expect("php is installed");
    assert!(output.stderr.is_empty(), "{output:?}");
    (!output.status.success()).then(|| String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn the_helper_has_nothing_that_php_7_4_does_not_know() {
    let files = ["softadastra-chat.php", "example/index.php"].map(|file| integrations().join(file));
    assert_eq!(newer_than_7_4(&files), None);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("newer.php");
    for newer in [
        "$x = match (1) { 1 => 2 };",
        "$a?->b();",
        "$x = $y ?? throw new Exception();",
        "f(a: 1);",
        "function f(int|string $a) {}",
        "function f(mixed $a) {}",
        "function f($a,) {}",
        "function f($a = new B) {}",
        "function f(): static {}",
        "function f(): int|null {}",
        "class A { function __construct(private $a) {} }",
        "class A { public int|string $a; }",
        "class A { public readonly int $a; }",
        "enum A { case B; }",
        "try {} catch (E) {}",
        "$f = strlen(...);",
        "$a::class;",
        "#[A] function f() {}",
        "echo str_contains('a', 'b');",
    ] {
        std::fs::write(&file, format!("<?php\n{newer}\n")).expect("it is written");
        assert!(newer_than_7_4(std::slice::from_ref(&file)).is_some(), "{newer}");
    }
}
