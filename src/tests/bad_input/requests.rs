//! Requests that are hardly HTTP: what is answered before any route sees them.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::raw::{Raw, ask};
use crate::support::{Hub, in_time};

async fn panics(hub: &Hub) -> String {
    let metrics = hub.person(1).get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("chat_panics_total "));
    line.expect("panics are counted").to_owned()
}

#[tokio::test]
async fn a_target_without_a_path_is_refused_and_nothing_panics() {
    let hub = Hub::set(&[("CHAT_BASE_PATH", "/api")]).await;
    for target in ["CONNECT x:443", "CONNECT [::1]:443", "CONNECT x", "OPTIONS *", "GET *", "GET x:443", "POST x"] {
        for body in ["", "Content-Length: 2\r\n"] {
            let request = format!("{target} HTTP/1.1\r\nHost: x\r\n{body}\r\n");
            let answer = ask(hub.address(), &request).await.unwrap_or_else(|| panic!("{target}: no answer"));
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{target}");
            assert_eq!(answer.header("connection"), "close", "{target}");
        }
    }
    // A proxy's form names the host and a path, or the host alone.
    for (target, status) in [
        ("GET http://hub/api/health/live", 200),
        ("GET http://hub", 404),
        ("GET http://hub?token=x", 404),
        ("OPTIONS http://hub/api/chat/send", 204),
        ("GET /", 404),
        ("CONNECT /api/health/live", 405),
    ] {
        let answer = ask(hub.address(), format!("{target} HTTP/1.1\r\nHost: hub\r\n\r\n")).await;
        let answer = answer.unwrap_or_else(|| panic!("{target}: no answer"));
        assert_eq!(answer.status, status, "{target}: {:?}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(panics(&hub).await, "0");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let hub = Hub::start().await;
    for (hosts, version, status) in [
        (&["hub"][..], "1.1", 200),
        (&["hub:8080"], "1.1", 200),
        (&["[::1]:8080"], "1.1", 200),
        (&[], "1.1", 400),
        (&["hub", "hub"], "1.1", 400),
        (&["hub", "evil.example"], "1.1", 400),
        (&["hub/x"], "1.1", 400),
        (&["me@hub"], "1.1", 400),
        (&[], "1.0", 200),
        (&["hub"], "1.0", 200),
        (&["hub", "hub"], "1.0", 400),
    ] {
        let lines: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        let request = format!("GET /health/live HTTP/{version}\r\n{lines}\r\n");
        let answer = ask(hub.address(), &request).await.unwrap_or_else(|| panic!("{request:?}: no answer"));
        assert_eq!(answer.status, status, "{request:?}");
        if status == 400 {
            assert_eq!(answer.code(), "bad_request", "{request:?}");
        }
    }
}

/// Returns the names of an answer's headers, but for those that depend on the request.
fn dress(answer: &Raw) -> Vec<&str> {
    let mut names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| !matches!(*name, "vary" | "connection"));
    names.sort_unstable();
    names
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_like_everything_else() {
    let hub = Hub::start().await;
    let usual = ask(hub.address(), "GET /nothing HTTP/1.1\r\nHost: hub\r\n\r\n").await.expect("an answer");
    assert_eq!(usual.status, 404);
    let long = "x".repeat(70_000);
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost hub\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: hub\r\nx y: z\r\n\r\n".to_owned(), 400),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /\u{7f} HTTP/1.1\r\nHost: hub\r\n\r\n".to_owned(), 400),
        ("G\u{0}T / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\nHost: hub\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: x\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: hub\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: hub\r\nx: {long}\r\n\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: hub\r\n\r\n"), 414),
    ] {
        let mut socket = TcpStream::connect(hub.address()).await.expect("the hub listens");
        // It may hang up before all of it has come.
        let _ = socket.write_all(request.as_bytes()).await;
        let answer = in_time("an answer", Raw::read(&mut socket)).await;
        let answer = answer.unwrap_or_else(|| panic!("{request:.60?}: no answer"));
        let fits = answer.status == status || (status == 414 && answer.status == 431);
        assert!(fits && answer.code() == "bad_request", "{request:.60?}: {answer:?}");
        assert_eq!(dress(&answer), dress(&usual), "{request:.60?}");
        assert_eq!(answer.header("connection"), "close");
    }
    // What was asked before is answered as it was.
    let mut socket = TcpStream::connect(hub.address()).await.expect("the hub listens");
    let asked = "GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(20) + "nonsense\r\n\r\n";
    socket.write_all(asked.as_bytes()).await.expect("written");
    for _ in 0..20 {
        let answer = in_time("an answer", Raw::read(&mut socket)).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &br#"{"status":"live"}"#[..]));
    }
    let answer = in_time("an answer", Raw::read(&mut socket)).await.expect("an answer");
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"));
    assert!(in_time("the end", Raw::read(&mut socket)).await.is_none());
}
