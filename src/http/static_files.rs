//! The page, the client library and elements for pages of other origins, and the admin view: files of `web/`, embedded in the binary.
//!
//! Their paths are those of the repository: `/page/js/app.js` is `web/page/js/app.js`. The page itself is the base path with a slash
//! at its end, so that its relative addresses hold under any base path. The service worker, which keeps the page for a start without
//! a network, stands beside it: a worker sees what lies below its own path. The same files are below `/v1/`, all but the page: there
//! they are always served, and what other pages use of them stays as it is.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chat_database::media::Rendition;
use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};
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
use super::lean::{Language, lean};
use super::prepared::Prepared;
use crate::cli::admin::AdminMode;

/// The page's Content Security Policy, which is that of its workers, too: its own files, images that it made itself, requests to
/// its own server. Nothing inline, and no text ever becomes HTML. Of other origins there are images alone, by https: the pictures of
/// users and of cards. Where these are the core says (`PUT /internal/profiles` and `/internal/cards`), and no user can. `workers`
/// makes the addresses of the two workers, and no others (`page/js/worker-url.js`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: https:; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types workers";

/// The part of [`POLICY`] about images.
const IMAGES: &str = "img-src 'self' blob: https:";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The page itself.
const INDEX: &str = "index.html";

/// Where pages of other origins find the library and the elements: a change that would break such a page gets another number.
const PUBLIC: &str = "v1/";

/// The service worker. The hub tells it the version of the page, and its files.
const SERVICE_WORKER: &str = "service-worker.js";

/// The scripts that run as workers: they have the policy of their own answer, and not that of the page.
const WORKERS: [&str; 2] = [SERVICE_WORKER, "page/js/shrink-worker.js"];

/// The admin view, which stands at `/admin`: its relative addresses are those of the page.
const ADMIN_INDEX: &str = "admin/index.html";
const ADMIN: &str = "admin";

/// The files of the page that the admin view uses, too.
const SHARED: [&str; 5] =
    ["page/css/base.css", "page/css/dark.css", "page/icon.svg", "page/js/dom.js", "page/js/session.js"];

/// The folders of the page and of the admin view. `build.rs` has them embedded again when a file is added to them.
static FOLDERS: [(&str, Dir<'_>); 3] = [
    (ADMIN, include_dir!("$CARGO_MANIFEST_DIR/web/admin")),
    ("client", include_dir!("$CARGO_MANIFEST_DIR/web/client")),
    ("page", include_dir!("$CARGO_MANIFEST_DIR/web/page")),
];

/// The files that stand beside the folders.
static FILES: [(&str, &[u8]); 3] = [
    (INDEX, include_bytes!("../../web/index.html")),
    ("chat-client.js", include_bytes!("../../web/chat-client.js")),
    ("element.js", include_bytes!("../../web/element.js")),
];

/// Tells a file of the page from what an editor or a file manager has left in its folder.
fn is_of_the_page(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ["css", "html", "js", "json", "png", "svg", "webmanifest"].iter().any(|known| ending == *known)
    })
}

/// A file with its prepared response.
struct StaticFile {
    path: String,
    body: Prepared,
}

static PREPARED: LazyLock<Vec<StaticFile>> = LazyLock::new(|| {
    let files = FILES.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes));
    let folders = FOLDERS.iter().flat_map(|(name, folder)| {
        all_files(folder)
            .filter(|file| is_of_the_page(file.path()))
            .map(move |file| (format!("{name}/{}", file.path().display()), file.contents()))
    });
    let mut prepared: Vec<StaticFile> =
        files.chain(folders).map(|(path, bytes)| StaticFile::new(path, bytes)).collect();
    prepared.push(service_worker(&prepared));
    prepared
});

/// Compresses every file, if that has not been done. Called at start: the first request would otherwise delay messages.
pub(super) fn prepare() {
    LazyLock::force(&PREPARED);
}

impl StaticFile {
    fn new(path: String, bytes: &'static [u8]) -> Self {
        let body = Prepared::new(media_type(&path), leaned(&path, bytes));
        Self { path, body }
    }
}

/// Returns what browsers are sent of a file: of the project's own scripts and styles all but comments and indentation.
fn leaned(path: &str, bytes: &'static [u8]) -> Bytes {
    let language = match path.rsplit('.').next() {
        Some("js") if !path.contains("/vendor/") => Language::Script,
        Some("css") => Language::Style,
        _ => return Bytes::from_static(bytes),
    };
    std::str::from_utf8(bytes).map_or(Bytes::from_static(bytes), |text| lean(text, language).into())
}

/// Returns the service worker for these files, but for those of the admin view: users have no use for them, and a browser installs no
/// worker of which it cannot load every file. Each other file makes it another one, which browsers then install.
fn service_worker(all: &[StaticFile]) -> StaticFile {
    let files: Vec<&StaticFile> = all.iter().filter(|file| !is_of_admin(&file.path)).collect();
    let mut digest = Sha256::new();
    for file in &files {
        digest.update(&file.path);
        digest.update(file.body.etag());
    }
    let version = URL_SAFE_NO_PAD.encode(&digest.finalize()[..12]);
    let paths =
        files.iter().map(|file| if file.path == INDEX { "'./'".to_owned() } else { format!("'{}'", file.path) });
    let text = lean(include_str!("../../web/service-worker.js"), Language::Script)
        .replacen("'development'", &format!("'{version}'"), 1)
        .replacen("'./'", &paths.collect::<Vec<_>>().join(", "), 1);
    StaticFile { path: SERVICE_WORKER.to_owned(), body: Prepared::new(media_type(SERVICE_WORKER), text.into()) }
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
                // Each of the two has one address.
                path if path.ends_with(INDEX) => return Err(warp::reject()),
                path => match path.strip_prefix(PUBLIC) {
                    Some(public) if !is_of_admin(public) => public,
                    None if is_served(&api, path) => path,
                    _ => return Err(warp::reject()),
                },
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

/// Tells whether a file is served: those of the page where it is turned on, those of the admin view where there is one.
fn is_served(api: &Api, path: &str) -> bool {
    if is_of_admin(path) { has_admin(api) } else { api.page || (has_admin(api) && SHARED.contains(&path)) }
}

fn is_of_admin(path: &str) -> bool {
    path.strip_prefix(ADMIN).is_some_and(|rest| rest.starts_with('/'))
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
    if let Err(refused) = caller.may_knock(&api) {
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
        // Who shows no token may load the view, which asks for one.
        if caller.shows_credentials()
            && let Err(refused) = caller.admin(&api)
            && refused.status() == StatusCode::FORBIDDEN
        {
            return refused.into_response();
        }
    }
    let mut response = file.body.answer(&headers);
    let head = response.headers_mut();
    // Browsers revalidate, so that a new version of the hub brings its page at once.
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if matches!(&*file.path, INDEX | ADMIN_INDEX) || WORKERS.contains(&file.path.as_str()) {
        head.insert(CONTENT_SECURITY_POLICY, policy(&api).await);
    }
    if matches!(&*file.path, INDEX | ADMIN_INDEX) {
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
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    })
}
