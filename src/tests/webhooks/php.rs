//! The marketplace's side in PHP: `integrations/php`, under PHP's own server.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::support::person::{number, text};
use crate::support::{Hub, until};

/// PHP's server, which ends when it is dropped.
struct Php(Child);

impl Drop for Php {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn integrations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("integrations/php")
}

/// Runs a line of PHP with the helper, and returns what it prints.
fn php(line: &str, arguments: &[&str]) -> String {
    let code = format!("require '{}/softadastra-chat.php'; {line}", integrations().display());
    let output = Command::new("php").args(["-r", &code, "--"]).args(arguments).output().expect("php is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn the_example_in_php_hears_every_event_verified() {
    let hub = Hub::start().await;
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}/hook");
    let made = hub.staff().post("/admin/webhooks", &json!({"url": url, "types": ["*"]})).await.is(201);
    let log = hub.folder().path().join("heard.log");
    let serving = Command::new("php")
        .args(["-S", &format!("127.0.0.1:{port}")])
        .arg(integrations().join("example/index.php"))
        .env("WEBHOOK_SECRET", text(&made, "secret"))
        .env("HEARD_LOG", &log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("php is installed");
    let _php = Php(serving);
    // The users' tokens and tickets are PHP's, too.
    let token = php("echo chat_token(42, $argv[1]);", &[hub.secret()]);
    let ticket = php("echo chat_ticket(7, $argv[1]);", &[hub.secret()]);
    let alice = hub.person_with(42, &token);
    assert_eq!(alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.status, 101);
    let mut laptop = alice.connect().await;
    let ack = laptop.sends_to(&hub.person(7), "Bonjour, c'est encore là ?").await;
    let notify =
        "echo chat_notify($argv[1], $argv[2], ['user_id' => 7, 'type' => 'order', 'title' => 'Paid', 'body' => '']);";
    let count = php(notify, &[&format!("http://{}", hub.address()), hub.secret()]);
    assert_eq!(count, "1");
    let heard = until("what PHP heard", || async {
        let heard = std::fs::read_to_string(&log).unwrap_or_default();
        (heard.lines().count() >= 3).then_some(heard)
    })
    .await;
    for wanted in [
        "thread.created",
        "notification.created",
        "Bonjour, c'est encore là ?",
        &format!("_m{}_c", number(&ack, "message_id")),
    ] {
        assert!(heard.contains(wanted), "{wanted} is not in\n{heard}");
    }
}
