//! nginx as Debian packages it, with the site of `packaging/nginx/`: TLS, the base path, both sockets, the largest uploads, addresses of
//! clients, and restarts of the hubs behind it.
//!
//! Runs with `CHAT_TEST_NGINX=1`.

mod front;
mod restarts;

use std::net::Ipv4Addr;
use std::time::Duration;

use chat_testkit::nginx::wanted;
use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::audit;
use crate::images::form::{Form, content_type};
use crate::images::picture::small;
use crate::support::{Hub, Person, until};
use front::{Front, NAME, ask, tcp};

/// What a hub is told that stands behind the site.
const BEHIND: [(&str, &str); 3] =
    [("CHAT_BASE_PATH", "/api"), ("CHAT_PAGE", "on"), ("CHAT_PUBLIC_URL", "https://chat.example")];

/// How long a hundred megabytes may take.
const LARGE: Duration = Duration::from_secs(120);

async fn hub(more: &[(&str, &str)]) -> Hub {
    Hub::set(&[&BEHIND[..], more].concat()).await
}

fn bearer(person: &Person) -> String {
    format!("Bearer {}", person.token)
}

#[tokio::test]
async fn the_page_requests_and_both_sockets_pass_under_the_base_path() {
    if !wanted("the_page_requests_and_both_sockets_pass_under_the_base_path") {
        return;
    }
    let hub = hub(&[]).await;
    let front = Front::before(&[hub.address()]);
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = front.opens(&alice, "/api/chat").await;
    let mut desk = front.opens(&bob, "/api/chat").await;
    let mut bell = front.opens(&bob, "/api/notifications").await;
    laptop.sends_to(&bob, "through nginx").await;
    desk.receives("through nginx").await;
    laptop.says(json!({"type": "echo", "data": "x".repeat(40_000)})).await;
    laptop.expect("echo").await;
    let paid = json!({"user_id": 7, "type": "order", "title": "Order 17 is paid", "body": ""});
    hub.core().post("/internal/notifications", &paid).await.is(202);
    bell.expect_that("the order", |frame| frame.to_string().contains("Order 17 is paid")).await;

    let threads = front.ask(Method::GET, "/api/chat/threads", &[("Authorization", &bearer(&bob))], b"").await;
    assert_eq!(threads.status, 200);
    assert_eq!(serde_json::from_slice::<Value>(&threads.body).expect("JSON")["threads"][0]["other_user_id"], 42);
    let page = front.ask(Method::GET, "/api/?token=hidden", &[], b"").await;
    assert!(page.status == 200 && page.header("content-type").starts_with("text/html"), "{page:?}");
    let transport: Vec<_> = page.headers.iter().filter(|(name, _)| name == "strict-transport-security").collect();
    assert_eq!(transport.len(), 1, "nginx says it, and the hub, which speaks no TLS, does not: {transport:?}");

    let mut plain = tcp(Ipv4Addr::LOCALHOST, front.http).await;
    let redirect = ask(&mut plain, Method::GET, "/api/x?y=1", &[], b"").await.expect("an answer");
    assert_eq!((redirect.status, redirect.header("location")), (301, format!("https://{NAME}/api/x?y=1").as_str()));

    let served = "\"GET /api/\" 200";
    until("the page is in nginx's log", || async { front.log().0.contains(served).then_some(()) }).await;
    let (requests, errors) = front.log();
    assert!(!requests.contains("hidden"), "a token is in nginx's log: {requests}");
    assert!(!errors.contains("[error]"), "{errors}");
}

#[tokio::test]
async fn what_is_for_the_core_and_the_staff_is_not_there_for_the_public_however_it_is_written() {
    if !wanted("what_is_for_the_core_and_the_staff_is_not_there_for_the_public_however_it_is_written") {
        return;
    }
    let hub = hub(&[]).await;
    let front = Front::before(&[hub.address()]);
    let core = bearer(&hub.core());
    for path in [
        "/api/internal/events",
        "/api/%69nternal/events",
        "/api//internal/events",
        "/api/chat/../internal/events",
        "/api/./internal/events",
        "/api/admin",
        "/api/admin/users/42",
        "/api/metrics",
        "/api/health/ready",
    ] {
        let answer = front.ask(Method::GET, path, &[("Authorization", &core)], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, ""), "{path}: the answer is nginx's");
    }
}

#[tokio::test]
async fn ten_images_of_the_largest_size_pass_and_refusals_are_the_hubs_own() {
    if !wanted("ten_images_of_the_largest_size_pass_and_refusals_are_the_hubs_own") {
        return;
    }
    let hub = hub(&[]).await;
    let front = Front::before(&[hub.address()]);
    let file = |bytes: usize| {
        let mut file = small();
        file.resize(bytes, 0);
        file
    };
    let upload = async |by: &str, files: Vec<Vec<u8>>| {
        let form = files.iter().fold(Form::default(), |form, file| form.file(file)).bytes();
        let kind = content_type();
        let headers = [("Authorization", by), ("Content-Type", kind.as_str())];
        let answer = front.ask(Method::POST, "/api/chat/upload", &headers, &form);
        let answer = tokio::time::timeout(LARGE, answer).await.expect("an answer in time");
        (answer.status, answer.code(), answer)
    };
    let alice = bearer(&hub.person(42));
    let (status, code, answer) = upload(&alice, vec![file(10_000_000); 10]).await;
    assert_eq!((status, code.as_str()), (201, ""));
    let images = serde_json::from_slice::<Value>(&answer.body).expect("JSON");
    assert_eq!(images["images"].as_array().map(Vec::len), Some(10), "{images}");
    let (status, code, _) = upload(&alice, vec![file(10_000_001)]).await;
    assert_eq!((status, code.as_str()), (413, "image_too_large"));
    let (status, code, _) = upload("Bearer no.token.at-all", vec![file(10_000_000)]).await;
    assert_eq!((status, code.as_str()), (401, "unauthorized"), "it is refused before the file has been read");
}

#[tokio::test]
async fn the_address_of_a_client_is_the_one_that_a_trusted_nginx_sees() {
    if !wanted("the_address_of_a_client_is_the_one_that_a_trusted_nginx_sees") {
        return;
    }
    let lies = [("Authorization", "Bearer no.token.at-all"), ("X-Forwarded-For", "203.0.113.9")];
    let (phone, neighbour) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let path = "/api/chat/threads";

    let trusting = hub(&[("CHAT_TRUSTED_PROXIES", "127.0.0.1"), ("CHAT_ADDRESS_RATE", "5")]).await;
    let front = Front::before(&[trusting.address()]);
    let mut line = front.dial(phone).await;
    let mut refused = async || ask(&mut line, Method::GET, path, &lies, b"").await.expect("an answer").status;
    assert_eq!(refused().await, 401);
    assert_eq!(
        audit::row(&trusting.staff(), "token.refused").await["from"],
        "127.0.0.2",
        "what the client says is no proof"
    );
    let mut statuses = Vec::new();
    while statuses.len() < 20 && !statuses.contains(&429) {
        statuses.push(refused().await);
    }
    assert!(statuses.contains(&429), "the client has used its requests up: {statuses:?}");
    let other = ask(&mut front.dial(neighbour).await, Method::GET, path, &lies, b"").await.expect("an answer");
    assert_eq!(other.status, 401, "clients behind one nginx do not share a limit");

    let direct = hub(&[("CHAT_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let answer = ask(&mut tcp(neighbour, direct.address()).await, Method::GET, path, &lies, b"").await;
    assert_eq!(answer.expect("an answer").status, 401);
    assert_eq!(audit::row(&direct.staff(), "token.refused").await["from"], "127.0.0.3", "it is no trusted proxy");

    let wary = hub(&[("CHAT_TRUSTED_PROXIES", "192.0.2.1")]).await;
    let front = Front::before(&[wary.address()]);
    let answer = ask(&mut front.dial(phone).await, Method::GET, path, &lies, b"").await;
    assert_eq!(answer.expect("an answer").status, 401);
    assert_eq!(audit::row(&wary.staff(), "token.refused").await["from"], "127.0.0.1", "nginx itself is not trusted");
}
