//! The page, the client library and elements for pages of other origins, and the admin view: the files of `web/dist/`, embedded in
//! the binary. `web/build.js` makes them of the sources in `web/` ([ADR 29](../../docs/adr/0029-one-bundle-for-each-entry.md)).
//!
//! A file's path is its address below the base path. The page's own address is the base path with a slash at its end, so
//! that its relative addresses work under any base path. Its service worker is beside it, because a worker controls only
//! what is below its own path. The files below `v1/` are for pages of other origins: they are always served, and their
//! interface does not change.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use chat_database::media::Rendition;
use include_dir::{Dir, File, include_dir};
use url::Url;
use warp::http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, LOCATION};
use warp::http::{Method, StatusCode};
use warp::path::{FullPath, Tail};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::with_api;
use super::prepared::Prepared;
use crate::cli::admin::AdminMode;

/// The Content Security Policy of the page and of its workers. It allows the hub's own files, images that the page itself
/// made, and requests to the hub; nothing inline, and no text that becomes HTML. From other origins it allows images alone,
/// by https: the pictures of users and cards, whose addresses come from the core (`PUT /internal/profiles` and
/// `/internal/cards`), never from users. The trusted-types policy `workers` makes the addresses of the two workers, and no
/// others (`web/page/js/worker-url.js`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: https:; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types workers";

/// The part of [`POLICY`] about images.
const IMAGES: &str = "img-src 'self' blob: https:";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The page itself.
const INDEX: &str = "index.html";

/// The folder of the library and the elements for pages of other origins: a change that breaks such pages gets another
/// number.
const PUBLIC: &str = "v1";

/// The scripts that run as workers: the policy of their own response applies to them, not that of the page.
const WORKERS: [&str; 2] = ["service-worker.js", "shrink-worker.js"];

/// The admin view. Its address is `/admin`, without a slash at the end, so its relative addresses are those of the page.
const ADMIN_INDEX: &str = "admin/index.html";
const ADMIN: &str = "admin";

/// The folders of files that have a digest of their content in their name.
const ASSETS: &str = "assets/";

/// How browsers keep such a file: for a year, and they do not ask again.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// How browsers keep the other files: they revalidate them, so that a new version of the hub brings its page at once.
const REVALIDATED: &str = "no-cache";

/// The files that are served. `build.rs` makes cargo embed them again when a file is added.
static DIST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web/dist");

/// The same files compressed, by `build.rs`; those that compression does not make smaller are missing.
static GZIPPED: Dir<'_> = include_dir!("$OUT_DIR/gzip");

/// A file with its prepared response.
struct StaticFile {
    path: &'static str,
    body: Prepared,
}

static PREPARED: LazyLock<Vec<StaticFile>> = LazyLock::new(|| {
    all_files(&DIST)
        .filter_map(|file| {
            let path = file.path().to_str()?;
            let content = |file: &'static File<'static>| Bytes::from_static(file.contents());
            let gzipped = GZIPPED.get_file(path).map(content);
            Some(StaticFile { path, body: Prepared::with_gzip(media_type(path), content(file), gzipped) })
        })
        .collect()
});

/// Prepares the response of every file, if that has not been done. Called at start: the first request would otherwise delay messages.
pub(super) fn prepare() {
    LazyLock::force(&PREPARED);
}

fn all_files(folder: &'static Dir<'static>) -> Box<dyn Iterator<Item = &'static File<'static>>> {
    Box::new(folder.files().chain(folder.dirs().flat_map(all_files)))
}

/// `GET /` and the files of the page, where it is turned on; those of the admin view, where there is one; the public files always.
pub(super) fn files(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path::tail()
        .and(with_api(api))
        .and_then(async |tail: Tail, api: Api| {
            // Warp ignores a trailing slash; the path of a file has none.
            let path = match tail.as_str() {
                "" if api.page => INDEX,
                ADMIN | "admin/" if has_admin(&api) => ADMIN_INDEX,
                // The two index files have one address each, the ones above.
                path if !path.ends_with(INDEX) && is_served(&api, path) => path,
                _ => return Err(warp::reject()),
            };
            PREPARED.iter().find(|file| file.path == path).ok_or_else(warp::reject)
        })
        .and(with_api(api))
        .and(caller())
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(get_file)
}

/// Tells whether a file is served: the public ones always, those of the admin view where there is one, those of the page where it
/// is turned on.
fn is_served(api: &Api, path: &str) -> bool {
    match path.split('/').next() {
        Some(PUBLIC) => true,
        Some(ADMIN) => has_admin(api),
        _ => api.page,
    }
}

fn has_admin(api: &Api) -> bool {
    api.admin != AdminMode::Off
}

async fn get_file(
    file: &'static StaticFile,
    api: Api,
    caller: Caller,
    method: Method,
    path: FullPath,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = caller.check_address_rate(&api) {
        return refused.into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        let mut response = ApiError::method_not_allowed().into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if file.path == INDEX && !path.as_str().ends_with('/') {
        return permanent_redirect(&format!("{}/", api.base_path));
    }
    if file.path == ADMIN_INDEX {
        if path.as_str().ends_with('/') {
            return permanent_redirect(&format!("{}/{ADMIN}", api.base_path));
        }
        // A caller without a token may load the view, which asks for one.
        if caller.shows_credentials()
            && let Err(refused) = caller.admin(&api)
            && refused.status() == StatusCode::FORBIDDEN
        {
            return refused.into_response();
        }
    }
    let mut response = file.body.answer(&headers);
    let head = response.headers_mut();
    let kept = if file.path.contains(ASSETS) { IMMUTABLE } else { REVALIDATED };
    head.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    if matches!(file.path, INDEX | ADMIN_INDEX) || WORKERS.contains(&file.path) {
        head.insert(CONTENT_SECURITY_POLICY, policy(&api).await);
    }
    if matches!(file.path, INDEX | ADMIN_INDEX) {
        head.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

/// Returns the policy. Where readers of images are redirected to the store, the page may show images of its origin.
async fn policy(api: &Api) -> HeaderValue {
    let widened = match store_origin(api).await {
        Some(origin) => HeaderValue::try_from(POLICY.replace(IMAGES, &format!("{IMAGES} {origin}"))).ok(),
        None => None,
    };
    widened.unwrap_or(HeaderValue::from_static(POLICY))
}

/// Returns the origin of the store's own links, if readers are redirected to them.
async fn store_origin(api: &Api) -> Option<String> {
    if !api.redirects {
        return None;
    }
    // The hub signs links itself; the origin is the same for every image.
    let link = api.hub.store().link("any", Rendition::Thumb, Duration::from_secs(1)).await.ok()??;
    Url::parse(&link).ok().map(|link| link.origin().ascii_serialization())
}

/// Redirects a browser permanently; it keeps the fragment behind the `#`.
fn permanent_redirect(to: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn media_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    })
}
