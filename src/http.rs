//! The REST half of the edge: it reads requests, asks the hub, and writes responses.
//!
//! ```text
//!  request -> routes (this table) -> http/<resource>.rs -> Hub or a query -> response | error -> finish
//!
//!  api, filters             the state that routes share, and the filters that they are built from
//!  credentials, body, query the parts of a request; no body is read before its sender is authenticated
//!  multipart, form          the same for forms with files; header_parameters reads their headers, multipart_feed feeds the parser
//!  response, error          the parts of a response; `error` alone maps a refusal to a status
//!  prepared                 responses that are made once and sent often
//!  static_files             the page, the library, the elements, the admin view
//!  cors, compression        headers and encodings that are added on the way out; pages are compressed where they are made
//! ```
//!
//! Each resource has a path and a file of the same name. Handlers never reject: they return a response or an [`ApiError`], so
//! the only rejections are warp's own, of paths and methods, and [`rejected`] answers them.

pub(crate) mod admin;
mod api;
mod api_docs;
mod body;
mod cards;
mod compression;
mod cors;
mod credentials;
pub mod error;
mod events;
mod filters;
mod form;
mod header_parameters;
mod health;
mod images;
mod internal;
mod media;
mod messages;
mod metrics_text;
mod multipart;
mod multipart_feed;
mod notifications;
mod page_permits;
mod prepared;
mod presence;
mod profiles;
mod query;
mod response;
mod send;
mod snapshots;
mod static_files;
mod sync;
mod threads;
mod tickets;
mod unread;
mod upload;
mod webhooks;

use std::convert::Infallible;
use std::time::Instant;

use chat_actors::metrics;
use chat_actors::protocol::ErrorCode;
use utoipa::OpenApi;
use warp::filters::BoxedFilter;
use warp::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{Method, StatusCode};
use warp::path::FullPath;
use warp::reject::MethodNotAllowed;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use filters::{one_of, options_method, with_api};

pub use api::{Api, ApiDocs};
pub use error::ApiError;

/// Every route. Tests compare this list with the filters below and with `/openapi.json`; `Allow` is made from it.
pub(crate) const ROUTES: [(Method, &str); 46] = [
    (Method::POST, "/chat/send"),
    (Method::POST, "/chat/upload"),
    (Method::GET, "/media/{id}/{rendition}"),
    (Method::GET, "/chat/messages"),
    (Method::PATCH, "/chat/messages/{id}"),
    (Method::DELETE, "/chat/messages/{id}"),
    (Method::GET, "/chat/threads"),
    (Method::GET, "/chat/threads/{id}"),
    (Method::POST, "/chat/threads/{id}/read"),
    (Method::GET, "/chat/unread"),
    (Method::GET, "/chat/sync"),
    (Method::GET, "/chat/presence"),
    (Method::GET, "/chat/profiles"),
    (Method::GET, "/chat/cards"),
    (Method::POST, "/chat/ticket"),
    (Method::GET, "/notifications"),
    (Method::POST, "/notifications/read-all"),
    (Method::POST, "/notifications/{id}/read"),
    (Method::DELETE, "/notifications/{id}"),
    (Method::POST, "/internal/notifications"),
    (Method::PUT, "/internal/profiles"),
    (Method::PUT, "/internal/cards"),
    (Method::POST, "/internal/messages"),
    (Method::GET, "/internal/events"),
    (Method::POST, "/admin/webhooks"),
    (Method::GET, "/admin/webhooks"),
    (Method::PATCH, "/admin/webhooks/{id}"),
    (Method::DELETE, "/admin/webhooks/{id}"),
    (Method::POST, "/admin/webhooks/{id}/secret"),
    (Method::POST, "/admin/webhooks/{id}/test"),
    (Method::GET, "/admin/webhooks/{id}/deliveries"),
    (Method::POST, "/admin/webhooks/{id}/deliveries/{delivery}/retry"),
    (Method::POST, "/admin/webhooks/{id}/replay"),
    (Method::GET, "/admin/users/{id}"),
    (Method::POST, "/admin/users/{id}/suspend"),
    (Method::POST, "/admin/users/{id}/restore"),
    (Method::POST, "/admin/users/{id}/end-sessions"),
    (Method::GET, "/admin/threads/{id}"),
    (Method::GET, "/admin/audit"),
    (Method::GET, "/admin/state"),
    (Method::GET, "/admin/state/stream"),
    (Method::GET, "/health/live"),
    (Method::GET, "/health/ready"),
    (Method::GET, "/metrics"),
    (Method::GET, "/openapi.json"),
    (Method::GET, "/asyncapi.json"),
];

/// The handlers of the routes, as `/openapi.json` describes them.
#[derive(OpenApi)]
#[openapi(paths(
    send::send_message,
    upload::upload_images,
    media::get_media,
    messages::get_messages,
    messages::patch_message,
    messages::delete_message,
    threads::get_threads,
    threads::get_thread,
    threads::read_thread,
    unread::get_unread,
    sync::get_changes,
    presence::get_presence,
    profiles::get_profiles,
    cards::get_cards,
    tickets::issue_ticket,
    notifications::get_notifications,
    notifications::read_notifications,
    notifications::read_notification,
    notifications::delete_notification,
    internal::create_notifications,
    internal::profiles::put_profiles,
    internal::cards::put_cards,
    internal::messages::send_system_message,
    events::get_events,
    webhooks::add_webhook,
    webhooks::get_webhooks,
    webhooks::patch_webhook,
    webhooks::delete_webhook,
    webhooks::rotate_secret,
    webhooks::test_webhook,
    webhooks::get_deliveries,
    webhooks::retry_delivery,
    webhooks::replay_deliveries,
    admin::users::get_user,
    admin::users::suspend_user,
    admin::users::restore_user,
    admin::users::end_sessions,
    admin::threads::get_thread,
    admin::audit::get_audit,
    admin::state::get_state,
    admin::state::stream_state,
    health::get_live,
    health::get_ready,
    health::get_metrics,
    api_docs::get_openapi,
    api_docs::get_asyncapi,
))]
pub(crate) struct Resources;

/// The paths of the WebSocket half of the edge.
pub(crate) const SOCKETS: [&str; 4] = ["/chat", "/notifications", "/ws/chat", "/ws/notifications"];

/// Returns the filter that answers every request: WebSocket upgrades first, then REST, and 404 for all others.
#[must_use]
pub fn routes(api: &Api, sockets: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    static_files::prepare();
    let rest = base(&api.base_path).and(table(api)).or(options(api)).unify();
    let answered = sockets.or(rest).unify().recover(rejected).unify();
    let finishing = api.clone();
    warp::any()
        .map(Instant::now)
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(answered)
        .then(move |started, method, path, headers, response| {
            finish(finishing.clone(), Request { started, method, path, headers }, response)
        })
        .boxed()
}

fn table(api: &Api) -> BoxedFilter<(Response,)> {
    let chat = one_of![
        send::create(api),
        upload::create(api),
        messages::list(api),
        messages::edit(api),
        messages::delete(api),
        threads::list(api),
        threads::show(api),
        threads::read(api),
        unread::count(api),
        sync::catch_up(api),
        presence::ask(api),
        profiles::list(api),
        cards::list(api),
        tickets::issue(api),
    ];
    let notifications = one_of![
        notifications::list(api),
        notifications::read_all(api),
        notifications::read(api),
        notifications::delete(api),
    ];
    let internal = one_of![
        internal::notify(api),
        internal::profiles::put(api),
        internal::cards::put(api),
        internal::messages::send(api),
        events::feed(api),
    ];
    let health = one_of![health::live(), health::ready(api)];

    one_of![
        warp::path("chat").and(chat),
        warp::path("notifications").and(notifications),
        warp::path("internal").and(internal),
        warp::path("admin").and(one_of![webhooks::routes(api), admin::routes(api)]),
        warp::path("health").and(health),
        media::read(api),
        health::metrics(api),
        api_docs::openapi(api),
        api_docs::asyncapi(api),
        static_files::files(api),
    ]
    .boxed()
}

fn base(path: &str) -> BoxedFilter<()> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(warp::any().boxed(), |base, segment| base.and(warp::path(segment.to_owned())).boxed())
}

/// Answers `OPTIONS` of every path: with the methods of the resource, or with the answer to a CORS preflight.
fn options(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    options_method()
        .and(with_api(api))
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(get_options)
        .map(Reply::into_response)
}

async fn get_options(api: Api, path: FullPath, headers: HeaderMap) -> Result<Response, ApiError> {
    let allowed = allowed(&api.base_path, path.as_str()).ok_or_else(ApiError::no_such_route)?;
    let mut response = response::done();
    if cors::is_preflight(&headers) {
        if !api.origins.may_read(&headers) {
            return Err(ApiError::new(ErrorCode::ForbiddenOrigin, "pages of this origin may not ask"));
        }
        cors::add_preflight_headers(allowed, &mut response);
    } else {
        response.headers_mut().insert(ALLOW, allowed);
    }
    Ok(response)
}

/// Answers requests that no route accepted.
async fn rejected(rejection: Rejection) -> Result<Response, Infallible> {
    let error = if rejection.find::<MethodNotAllowed>().is_some() {
        ApiError::method_not_allowed()
    } else if rejection.is_not_found() {
        ApiError::no_such_route()
    } else {
        // Our filters reject in no other way: what remains is a request that warp could not parse.
        tracing::debug!(?rejection, "a request was rejected");
        ApiError::bad_request("the request cannot be read")
    };
    Ok(error.into_response())
}

/// The parts of a request that outlive its handler: for the headers of the response, metrics and logs.
struct Request {
    started: Instant,
    method: Method,
    path: FullPath,
    headers: HeaderMap,
}

/// Adds the headers that keep an answer private and harmless, unless the answer has its own.
pub(crate) fn add_default_headers(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// Adds the headers that every answer has, counts the request and logs it. Query strings are not logged: they may carry tokens.
async fn finish(api: Api, request: Request, mut response: Response) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = allowed(&api.base_path, request.path.as_str())
    {
        response.headers_mut().insert(ALLOW, allowed);
    }
    add_default_headers(response.headers_mut());
    cors::add_headers(&api.origins, &request.headers, &mut response);
    let response = compression::negotiate(compression::accepts_gzip(&request.headers), response).await;
    let (status, took) = (response.status().as_u16(), request.started.elapsed());
    let (method, route) = metric_labels(&api.base_path, &request);
    metrics::http(method, route, status, took);
    tracing::debug!(
        http.method = %request.method,
        http.path = request.path.as_str(),
        http.status = status,
        http.ms = took.as_secs_f64() * 1_000.0,
        "answered"
    );
    response
}

/// Returns the method and the route of a request as metric labels: those of the table, and `other` for the rest.
fn metric_labels(base_path: &str, request: &Request) -> (&'static str, &'static str) {
    const OTHER: (&str, &str) = ("other", "other");
    let Some(path) = request.path.as_str().strip_prefix(base_path) else { return OTHER };
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    static COUNTED: [(Method, &str); ROUTES.len()] = ROUTES;
    let route = COUNTED.iter().find(|(known, route)| known == method && matches_route(route, path));
    route.map_or(OTHER, |(method, route)| (method.as_str(), route))
}

/// Returns the methods of a path, as `Allow` writes them; `None` if nothing is there.
fn allowed(base_path: &str, path: &str) -> Option<HeaderValue> {
    let path = path.strip_prefix(base_path)?;
    // As in warp, a trailing slash makes no difference.
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut methods: Vec<&str> =
        ROUTES.iter().filter(|(_, route)| matches_route(route, path)).map(|(method, _)| method.as_str()).collect();
    if SOCKETS.contains(&path) && !methods.contains(&"GET") {
        methods.push("GET");
    }
    if methods.is_empty() {
        return None;
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).ok()
}

/// Tells whether a path matches a route.
fn matches_route(route: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
