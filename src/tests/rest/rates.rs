//! Rates, as REST tells of them: PROTOCOL 7.

use reqwest::Method;
use serde_json::json;

use crate::support::Hub;
use crate::support::person::answer;

#[tokio::test]
async fn an_exceeded_rate_is_told_in_headers() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "0.1"), ("CHAT_RATE_BURST", "2")]).await;
    let alice = hub.person(42);
    let send = json!({"receiver_id": 7, "content": "hello"});
    for _ in 0..2 {
        assert!(!alice.post("/chat/send", &send).await.headers.contains_key("ratelimit-limit"));
    }
    let refused = alice.post("/chat/send", &send).await;
    refused.refused(429, "rate_limited");
    let header = |name: &str| refused.headers[name].to_str().expect("a number").to_owned();
    assert_eq!((header("ratelimit-limit"), header("ratelimit-remaining")), ("2".to_owned(), "0".to_owned()));
    assert_eq!(header("ratelimit-reset"), header("retry-after"));
    let wait: u64 = header("retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
}

#[tokio::test]
async fn an_address_without_a_good_token_is_limited_where_that_is_wanted() {
    let hub = Hub::set(&[("CHAT_ADDRESS_RATE", "5"), ("CHAT_PAGE", "on")]).await;
    let (alice, stranger) = (hub.person(42), hub.person_with(42, "no.token.at-all"));
    let ask = |path: &'static str, from: &'static str| {
        let request = stranger.request(Method::GET, path).header("x-forwarded-for", from);
        async move { answer(request).await }
    };
    for path in ["/chat/threads", "/openapi.json", "/", "/chat/unread"] {
        assert_ne!(ask(path, "192.0.2.7").await.status, 429, "{path}");
    }
    let bad = stranger.ask(Method::GET, "/chat/threads").header("x-forwarded-for", "192.0.2.7");
    answer(bad).await.refused(401, "unauthorized");
    for path in ["/chat/threads", "/openapi.json", "/"] {
        ask(path, "192.0.2.7").await.refused(429, "rate_limited");
    }
    let forwarded = [("x-forwarded-for", "192.0.2.7")];
    stranger.knocks("/chat", &forwarded).await.refused(429, "rate_limited");
    ask("/chat/threads", "192.0.2.8").await.refused(401, "unauthorized");
    // A user of the same address, and probes, are let in.
    let threads = alice.ask(Method::GET, "/chat/threads").header("x-forwarded-for", "192.0.2.7");
    answer(threads).await.is(200);
    assert_eq!(ask("/health/live", "192.0.2.7").await.status, 200);
}

#[tokio::test]
async fn an_address_is_not_limited_by_default() {
    let hub = Hub::start().await;
    let stranger = hub.person_with(42, "no.token.at-all");
    for _ in 0..200 {
        stranger.get("/chat/threads").await.refused(401, "unauthorized");
    }
}
