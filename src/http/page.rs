//! The page, and the client library that it is made with: files of `web/`, carried by the binary.
//!
//! They stand where they stand in the repository: `/page/js/app.js` is `web/page/js/app.js`. The page itself is the
//! base path with a slash at its end, so that its relative addresses hold under any base path.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use chat_database::media::Rendition;
use url::Url;
use warp::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, LOCATION};
use warp::http::{Method, StatusCode};
use warp::path::{FullPath, Tail};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::ApiError;
use super::prepared::Prepared;
use super::{Api, given};

/// What the page may do: load its own files, show images that it made itself, ask the server that it came from.
/// Nothing inline, nothing from elsewhere, and no text ever becomes HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
     connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// What [`POLICY`] says of images.
const IMAGES: &str = "img-src 'self' blob:";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The page itself.
const INDEX: &str = "index.html";

/// Reads files of `web/` into the binary.
macro_rules! files {
    ($($path:literal)*) => { [$(($path, include_bytes!(concat!("../../web/", $path)))),*] };
}

/// Every file of the page.
const FILES: [(&str, &[u8]); 48] = files![
    "index.html"
    "chat-client.js"
    "client/account.js"
    "client/connection.js"
    "client/credentials.js"
    "client/delivery.js"
    "client/draft.js"
    "client/errors.js"
    "client/events.js"
    "client/notifications.js"
    "client/outbox.js"
    "client/pacer.js"
    "client/presence.js"
    "client/promises.js"
    "client/receipts.js"
    "client/rest.js"
    "client/store.js"
    "client/tab.js"
    "client/threads.js"
    "client/time.js"
    "client/turns.js"
    "client/unread.js"
    "client/visible.js"
    "page/icon.svg"
    "page/css/base.css"
    "page/css/inbox.css"
    "page/css/conversation.css"
    "page/css/composer.css"
    "page/css/panels.css"
    "page/js/app.js"
    "page/js/bubble.js"
    "page/js/composer.js"
    "page/js/connection.js"
    "page/js/conversation.js"
    "page/js/dialogs.js"
    "page/js/dom.js"
    "page/js/drafts.js"
    "page/js/format.js"
    "page/js/icons.js"
    "page/js/inbox.js"
    "page/js/lightbox.js"
    "page/js/notifications.js"
    "page/js/pictures.js"
    "page/js/session.js"
    "page/js/text.js"
    "page/js/timeline.js"
    "page/js/unsent.js"
    "page/vendor/blurhash.js"
];

/// A file, ready to be sent.
struct Ready {
    path: &'static str,
    body: Prepared,
}

static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| FILES.iter().map(|(path, bytes)| ready(path, bytes)).collect());

/// Packs every file, if that has not been done: before the first one is asked for, on whose thread messages wait.
pub(super) fn prepare() {
    LazyLock::force(&READY);
}

/// `GET /` and the files of the page, where it is turned on.
pub(super) fn files(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path::tail()
        .and(given(api))
        .and_then(async |tail: Tail, api: Api| {
            if !api.page {
                return Err(warp::reject());
            }
            let path = if tail.as_str().is_empty() { INDEX } else { tail.as_str() };
            // Warp takes a path with and without the slash at its end for the same; files have none.
            let found = READY.iter().find(|file| file.path == path && (path != INDEX || tail.as_str().is_empty()));
            found.ok_or_else(warp::reject)
        })
        .and(given(api))
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(get_file)
}

async fn get_file(file: &'static Ready, api: Api, method: Method, path: FullPath, headers: HeaderMap) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        let mut response = ApiError::method_not_allowed().into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if file.path == INDEX && !path.as_str().ends_with('/') {
        return moved(&format!("{}/", api.base_path));
    }
    let mut response = file.body.answer(&headers);
    let head = response.headers_mut();
    // A new version of the hub is a new version of the page, at once.
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if file.path == INDEX {
        head.insert(CONTENT_SECURITY_POLICY, policy(&api).await);
        head.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

/// Returns the policy. Where readers of images are sent on to the store, the page may show what is there.
async fn policy(api: &Api) -> HeaderValue {
    let widened = match store_origin(api).await {
        Some(origin) => HeaderValue::try_from(POLICY.replace(IMAGES, &format!("{IMAGES} {origin}"))).ok(),
        None => None,
    };
    widened.unwrap_or(HeaderValue::from_static(POLICY))
}

/// Returns where the store's own links lead, if readers are given such.
async fn store_origin(api: &Api) -> Option<String> {
    if !api.redirects {
        return None;
    }
    // Links are made here, without asking the store; one image's is as good as another's.
    let link = api.hub.store().link("any", Rendition::Thumb, Duration::from_secs(1)).await.ok()??;
    Url::parse(&link).ok().map(|link| link.origin().ascii_serialization())
}

/// Sends a browser on; it keeps what stands behind the `#`.
fn moved(to: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn ready(path: &'static str, bytes: &'static [u8]) -> Ready {
    Ready { path, body: Prepared::new(media_type(path), Bytes::from_static(bytes)) }
}

fn media_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    })
}
