//! Pages of other origins: no sockets, and nothing that changes anything by cookie.

use reqwest::Method;
use serde_json::json;

use super::{Operation, Shop, TABLE, said};
use crate::support::person::answer;
use crate::support::{Hub, Person, raw};

#[tokio::test]
async fn a_foreign_page_gets_no_socket_and_changes_nothing_by_cookie() {
    let hub = Hub::set(&[("CHAT_ALLOWED_ORIGINS", "https://shop.example")]).await;
    let alice = hub.person(42);
    let cookie = format!("token={}", alice.token);
    let bearer = format!("Bearer {}", alice.token);
    for (origin, status) in [
        ("https://shop.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
        ("https://shop.example.evil.example", 403),
    ] {
        for credential in [("cookie", cookie.as_str()), ("authorization", bearer.as_str())] {
            let answer = alice.knocks("/chat", &[credential, ("origin", origin)]).await;
            assert_eq!(answer.status, status, "{origin} {}", credential.0);
            if status == 403 {
                answer.refused(403, "forbidden_origin");
            }
        }
    }
    // A refused origin does not use up a ticket.
    let ticket = alice.ticket().await;
    alice
        .knocks(&format!("/chat?ticket={ticket}"), &[("origin", "https://evil.example")])
        .await
        .refused(403, "forbidden_origin");
    assert_eq!(
        alice.knocks(&format!("/chat?ticket={ticket}"), &[("origin", "https://shop.example")]).await.status,
        101
    );
    let send = json!({"temp_id": "c", "receiver_id": 7, "content": "by cookie"});
    let by_cookie = |origin: Option<&str>| {
        let request = alice.request(Method::POST, "/chat/send").header("cookie", &cookie).json(&send);
        answer(origin.into_iter().fold(request, |request, origin| request.header("origin", origin)))
    };
    by_cookie(Some("https://evil.example")).await.refused(403, "forbidden_origin");
    by_cookie(Some("null")).await.refused(403, "forbidden_origin");
    by_cookie(Some("https://shop.example")).await.is(201);
    // Reading by cookie is not changing; whether the page may see the answer is for CORS to say.
    let read = answer(
        alice.request(Method::GET, "/chat/threads").header("cookie", &cookie).header("origin", "https://evil.example"),
    )
    .await;
    assert!(!read.headers.contains_key("access-control-allow-origin"), "{:?}", read.headers);
}

async fn open_to(hub: &Hub, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = raw::ask(hub.address(), raw::upgrade(&format!("/chat?token={}", hub.person(42).token), headers)).await;
    let socket = answer.expect("an answer").status;
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let host = if headers.iter().any(|(name, _)| *name == "Host") { "" } else { "Host: hub\r\n" };
    let read = raw::ask(hub.address(), format!("GET /health/live HTTP/1.1\r\n{host}{lines}\r\n")).await;
    (socket, read.expect("an answer").header("access-control-allow-origin").to_owned())
}

#[tokio::test]
async fn the_shell_of_an_app_is_an_origin_like_others() {
    let apps = "https://shop.example,capacitor://localhost,ionic://localhost,http://tauri.localhost,tauri://localhost,\
                app://shop,chrome-extension://abcdefghijklmnopabcdefghijklmnop,moz-extension://7d2b1c4e-0000-4000-8000-5c0de1f2a3b4";
    let hub = Hub::set(&[("CHAT_ALLOWED_ORIGINS", apps)]).await;
    for origin in apps.split(',') {
        assert_eq!(open_to(&hub, &[("Origin", origin)]).await, (101, origin.to_owned()));
    }
    for origin in [
        "null",
        "file://",
        "capacitor://localhost:80",
        "capacitor://evil",
        "http://localhost",
        "https://tauri.localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnoq",
    ] {
        assert_eq!(open_to(&hub, &[("Origin", origin)]).await, (403, String::new()), "{origin}");
    }
}

#[tokio::test]
async fn no_page_reads_along_because_of_the_host_that_it_names() {
    let hub = Hub::start().await;
    // As after DNS rebinding: the browser believes that evil.example is here.
    let rebound = format!("http://evil.example:{}", hub.address().port());
    let (_, reads) = open_to(&hub, &[("Origin", &rebound)]).await;
    assert_eq!(reads, "");
    let host = format!("evil.example:{}", hub.address().port());
    let request = format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\nOrigin: {rebound}\r\n\r\n");
    let answer = raw::ask(hub.address(), request).await.expect("an answer");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
    // Without any token, a hub in development mode is protected only by listening on this machine.
    let hub = Hub::with(|launch| {
        launch.settings.remove("JWT_SECRET");
    })
    .await;
    let port = hub.address().port();
    for (name, status) in [("evil.example", 403), ("127.0.0.1", 101), ("localhost", 101)] {
        let request = raw::upgrade("/chat", &[("Origin", &format!("http://{name}:{port}"))]);
        let request = request.replace("Host: hub", &format!("Host: {name}:{port}"));
        let answer = raw::ask(hub.address(), request).await.expect("an answer");
        assert_eq!(answer.status, status, "{name}");
    }
}

/// Pages that are not of the shop.
const FOREIGN: &[&str] = &["https://evil.example", "null", "http://shop.example", "https://shop.example.evil.example"];

async fn shop_with_a_site() -> Shop {
    Shop::on(Hub::set(&[("CHAT_ALLOWED_ORIGINS", "https://shop.example")]).await).await
}

/// Performs an operation by cookie or by token, from a page.
async fn from_page(operation: &Operation, who: &Person, by_cookie: bool, headers: &[(&str, &str)]) -> String {
    let request = who.request(operation.method.clone(), &operation.path);
    let request = if by_cookie {
        request.header("cookie", format!("token={}", who.token))
    } else {
        request.bearer_auth(&who.token)
    };
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    said(&operation.send(request).await)
}

#[tokio::test]
async fn a_foreign_page_changes_nothing_by_cookie_whatever_it_tries() {
    let shop = shop_with_a_site().await;
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for operation in shop.operations().iter().filter(|operation| operation.method != Method::GET) {
        for who in [&shop.mallory, &shop.bob, &shop.alice, &shop.hub.core()] {
            let foreign = FOREIGN.iter().map(|origin| vec![("origin", *origin)]);
            // A page that says nothing of itself may as well be foreign; and what a browser adds does not help it.
            let unknown = [vec![], vec![("sec-fetch-site", "cross-site")]];
            for headers in foreign.chain(unknown) {
                let got = from_page(operation, who, true, &headers).await;
                if got != "403 forbidden_origin" {
                    wrong.push(format!("{} by {} from {headers:?}: {got}", operation.name(), who.id));
                }
                tried += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(tried > 200, "{tried} attempts are no table");
    // Nothing has happened: everything may be done as if for the first time.
    each_row(&shop, true, &[("origin", "https://shop.example")]).await;
}

#[tokio::test]
async fn a_token_is_shown_by_who_has_it_from_wherever() {
    for origin in FOREIGN {
        let shop = shop_with_a_site().await;
        each_row(&shop, false, &[("origin", *origin)]).await;
    }
}

#[tokio::test]
async fn a_page_of_the_same_site_may_act_by_cookie() {
    for site in ["same-origin", "same-site"] {
        each_row(&shop_with_a_site().await, true, &[("sec-fetch-site", site)]).await;
    }
}

/// Holds every operation that changes something against [`TABLE`].
async fn each_row(shop: &Shop, by_cookie: bool, headers: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (operation, (author, other, stranger)) in shop.operations().iter().zip(TABLE) {
        if operation.method == Method::GET {
            continue;
        }
        for (who, wanted) in [(&shop.mallory, stranger), (&shop.bob, other), (&shop.alice, author)] {
            let got = from_page(operation, who, by_cookie, headers).await;
            if got != **wanted {
                wrong.push(format!("{} by {} from {headers:?}: {got}, not {wanted}", operation.name(), who.id));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
