//! `softadastra-chat users`, `threads` and `audit`, beside a hub that runs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::{Value, json};

use super::FAR;
use crate::support::person::{number, text};
use crate::support::{Hub, until};

async fn run(hub: &Hub, line: &str) -> Output {
    let mut command = tokio::process::Command::new(crate::support::hub::program());
    command.args(line.split(' ')).envs(&hub.launch.settings).env("USER", "ops").env_remove("SUDO_USER");
    command.current_dir(hub.folder().path()).output().await.expect("the program runs")
}

async fn prints(hub: &Hub, line: &str) -> String {
    let output = run(hub, line).await;
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

async fn object(hub: &Hub, line: &str) -> Value {
    serde_json::from_str(&prints(hub, line).await).expect("JSON")
}

#[tokio::test]
async fn users_are_restricted_at_the_machine_whatever_http_allows() {
    let hub = Hub::set(&[("CHAT_ADMIN", "off")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "hello").await;
    let suspended = object(&hub, &format!("users suspend 42 --until {FAR} --reason spam")).await;
    assert_eq!((&suspended["user_id"], &suspended["suspended_until"]), (&json!(42), &json!(FAR)));
    // The next commit knows.
    let send = json!({"type": "message_send", "receiver_id": 7, "temp_id": "s-1", "content": "spam"});
    laptop.is_refused(send, "suspended").await;
    let shown = object(&hub, "users show 42").await;
    assert_eq!((&shown["restriction"]["reason"], &shown["online"]), (&json!("spam"), &Value::Null));
    object(&hub, "users restore 42 --reason sorry").await;
    laptop.sends_to(&bob, "thank you").await;
    object(&hub, "users end-sessions 42 --reason stolen").await;
    laptop.is_closed_with(4505).await;
    until("the token is refused", || async { (alice.get("/chat/threads").await.status == 401).then_some(()) }).await;

    let thread = number(&bob.thread_with(&alice).await, "id");
    let lines = prints(&hub, &format!("threads show {thread} --reason report-12")).await;
    let contents: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["content"].clone()).collect();
    assert_eq!(contents, ["hello", "thank you"]);
    for line in
        ["users suspend 42 --until 7d", "users restore 42", "threads show 1", "users suspend 42 --until x --reason y"]
    {
        assert!(!run(&hub, line).await.status.success(), "{line}");
    }
}

/// What stands in for systemd: it keeps what it was told, hands over the credentials that it can read, and runs the command.
const SYSTEMD_RUN: &str = r#"#!/bin/bash
printf '%s\n' "$@" >"$STAND_IN/told"
export CREDENTIALS_DIRECTORY=$STAND_IN/credentials
while [ "$1" != -- ]; do
    case "$1" in --property=LoadCredential=variables:*) cp "${1#*:}" "$CREDENTIALS_DIRECTORY/variables" ;; esac
    shift
done
shift
exec env -i "PATH=$PATH" "CREDENTIALS_DIRECTORY=$CREDENTIALS_DIRECTORY" USER=softadastra-chat "${@//\$\$/\$}"
"#;

/// The audit log once named the service's own user in every row; and systemd tells every user of the machine the variables of a unit.
#[tokio::test]
async fn the_packages_command_names_the_operator_and_tells_systemd_no_password() {
    let hub = Hub::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("credentials")).expect("a folder");
    std::fs::write(at("systemd-run"), SYSTEMD_RUN).expect("a script");
    std::os::unix::fs::symlink(crate::support::hub::program(), at("softadastra-chat")).expect("a link");
    let settings = format!("database-url = {:?}\n", hub.launch.settings["DATABASE_URL"]);
    std::fs::write(at("credentials/config.toml"), settings).expect("settings");
    for private in [at("systemd-run"), at("credentials/config.toml")] {
        std::fs::set_permissions(private, Permissions::from_mode(0o700)).expect("a mode");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
    let chatctl = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/softadastra-chatctl");
    let runs = async |sudo: Option<&str>, user: &str| {
        let mut command = tokio::process::Command::new(chatctl);
        command.args(["users", "suspend", user, "--until", "7d", "--reason", "it's $5, \"100 %\""]);
        command.env("PATH", &path).env("STAND_IN", folder.path()).current_dir(hub.folder().path());
        command
            .env("CHAT_IMPORT_FROM", "mysql://reader:hunter'2@127.0.0.1/shop")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2");
        match sudo {
            Some(name) => command.env("SUDO_USER", name),
            None => command.env_remove("SUDO_USER"),
        };
        let output = command.output().await.expect("the program runs");
        assert!(output.status.success(), "{output:?}");
        let told = std::fs::read_to_string(at("told")).expect("what systemd was told");
        assert!(told.contains("DynamicUser") && !told.contains("hunter"), "{told}");
        let handed = std::fs::read_to_string(at("credentials/variables")).expect("the variables");
        assert!(handed.contains("CHAT_IMPORT_FROM") && handed.contains("AWS_SECRET_ACCESS_KEY"), "{handed}");
    };
    runs(Some("amina"), "7").await;
    runs(None, "8").await;
    let rows = hub.staff().get("/admin/audit").await.is(200);
    let by = |whom: &str| {
        let row = rows["entries"].as_array().expect("rows").iter().find(|row| row["whom"] == whom).expect("the row");
        (text(row, "who").to_owned(), text(row, "why").to_owned())
    };
    assert_eq!(by("user:7"), ("operator:amina".to_owned(), "it's $5, \"100 %\"".to_owned()));
    let me = tokio::process::Command::new("id").arg("-un").output().await.expect("a name").stdout;
    assert_eq!(by("user:8").0, format!("operator:{}", String::from_utf8_lossy(&me).trim_end()));
}

#[tokio::test]
async fn a_webhook_that_is_made_at_the_machine_has_its_address_in_the_log() {
    let hub = Hub::start().await;
    assert!(!run(&hub, "webhooks add --url https://shop:hunter2@shop.example/").await.status.success());
    prints(&hub, "webhooks add --url http://127.0.0.1:9/hook --types message.created").await;
    let rows = hub.staff().get("/admin/audit").await.is(200);
    let added: Vec<&Value> =
        rows["entries"].as_array().expect("rows").iter().filter(|row| row["what"] == "webhook.add").collect();
    assert_eq!(added.len(), 1, "what is refused is not noted: {rows}");
    assert_eq!(added[0]["detail"], r#"{"types":["message.created"],"url":"http://127.0.0.1:9/hook"}"#);
}

/// In another folder, or without the hub's settings, the commands made an empty database and were content with it.
#[tokio::test]
async fn without_the_hubs_database_nothing_is_done_and_none_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for line in ["users suspend 42 --until 7d --reason spam", "audit verify", "webhooks list", "webhooks remove 1"] {
        let mut command = tokio::process::Command::new(crate::support::hub::program());
        let output = command.args(line.split(' ')).env_clear().current_dir(folder.path()).output().await;
        let output = output.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("DATABASE_URL") && said.contains("chat.db"),
            "{line}: {said}"
        );
        assert!(!folder.path().join("data/chat.db").exists(), "{line} made a database");
    }
}

#[tokio::test]
async fn the_audit_log_is_verified_at_the_machine() {
    let hub = Hub::start().await;
    let staff = hub.staff();
    for user in 1..=9 {
        prints(&hub, &format!("users suspend {user} --until 7d --reason spam")).await;
    }
    let verified = object(&hub, "audit verify").await;
    assert_eq!((&verified["first"], text(&verified, "hash").len()), (&json!(1), 64));
    let rows = staff.get("/admin/audit?limit=50").await.is(200);
    let row = rows["entries"].as_array().expect("rows").iter().find(|row| row["whom"] == "user:5").expect("the row");
    assert_eq!((&row["who"], &row["from"], &row["why"]), (&json!("operator:ops"), &Value::Null, &json!("spam")));
    let id = number(row, "id");

    let file =
        hub.launch.settings["DATABASE_URL"].trim_start_matches("sqlite://").split('?').next().unwrap_or_default();
    let database = rusqlite::Connection::open(hub.folder().path().join(file)).expect("the hub's file");
    database.busy_timeout(crate::support::DEADLINE).expect("a timeout");
    let says = async |sql: &str, fault: &str| {
        database.execute_batch(sql).expect("the row is there");
        let output = run(&hub, "audit verify").await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(fault), "{said}");
    };
    let set = |whom: &str| format!("UPDATE audit_log SET whom = '{whom}' WHERE id = {id}");
    let columns = "at, who, what, whom, source, why, detail, previous, hash";
    let behind = format!("INSERT INTO audit_log (id, {columns}) SELECT 5000, {columns} FROM audit_log WHERE id = {id}");
    says(&behind, "to 5000 was put in").await;
    says(&format!("DELETE FROM audit_log WHERE id = 5000; {}", set("user:99")), &format!("row {id} was changed")).await;
    let swap = format!(
        "{}; UPDATE audit_log SET id = 1000 WHERE id = {id}; UPDATE audit_log SET id = {id} WHERE id = {id} + 1; \
         UPDATE audit_log SET id = {id} + 1 WHERE id = 1000",
        set("user:5")
    );
    says(&swap, &format!("row {} does not follow", id + 1)).await;
    says(&format!("DELETE FROM audit_log WHERE id = {id}"), &format!("row {id} is missing")).await;
}
