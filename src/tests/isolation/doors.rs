//! How one shows who one is: whatever else stands beside it, whatever is empty, and at whichever door.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_loadtest::client::Credentials;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::raw::{Raw, ask, upgrade};
use crate::support::{Hub, Person, in_time};

/// What browsers and proxies send beside a good token, each of which stood before it once.
fn beside(token: &str) -> Vec<Vec<u8>> {
    let cookies: [&[u8]; 8] = [
        b"city=Yaound\xc3\xa9; token=GOOD",
        b"city=Yaound\xe9; token=GOOD",
        b"token=GOOD; city=\xff",
        b"token=stale; token=GOOD",
        b"token=GOOD; token=stale",
        b"token=; token=GOOD",
        b"a=\"b; token=\"GOOD\"",
        b"=x; ; token = GOOD ;",
    ];
    let good = |cookie: &[u8]| {
        let at = cookie.windows(4).position(|word| word == b"GOOD").expect("a place for it");
        [&cookie[..at], token.as_bytes(), &cookie[at + 4..]].concat()
    };
    cookies.iter().map(|cookie| good(cookie)).collect()
}

#[tokio::test]
async fn a_good_cookie_is_found_whatever_stands_beside_it() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    for cookie in beside(&alice.token) {
        let said = String::from_utf8_lossy(&cookie).into_owned();
        let line = [b"Cookie: ", cookie.as_slice(), b"\r\n\r\n"].concat();
        let request = [b"GET /chat/unread HTTP/1.1\r\nHost: hub\r\n".as_slice(), &line].concat();
        assert_eq!(ask(hub.address(), request).await.expect("an answer").status, 200, "{said}");
        let head = upgrade("/chat", &[]);
        let request = [head.trim_end().as_bytes(), b"\r\n", &line].concat();
        assert_eq!(ask(hub.address(), request).await.expect("an answer").status, 101, "{said}");
    }
    let two_lines = format!(
        "GET /chat/unread HTTP/1.1\r\nHost: hub\r\nCookie: token=stale\r\nCookie: token={}\r\n\r\n",
        alice.token
    );
    assert_eq!(ask(hub.address(), two_lines).await.expect("an answer").status, 200);
    let bad = "GET /chat/unread HTTP/1.1\r\nHost: hub\r\nCookie: city=é; token=stale; token=bad\r\n\r\n";
    assert_eq!(ask(hub.address(), bad).await.expect("an answer").status, 401);
}

#[tokio::test]
async fn what_is_odd_in_a_list_hides_nothing_of_it() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let protocols = format!("é, bearer, {}", alice.token);
    let answer =
        ask(hub.address(), upgrade("/chat", &[("Sec-WebSocket-Protocol", &protocols)])).await.expect("an answer");
    assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, "bearer"));
    let get = |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\n{headers}\r\n");
        let address = hub.address();
        async move { ask(address, request).await.expect("an answer") }
    };
    let packed = get("/openapi.json", "Accept-Encoding: é, gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let refused = get("/openapi.json", "Accept-Encoding: é, gzip;q=0, *\r\n").await;
    assert_eq!(refused.header("content-encoding"), "");
    let known = get(
        "/openapi.json",
        &format!("Accept-Encoding: gzip\r\nIf-None-Match: \"é, x\", {}\r\n", packed.header("etag")),
    )
    .await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let other = get("/openapi.json", "If-None-Match: \"a,*,b\"\r\n").await;
    assert_eq!(other.status, 200, "a star in a tag is not every tag");
    let body = json!({"receiver_id": 7, "content": "hello"}).to_string();
    let request = format!(
        "POST /chat/send HTTP/1.1\r\nHost: hub\r\nAuthorization: bearer\t{}\r\nContent-Type: application/json; name=é\r\n\
         Content-Length: {}\r\n\r\n{body}",
        alice.token,
        body.len()
    );
    assert_eq!(ask(hub.address(), request).await.expect("an answer").status, 201);
}

#[tokio::test]
async fn an_empty_credential_is_one_that_is_not_there() {
    let hub = Hub::start().await;
    let (alice, token) = (hub.person(42), hub.person(42).token);
    for (query, headers) in [
        (format!("?ticket=&token={token}"), vec![]),
        (format!("?token=&token={token}"), vec![]),
        (format!("?token={token}&ticket="), vec![("Authorization", String::new())]),
        (format!("?token={token}"), vec![("Authorization", "Bearer".to_owned()), ("Cookie", "token=".to_owned())]),
        (format!("?token={token}"), vec![("Sec-WebSocket-Protocol", "bearer, ".to_owned())]),
        ("?token=&ticket=".to_owned(), vec![("Cookie", format!("token={token}"))]),
        (String::new(), vec![("Authorization", String::new()), ("Cookie", format!("token=; token={token}"))]),
        ("?token=".to_owned(), vec![("Sec-WebSocket-Protocol", format!("bearer,, {token}"))]),
        (format!("?ticket={}&token=", alice.ticket().await), vec![]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(hub.address(), upgrade(&format!("/chat{query}"), &headers)).await.expect("an answer");
        assert_eq!(answer.status, 101, "{query} {headers:?}: {}", String::from_utf8_lossy(&answer.body));
    }
    let rest = format!("GET /chat/unread HTTP/1.1\r\nHost: hub\r\nAuthorization: \r\nCookie: token={token}\r\n\r\n");
    assert_eq!(ask(hub.address(), rest).await.expect("an answer").status, 200);
    // With nothing else there, the first frame must say who it is, as where nothing was shown at all.
    for query in ["?ticket=", "?token=&ticket=", ""] {
        let mut socket = TcpStream::connect(hub.address()).await.expect("the hub listens");
        socket.write_all(upgrade(&format!("/chat{query}"), &[]).as_bytes()).await.expect("written");
        let answer = in_time("an answer", Raw::read_head(&mut socket)).await.expect("an answer");
        assert_eq!(answer.status, 101, "{query}");
        // A masked text frame: `{}`.
        socket.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'{', b'}']).await.expect("written");
        let mut heard = Vec::new();
        // It hangs up without waiting for our goodbye.
        let _ = in_time("the end", socket.read_to_end(&mut heard)).await;
        let heard = String::from_utf8_lossy(&heard);
        assert!(heard.contains(r#""code":"unauthorized""#) && !heard.contains("auth_ok"), "{query}: {heard}");
    }
    // In the first frame, too.
    let ticket = alice.ticket().await;
    for auth in [
        json!({"type": "auth", "token": "", "ticket": ticket, "cursor": ""}),
        json!({"type": "auth", "token": token, "ticket": ""}),
    ] {
        let mut device = alice.opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
        device.says(auth).await;
        device.expect("auth_ok").await;
    }
}

#[tokio::test]
async fn a_slash_at_the_end_is_no_other_path_at_any_door() {
    for base in ["", "/api"] {
        let hub = Hub::set(&[("CHAT_BASE_PATH", base)]).await;
        let token = hub.person(42).token;
        for path in ["/chat", "/notifications", "/ws/chat", "/ws/notifications"] {
            for slash in ["", "/"] {
                let path = format!("{base}{path}{slash}");
                let ask = |request: String| ask(hub.address(), request);
                let answer = ask(upgrade(&format!("{path}?token={token}"), &[])).await.expect("an answer");
                assert_eq!(answer.status, 101, "{path}");
                for method in ["OPTIONS", "PUT", "HEAD", "GET"] {
                    let answer = ask(format!("{method} {path} HTTP/1.0\r\n\r\n")).await.expect("an answer");
                    let rest_too = path.contains("/notifications") && !path.contains("/ws/");
                    let status = match method {
                        "OPTIONS" => 204,
                        "PUT" => 405,
                        _ if rest_too => 401,
                        _ => 426,
                    };
                    assert_eq!(answer.status, status, "{method} {path}");
                    if matches!(status, 204 | 405) {
                        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS", "{method} {path}");
                    }
                    if status == 426 {
                        assert_eq!(answer.header("upgrade"), "websocket", "{method} {path}");
                    }
                }
            }
            let twice = ask(hub.address(), upgrade(&format!("{base}{path}//?token={token}"), &[])).await;
            assert_eq!(twice.expect("an answer").status, 404, "{path}//");
        }
        for method in ["GET", "POST"] {
            let nowhere =
                ask(hub.address(), format!("{method} {base}/nowhere HTTP/1.0\r\n\r\n")).await.expect("an answer");
            assert_eq!((nowhere.status, nowhere.code().as_str()), (404, "not_found"), "{method}");
        }
    }
}

/// Signs a token with a header of one's own.
fn signed(hub: &Hub, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let mac = Hmac::<Sha256>::new_from_slice(hub.secret().as_bytes()).expect("a key").chain_update(&text);
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn is_refused_everywhere(hub: &Hub, token: &str, why: &str) {
    let person: Person = hub.person_with(42, token);
    person.get("/chat/unread").await.refused(401, "unauthorized");
    for (path, headers) in [
        ("/chat".to_owned(), vec![("authorization", format!("Bearer {token}"))]),
        ("/chat".to_owned(), vec![("cookie", format!("token={token}"))]),
        ("/notifications".to_owned(), vec![("sec-websocket-protocol", format!("bearer, {token}"))]),
        (format!("/ws/chat?token={token}"), vec![]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = person.knocks(&path, &headers).await;
        assert_eq!(answer.status, 401, "{why}: {path} {:?}", headers.first().map(|(name, _)| name));
    }
    let mut device = person.opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
    device.is_refused(json!({"type": "auth", "token": token}), "unauthorized").await;
    device.is_closed_with(4500).await;
}

#[tokio::test]
async fn a_token_with_an_extension_that_must_be_understood_is_refused() {
    let hub = Hub::start().await;
    let claims = json!({"id": 42, "exp": 4_000_000_000_u64});
    let plain = signed(&hub, &json!({"alg": "HS256", "x-shop": 1}), &claims);
    hub.person_with(42, &plain).get("/chat/unread").await.is(200);
    for crit in [json!(["x-shop"]), json!(["exp"]), json!([]), json!(null)] {
        let token = signed(&hub, &json!({"alg": "HS256", "typ": "JWT", "crit": crit, "x-shop": 1}), &claims);
        is_refused_everywhere(&hub, &token, &crit.to_string()).await;
    }
}

#[tokio::test]
async fn ids_and_times_of_a_token_may_be_whole_floats() {
    let hub = Hub::start().await;
    // As PHP and Gson write them: `{"id":42.0,"exp":4.0e9}`.
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for (claims, status) in [
        (r#"{"id":42.0,"exp":4.0e9}"#, 200),
        (r#"{"sub":4.2e1,"exp":4000000000.0,"nbf":1.0e9}"#, 200),
        (r#"{"id":42.5,"exp":4.0e9}"#, 401),
        (r#"{"id":9007199254740992.0,"exp":4.0e9}"#, 401),
        (r#"{"id":42.0,"exp":1.0e9}"#, 401),
    ] {
        let text = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(claims));
        let mac = Hmac::<Sha256>::new_from_slice(hub.secret().as_bytes()).expect("a key").chain_update(&text);
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        assert_eq!(hub.person_with(42, &token).get("/chat/unread").await.status, status, "{claims}");
    }
}
