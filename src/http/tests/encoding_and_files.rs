//! Responses that are compressed and cached: API descriptions, pages of data, the files of the page.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::json;

use super::server::{Server, token};
use crate::auth::Role;
use crate::cli::admin::AdminMode;

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
async fn the_page_is_there_where_it_is_turned_on() {
    let mut server = Server::start("/api").await;
    assert_eq!(server.ask("GET", "/api/", &[], "").await.status, 404);
    server.api = server.api.with_page(true);
    let page = server.ask("GET", "/api/", &[], "").await;
    assert_eq!((page.status, page.headers["content-type"].as_bytes()), (200, &b"text/html; charset=utf-8"[..]));
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let open: Vec<&str> = policy.split("; ").filter(|rule| rule.contains("http") || rule.contains('*')).collect();
    assert_eq!(open, ["img-src 'self' blob: https:"], "images alone come from elsewhere");
    let moved = server.ask("GET", "/api", &[], "").await;
    assert_eq!((moved.status, moved.headers["location"].as_bytes()), (308, &b"/api/"[..]));
    for path in ["/", "/api/index.html/x", "/api/assets/nothing.js", "/api/assets", "/api/../web/package.json"] {
        assert_eq!(server.ask("GET", path, &[], "").await.status, 404, "{path}");
    }
    let refused = server.ask("POST", "/api/service-worker.js", &[], "").await;
    assert_eq!((refused.status, refused.headers["allow"].as_bytes()), (405, &b"GET, HEAD"[..]));
}

#[tokio::test]
async fn pages_of_other_origins_get_the_library_and_the_elements_whether_the_page_is_on_or_off() {
    let server = Server::start("/api").await;
    for path in ["/api/v1/chat-client.js", "/api/v1/images.js", "/api/v1/element.js"] {
        assert_eq!(server.ask("GET", path, &[], "").await.status, 200, "{path}");
    }
    let element = server.ask("GET", "/api/v1/element.js", &[], "").await;
    let script = std::str::from_utf8(&element.body).expect("text");
    let literals = script.split(['"', '`']).map(|text| text.trim_start_matches("./"));
    let assets: Vec<&str> = literals.filter(|text| text.starts_with("assets/")).collect();
    assert!(assets.iter().any(|path| path.ends_with(".css")) && assets.iter().any(|path| path.contains("/fr-")));
    for path in assets {
        let path = format!("/api/v1/{path}");
        assert_eq!(server.ask("GET", &path, &[], "").await.status, 200, "{path}");
    }
    for path in ["/api/v1/", "/api/v1/index.html", "/api/v2/element.js", "/api/element.js", "/v1/element.js"] {
        assert_eq!(server.ask("GET", path, &[], "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_file_with_a_fixed_name_is_revalidated_and_sent_once() {
    let server = Server::start("").await;
    for encoding in ["identity", "gzip"] {
        let first = server.ask("GET", "/v1/chat-client.js", &[("accept-encoding", encoding)], "").await;
        assert_eq!(first.headers.get("content-encoding").is_some(), encoding == "gzip");
        assert_eq!(first.headers["cache-control"], "no-cache");
        assert_eq!(first.headers["content-type"], "text/javascript; charset=utf-8");
        let etag = first.headers["etag"].to_str().expect("text");
        let again = [("accept-encoding", encoding), ("if-none-match", etag)];
        let again = server.ask("GET", "/v1/chat-client.js", &again, "").await;
        assert_eq!((again.status, again.body.len(), &again.headers["etag"]), (304, 0, &first.headers["etag"]));
    }
}

#[tokio::test]
async fn browsers_keep_for_ever_what_is_named_by_its_content_and_nothing_else() {
    let mut server = Server::start("/api").await;
    server.api = server.api.with_page(true);
    let page = server.ask("GET", "/api/", &[], "").await;
    assert_eq!(page.headers["cache-control"], "no-cache");
    let text = std::str::from_utf8(&page.body).expect("text");
    let assets: Vec<&str> = text.split('"').filter(|text| text.starts_with("assets/")).collect();
    assert!(assets.iter().filter(|path| path.ends_with(".js")).count() == 2, "{assets:?}");
    for path in assets {
        let asset = server.ask("GET", &format!("/api/{path}"), &[], "").await;
        assert_eq!(
            (asset.status, &asset.headers["cache-control"]),
            (200, &"public, max-age=31536000, immutable".parse().expect("a value")),
            "{path}"
        );
    }
    for path in ["service-worker.js", "shrink-worker.js", "page/icon.svg", "page/manifest.webmanifest"] {
        assert_eq!(
            server.ask("GET", &format!("/api/{path}"), &[], "").await.headers["cache-control"],
            "no-cache",
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_service_worker_knows_the_files_and_has_the_policy_of_the_page() {
    for admin in [AdminMode::Off, AdminMode::Read] {
        the_service_worker_is_that_of_the_page(admin).await;
    }
}

/// A browser installs no worker of which it cannot load every file.
async fn the_service_worker_is_that_of_the_page(admin: AdminMode) {
    let mut server = Server::start("/api").await;
    server.api = server.api.with_page(true).with_admin(admin, "{}");
    let page = server.ask("GET", "/api/", &[], "").await;
    let worker = server.ask("GET", "/api/service-worker.js", &[], "").await;
    assert_eq!(
        (worker.status, worker.headers["content-type"].as_bytes()),
        (200, &b"text/javascript; charset=utf-8"[..])
    );
    assert_eq!(worker.headers["content-security-policy"], page.headers["content-security-policy"]);
    let text = std::str::from_utf8(&worker.body).expect("text");
    let (_, list) = text.split_once("new Set(").expect("a list");
    let (list, _) = list.split_once(".map(").expect("its end");
    // The minifier writes the list as it is shortest: as an array, or as one text that is split.
    let words = list.split(['`', '"', ',', '[', ']']);
    let files: Vec<&str> =
        words.filter(|word| *word == "./" || (word.contains('.') && !word.starts_with('.'))).collect();
    let named = std::str::from_utf8(&page.body).expect("text").split('"').filter(|text| text.starts_with("assets/"));
    for file in named.chain(["./", "shrink-worker.js", "page/icon.svg", "page/manifest.webmanifest"]) {
        assert!(files.contains(&file), "{file} is not in {list}");
    }
    for file in &files {
        let path = format!("/api/{}", file.trim_start_matches("./"));
        assert_eq!(server.ask("GET", &path, &[], "").await.status, 200, "{path}");
    }
    assert!(!list.contains("service-worker") && !list.contains("v1/") && !list.contains("admin/"), "{list}");
}
