//! The route table as a whole, over a hub with a database of its own.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use chat_actors::hub::{Options, Rates};
use chat_actors::outbox::Capacity;
use chat_actors::protocol::server::Limits;
use chat_database::ids::UserId;
use chat_database::{Database, connect};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use warp::http::Request as HttpRequest;

use super::*;
use crate::auth::mint::{self, Mint};
use crate::auth::{Issuer, Keys, Role};

const SECRET: &str = "a secret that is long enough for HS256";
const SHOP: &str = "https://shop.example";

/// A server without sockets.
struct Server {
    api: Api,
    _folder: TempDir,
}

/// An answer, read.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error").to_owned()
    }
}

impl Server {
    async fn start(base_path: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/chat.db?mode=rwc", folder.path().display());
        let database = Database::connect(&connect::Options { url, readers: 2 }).await.expect("a database");
        chat_migrations::up(database.for_migrations()).await.expect("a schema");
        let hub = Hub::start(database, chat_database::media::Store::in_memory(), options()).await.expect("a hub");
        let keys = Keys::from_secrets([SECRET], &Issuer::default()).expect("keys");
        let origins = Policy::new(vec![SHOP.to_owned()]);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let api = Api::new(hub, Authenticator::new(keys, SECRET.as_bytes()), origins, base_path, metrics);
        Self { api, _folder: folder }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let answer = TowerToHyperService::new(warp::service(routes(&self.api, no_sockets())))
            .call(request)
            .await
            .expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a body in memory").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn ask_as(&self, user: u64, role: Role, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, path, &[("authorization", &format!("Bearer {}", token(user, role)))], &body).await
    }

    async fn ok(&self, user: u64, method: &str, path: &str, body: Value) -> Value {
        let answer = self.ask_as(user, Role::User, method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {:?}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn refused(&self, user: u64, method: &str, path: &str, body: Value) -> (u16, String) {
        let answer = self.ask_as(user, Role::User, method, path, body).await;
        (answer.status, answer.code())
    }
}

fn no_sockets() -> BoxedFilter<(Response,)> {
    warp::any().and_then(async || Err::<Response, _>(warp::reject())).boxed()
}

fn options() -> Options {
    Options {
        node: "test".to_owned(),
        limits: Limits { frame_bytes: 65_536, text_chars: 4_000, images: 10, in_flight: 16, rate: None },
        burst: 60,
        rates: Rates::OFF,
        connections_per_user: 10,
        edit_window: Duration::from_secs(900),
        outbox: Capacity { bytes: 1 << 20, frames: 1_024 },
        writes: 1_024,
        commit_poll_interval: Duration::from_millis(500),
        thread_idle: Duration::from_secs(60),
        offline_after: Duration::from_secs(10),
        heartbeat: Duration::from_secs(25),
        images: chat_actors::images::Options::new([7; 32]),
    }
}

fn token(user: u64, role: Role) -> String {
    let user = UserId::new(user).expect("an id");
    let mint = Mint { user, role, expires_in: Duration::from_secs(60), peer: None, issuer: &Issuer::default() };
    mint::token(SECRET, &mint).expect("a token")
}

fn wants_token(path: &str) -> bool {
    !(path.starts_with("/health") || path.ends_with(".json") || path == "/metrics")
}

#[tokio::test]
async fn every_route_answers_and_asks_who_calls() {
    let server = Server::start("").await;
    for (method, route) in ROUTES {
        let answer = server.ask(method.as_str(), &route.replace("{id}", "1"), &[], "").await;
        let expected = if wants_token(route) { 401 } else { 200 };
        assert_eq!(answer.status, expected, "{method} {route}: {:?}", answer.body);
        assert!(!answer.body.is_empty() || route == "/metrics", "{method} {route}");
        assert_eq!(answer.headers.contains_key("www-authenticate"), wants_token(route), "{method} {route}");
    }
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let server = Server::start("/api").await;
    for (path, allow) in [
        ("/api/chat/messages", "GET, HEAD, OPTIONS"),
        ("/api/chat/messages/5", "PATCH, DELETE, OPTIONS"),
        ("/api/chat/threads/x", "GET, HEAD, OPTIONS"),
        ("/api/chat/threads/x/read", "POST, OPTIONS"),
        ("/api/notifications", "GET, HEAD, OPTIONS"),
        ("/api/notifications/", "GET, HEAD, OPTIONS"),
        ("/api/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let answer = server.ask("PUT", path, &[], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "bad_request"), "{path}");
        assert_eq!(answer.headers["allow"], allow, "{path}");
        let answer = server.ask("OPTIONS", path, &[], "").await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.headers["allow"], allow, "{path}");
    }
}

#[tokio::test]
async fn what_can_be_read_has_a_head() {
    let server = Server::start("").await;
    assert_eq!(server.ask("HEAD", "/health/ready", &[], "").await.status, 200);
    assert_eq!(server.ask("HEAD", "/chat/unread", &[], "").await.status, 401);
    assert_eq!(server.ask("HEAD", "/chat/send", &[], "").await.status, 405);
}

#[tokio::test]
async fn documents_are_packed_for_those_who_take_it() {
    let server = Server::start("/api").await;
    for path in ["/api/openapi.json", "/api/asyncapi.json"] {
        let plain = server.ask("GET", path, &[], "").await;
        assert!(plain.json().is_object() && !plain.headers.contains_key("content-encoding"), "{path}");
        let packed = server.ask("GET", path, &[("accept-encoding", "gzip, br")], "").await;
        assert_eq!(packed.headers["content-encoding"], "gzip", "{path}");
        assert!(packed.body.len() * 3 < plain.body.len(), "{path}");
    }
}

#[tokio::test]
async fn a_document_is_packed_once_and_sent_once() {
    let server = Server::start("/api").await;
    for path in ["/api/openapi.json", "/api/asyncapi.json"] {
        for encoding in ["identity", "gzip"] {
            let encoding = ("accept-encoding", encoding);
            let first = server.ask("GET", path, &[encoding], "").await;
            let etag = first.headers["etag"].to_str().expect("text");
            let again = server.ask("GET", path, &[encoding, ("if-none-match", etag)], "").await;
            assert_eq!((again.status, again.body.len(), &again.headers["etag"]), (304, 0, &first.headers["etag"]));
            // The bytes are the same ones: nothing is written or packed again.
            let again = server.ask("GET", path, &[encoding], "").await;
            assert_eq!((again.body.as_ptr(), again.body.len()), (first.body.as_ptr(), first.body.len()), "{path}");
            let mut vary: Vec<_> = again.headers.get_all("vary").into_iter().collect();
            vary.sort();
            assert_eq!(vary, ["Accept-Encoding", "Origin"]);
        }
    }
}

/// What was packed where pages are made was looked at once more on the way out, and said twice what it depends on.
#[tokio::test]
async fn a_page_is_packed_once_for_those_who_take_it() {
    let server = Server::start("").await;
    for turn in 0..20 {
        let send = json!({"receiver_id": 2, "content": "Is it still available?", "temp_id": turn.to_string()});
        server.ok(1, "POST", "/chat/send", send).await;
    }
    let bearer = format!("Bearer {}", token(2, Role::User));
    let ask = async |encoding| {
        let headers = [("authorization", bearer.as_str()), ("accept-encoding", encoding)];
        server.ask("GET", "/chat/messages?with=1", &headers, "").await
    };
    let (plain, packed) = (ask("identity").await, ask("gzip").await);
    assert_eq!(packed.headers["content-encoding"], "gzip");
    for answer in [&plain, &packed] {
        let mut vary: Vec<_> = answer.headers.get_all("vary").into_iter().collect();
        vary.sort();
        assert_eq!(vary, ["Accept-Encoding", "Origin"]);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(plain.json()["messages"].as_array().map(Vec::len), Some(20));
    assert_eq!(plain.body, unpacked);
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_not_there() {
    let server = Server::start("/api").await;
    for path in [
        "/",
        "/api",
        "/chat/unread",
        "/api/",
        "/api/chat/nothing",
        "/api/chat//unread",
        "/api/chat/unread/x",
        "/apichat/unread",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = server.ask(method, path, &[], "").await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_private_and_harmless() {
    let server = Server::start("").await;
    for path in ["/chat/unread", "/nothing", "/health/live"] {
        let answer = server.ask("GET", path, &[], "").await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
    }
}

#[tokio::test]
async fn only_pages_of_the_list_may_read_along() {
    let server = Server::start("").await;
    let answer = server.ask("GET", "/health/live", &[("origin", SHOP)], "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], SHOP);
    assert_eq!(answer.headers["access-control-allow-credentials"], "true");
    for stranger in ["https://evil.example", "null", "https://shop.example.evil.example"] {
        let answer = server.ask("GET", "/health/live", &[("origin", stranger)], "").await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{stranger}");
        assert_eq!(answer.headers["vary"], "Origin");
        let preflight = [("origin", stranger), ("access-control-request-method", "POST")];
        let answer = server.ask("OPTIONS", "/chat/send", &preflight, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"));
    }
    let preflight = [("origin", SHOP), ("access-control-request-method", "POST")];
    let answer = server.ask("OPTIONS", "/chat/send", &preflight, "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.headers["access-control-allow-methods"], "POST, OPTIONS");
    let taken = answer.headers["access-control-allow-headers"].to_str().expect("text");
    assert!(taken.contains("Idempotency-Key") && taken.contains("Authorization"));
}

#[tokio::test]
async fn a_cookie_acts_for_pages_of_the_same_site_alone() {
    let server = Server::start("").await;
    let cookie = format!("a=b; token={}", token(1, Role::User));
    let answer = server.ask("GET", "/chat/unread", &[("cookie", &cookie)], "").await;
    assert_eq!(answer.status, 200, "reading is free");
    for (headers, status) in [
        (vec![], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-origin")], 200),
        (vec![("origin", SHOP)], 200),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
        let answer = server.ask("POST", "/chat/ticket", &headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn a_message_goes_through_every_resource() {
    let server = Server::start("").await;
    let send = json!({ "receiver_id": 2, "content": "Still available?", "temp_id": "k", "sender_id": 1 });
    let first = server.ask_as(1, Role::User, "POST", "/chat/send", send.clone()).await;
    assert_eq!((first.status, first.json()["duplicate"].as_bool()), (201, Some(false)));
    let again = server.ask_as(1, Role::User, "POST", "/chat/send", send).await;
    assert_eq!((again.status, again.json()["duplicate"].as_bool()), (200, Some(true)));
    let (message, thread) = (first.json()["message"]["id"].clone(), first.json()["message"]["thread_id"].clone());

    let page = server.ok(2, "GET", "/chat/messages?with=1", Value::Null).await;
    assert_eq!((&page["thread_id"], &page["messages"][0]["content"]), (&thread, &json!("Still available?")));
    let inbox = server.ok(2, "GET", "/chat/threads?unread=true", Value::Null).await;
    assert_eq!(
        (&inbox["threads"][0]["id"], &inbox["threads"][0]["unread"], &inbox["next"]),
        (&thread, &json!(1), &Value::Null)
    );
    let unread = server.ok(2, "GET", "/chat/unread", Value::Null).await;
    assert_eq!(unread, json!({ "messages": 1, "notifications": 1, "by_user": { "1": 1 } }));
    let read = server.ok(2, "POST", &format!("/chat/threads/{thread}/read"), Value::Null).await;
    assert_eq!(read, json!({ "read_seq": 1, "unread": 0 }));
    let edited = server.ok(1, "PATCH", &format!("/chat/messages/{message}"), json!({ "content": "Sold?" })).await;
    assert_eq!((&edited["content"], &edited["rev"]), (&json!("Sold?"), &json!(2)));
    server.ok(1, "DELETE", &format!("/chat/messages/{message}"), Value::Null).await;
    let people = server.ok(2, "GET", "/chat/presence?user_ids=1,3", Value::Null).await;
    assert_eq!(people["users"].as_array().map(Vec::len), Some(1), "{people}");
    let changes = server.ok(2, "GET", "/chat/sync?cursor=nonsense", Value::Null).await;
    assert_eq!((&changes["reset"], &changes["events"]), (&json!(true), &json!([])));

    assert_eq!(
        server.ok(1, "GET", "/chat/messages?with=9", Value::Null).await,
        json!({ "thread_id": null, "rev": 0, "messages": [], "has_more": false })
    );
    let of_others = [
        server.refused(3, "GET", &format!("/chat/messages?thread_id={thread}"), Value::Null).await,
        server.refused(3, "POST", &format!("/chat/threads/{thread}/read"), Value::Null).await,
        server.refused(3, "DELETE", &format!("/chat/messages/{message}"), Value::Null).await,
    ];
    assert!(of_others.iter().all(|(status, code)| (*status, code.as_str()) == (404, "not_found")), "{of_others:?}");
    let wrong = [
        server.refused(1, "GET", "/chat/messages", Value::Null).await,
        server.refused(1, "GET", "/chat/messages?with=2&limit=0", Value::Null).await,
        server.refused(1, "DELETE", "/chat/messages/x", Value::Null).await,
        server.refused(1, "GET", "/chat/threads?before=x", Value::Null).await,
        server.refused(1, "PATCH", &format!("/chat/messages/{message}"), json!({ "content": 7 })).await,
    ];
    assert!(wrong.iter().all(|(status, code)| (*status, code.as_str()) == (400, "bad_request")), "{wrong:?}");
}

#[tokio::test]
async fn the_core_notifies_and_nobody_else_does() {
    let server = Server::start("").await;
    let notice =
        json!({ "user_ids": [1, 2], "type": "order", "title": "Paid", "body": "Order 5", "dedupe_key": "o-5" });
    for role in [Role::User, Role::Admin] {
        let answer = server.ask_as(9, role, "POST", "/internal/notifications", notice.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
    }
    for created in [2, 0] {
        let answer = server.ask_as(9, Role::Service, "POST", "/internal/notifications", notice.clone()).await;
        assert_eq!((answer.status, answer.json()), (202, json!({ "created": created })));
    }
    let page = server.ok(1, "GET", "/notifications?unread=true", Value::Null).await;
    let id = &page["notifications"][0]["id"];
    assert_eq!(page["notifications"][0]["title"], "Paid");
    server.ok(1, "POST", &format!("/notifications/{id}/read"), Value::Null).await;
    server.ok(1, "POST", "/notifications/read-all", Value::Null).await;
    server.ok(1, "DELETE", &format!("/notifications/{id}"), Value::Null).await;
    assert_eq!(server.refused(1, "DELETE", &format!("/notifications/{id}"), Value::Null).await.0, 404);
    assert_eq!(server.refused(2, "POST", &format!("/notifications/{id}/read"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_websocket_is_left_to_the_other_half() {
    let server = Server::start("").await;
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    assert_eq!(server.ask("GET", "/notifications", &upgrade, "").await.status, 404);
}

#[tokio::test]
async fn the_page_is_there_where_it_is_turned_on() {
    let mut server = Server::start("/api").await;
    assert_eq!(server.ask("GET", "/api/", &[], "").await.status, 404);
    server.api = server.api.with_page(true);
    let page = server.ask("GET", "/api/", &[], "").await;
    assert_eq!((page.status, page.headers["content-type"].as_bytes()), (200, &b"text/html; charset=utf-8"[..]));
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let moved = server.ask("GET", "/api", &[], "").await;
    assert_eq!((moved.status, moved.headers["location"].as_bytes()), (308, &b"/api/"[..]));
    for path in ["/", "/api/index.html/x", "/api/page/js/nothing.js", "/api/page", "/api/../web/package.json"] {
        assert_eq!(server.ask("GET", path, &[], "").await.status, 404, "{path}");
    }
    let refused = server.ask("POST", "/api/chat-client.js", &[], "").await;
    assert_eq!((refused.status, refused.headers["allow"].as_bytes()), (405, &b"GET, HEAD"[..]));
}

#[tokio::test]
async fn a_file_of_the_page_is_sent_once() {
    let mut server = Server::start("").await;
    server.api = server.api.with_page(true);
    for encoding in ["identity", "gzip"] {
        let first = server.ask("GET", "/chat-client.js", &[("accept-encoding", encoding)], "").await;
        assert_eq!(first.headers.get("content-encoding").is_some(), encoding == "gzip");
        assert_eq!(first.headers["cache-control"], "no-cache");
        assert_eq!(first.headers["content-type"], "text/javascript; charset=utf-8");
        let etag = first.headers["etag"].to_str().expect("text");
        let again = [("accept-encoding", encoding), ("if-none-match", etag)];
        let again = server.ask("GET", "/chat-client.js", &again, "").await;
        assert_eq!((again.status, again.body.len(), &again.headers["etag"]), (304, 0, &first.headers["etag"]));
    }
}
