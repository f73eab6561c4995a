//! The route table as a whole, over a hub with a database of its own.

mod encoding_and_files;
mod server;

use serde_json::{Value, json};

use super::*;
use crate::auth::Role;
use server::{SHOP, Server, token, wants_token};

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

/// What was packed where pages are made was looked at once more on the way out, and said twice what it depends on.
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
async fn the_core_notifies_and_a_user_does_not() {
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
