//! The REST half of the edge: requests in, the hub behind, answers out.
//!
//! ```text
//!  request -> routes (this table) -> http/<resource>.rs -> Hub or a query -> answer | error -> finish -> response
//!
//!  caller, body, query    what a request shows: who calls, what it carries; nothing is read before it is known who asks
//!  multipart, form        the same for forms with files; parameters reads their headers, feed hands on what comes
//!  answer, error          what goes back; `error` alone turns a refusal into a status
//!  prepared               what is made once and sent often
//!  cors, compression      what is added on the way out; pages are packed where they are made
//! ```
//!
//! A path is a resource is a file. Handlers never reject: they return an answer or an [`ApiError`], so the only
//! rejections are warp's own, of paths and methods, and [`refused`] answers them.

mod answer;
mod body;
mod caller;
mod compression;
mod cors;
pub(crate) mod documents;
pub mod error;
mod feed;
mod form;
pub(crate) mod health;
mod images;
pub(crate) mod internal;
pub(crate) mod media;
pub(crate) mod messages;
mod multipart;
pub(crate) mod notifications;
mod page;
mod parameters;
mod places;
mod prepared;
pub(crate) mod presence;
mod query;
pub(crate) mod send;
pub(crate) mod sync;
pub(crate) mod threads;
pub(crate) mod tickets;
pub(crate) mod unread;
pub(crate) mod upload;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use chat_actors::protocol::ErrorCode;
use chat_actors::{Hub, metrics};
use metrics_exporter_prometheus::PrometheusHandle;
use warp::filters::BoxedFilter;
use warp::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, UPGRADE,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{Method, StatusCode};
use warp::path::FullPath;
use warp::reject::MethodNotAllowed;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use caller::Caller;
use query::Query;

use crate::auth::Authenticator;
use crate::auth::origin::Policy;
use crate::headers;
pub use error::ApiError;

/// What every route may use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    hub: Hub,
    authenticator: Authenticator,
    origins: Policy,
    base_path: Arc<str>,
    metrics: health::Written,
    documents: Arc<documents::Documents>,
    /// Whether images are read from the store, where it has links of its own.
    redirects: bool,
    /// Whether the page is served.
    page: bool,
    places: places::Places,
}

impl Api {
    /// Gathers what the routes use. `base_path` is empty or begins with a slash.
    #[must_use]
    pub fn new(
        hub: Hub,
        authenticator: Authenticator,
        origins: Policy,
        base_path: &str,
        metrics: PrometheusHandle,
    ) -> Self {
        let base_path = base_path.trim_end_matches('/').into();
        let (metrics, documents) = (health::Written::new(metrics), Arc::default());
        let places = places::Places::default();
        Self { hub, authenticator, origins, base_path, metrics, documents, redirects: false, page: false, places }
    }

    /// Sends those who read images on to the store, if that has links of its own.
    #[must_use]
    pub fn with_redirects(mut self, redirects: bool) -> Self {
        self.redirects = redirects;
        self
    }

    /// Serves the page, or not; without a word it is not served.
    #[must_use]
    pub fn with_page(mut self, page: bool) -> Self {
        if page {
            page::prepare();
        }
        self.page = page;
        self
    }
}

/// Has a handler make an answer that is a page of its caller's, and packs it, where messages do not wait for it. The caller has a
/// few places for them. A client that hangs up does not end what is begun: it may read in a transaction, and one that is dropped
/// half-way harms its connection.
async fn aside<Made>(
    api: Api,
    caller: Caller,
    query: Query,
    handler: impl FnOnce(Api, Caller, Query) -> Made,
) -> Response
where
    Made: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    let place = async { api.places.take(caller.user(&api)?).await };
    let place = match Box::pin(place).await {
        Ok(place) => place,
        Err(refused) => return refused.into_response(),
    };
    let (hub, gzip) = (api.hub.clone(), caller.takes_gzip());
    let made = handler(api, caller, query);
    // Boxed, for each that hands it on would have room for it.
    let made =
        Box::pin(async move { place.rides_in(compression::packed(gzip, made.await.into_response()).await).await });
    hub.run_low_priority(made).await.unwrap_or_else(|refused| ApiError::from(refused).into_response())
}

/// Every route: what `Allow` names, what `/openapi.json` describes, what the filters below answer. Tests hold the
/// three against each other.
pub(crate) const ROUTES: [(Method, &str); 23] = [
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
    (Method::POST, "/chat/ticket"),
    (Method::GET, "/notifications"),
    (Method::POST, "/notifications/read-all"),
    (Method::POST, "/notifications/{id}/read"),
    (Method::DELETE, "/notifications/{id}"),
    (Method::POST, "/internal/notifications"),
    (Method::GET, "/health/live"),
    (Method::GET, "/health/ready"),
    (Method::GET, "/metrics"),
    (Method::GET, "/openapi.json"),
    (Method::GET, "/asyncapi.json"),
];

/// Where the sockets are: what the other half of the edge answers.
pub(crate) const SOCKETS: [&str; 4] = ["/chat", "/notifications", "/ws/chat", "/ws/notifications"];

/// Joins routes into one that answers what the first fitting one answers.
macro_rules! one_of {
    ($first:expr $(, $rest:expr)* $(,)?) => { $first$(.or($rest).unify())* };
}

/// Answers every request: the sockets' upgrades first, then REST, and 404 for the rest.
#[must_use]
pub fn routes(api: &Api, sockets: BoxedFilter<(Response,)>) -> BoxedFilter<(Response,)> {
    let rest = base(&api.base_path).and(table(api)).or(options(api)).unify();
    let answered = sockets.or(rest).unify().recover(refused).unify();
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
        tickets::issue(api),
    ];
    let notifications = one_of![
        notifications::list(api),
        notifications::read_all(api),
        notifications::read(api),
        notifications::delete(api),
    ];
    let health = one_of![health::live(), health::ready(api)];

    one_of![
        warp::path("chat").and(chat),
        warp::path("notifications").and(notifications),
        warp::path("internal").and(internal::notify(api)),
        warp::path("health").and(health),
        media::read(api),
        health::metrics(api),
        documents::openapi(api),
        documents::asyncapi(api),
        page::files(api),
    ]
    .boxed()
}

/// Hands a route what it may use.
fn given(api: &Api) -> impl Filter<Extract = (Api,), Error = Infallible> + Clone + use<> {
    let api = api.clone();
    warp::any().map(move || api.clone())
}

/// Lets GET pass, and HEAD, whose answer loses its body on the way out.
fn reading() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::get().or(warp::head()).unify()
}

/// Leaves requests for a WebSocket to the other half of the edge.
fn no_upgrade() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::header::headers_cloned()
        .and_then(
            async |headers: HeaderMap| {
                if headers::lists(&headers, &UPGRADE, "websocket") { Err(warp::reject()) } else { Ok(()) }
            },
        )
        .untuple_one()
}

fn base(path: &str) -> BoxedFilter<()> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(warp::any().boxed(), |base, segment| base.and(warp::path(segment.to_owned())).boxed())
}

/// `OPTIONS` of everything: what a resource has, and what a page of another origin may do.
fn options(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    // `warp::options` would say of every path that its method is wrong.
    warp::method()
        .and_then(async |method: Method| if method == Method::OPTIONS { Ok(()) } else { Err(warp::reject()) })
        .untuple_one()
        .and(given(api))
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(get_options)
        .map(Reply::into_response)
}

async fn get_options(api: Api, path: FullPath, headers: HeaderMap) -> Result<Response, ApiError> {
    let allowed = allowed(&api.base_path, path.as_str()).ok_or_else(ApiError::no_such_route)?;
    let mut response = answer::done();
    if cors::is_preflight(&headers) {
        if !api.origins.may_read(&headers) {
            return Err(ApiError::new(ErrorCode::ForbiddenOrigin, "pages of this origin may not ask"));
        }
        cors::permit(allowed, &mut response);
    } else {
        response.headers_mut().insert(ALLOW, allowed);
    }
    Ok(response)
}

/// Answers what no route took.
async fn refused(rejection: Rejection) -> Result<Response, Infallible> {
    let error = if rejection.find::<MethodNotAllowed>().is_some() {
        ApiError::method_not_allowed()
    } else if rejection.is_not_found() {
        ApiError::no_such_route()
    } else {
        // No filter of ours rejects otherwise: what is left is a request that warp could not make sense of.
        tracing::debug!(?rejection, "a request was rejected");
        ApiError::bad_request("the request cannot be read")
    };
    Ok(error.into_response())
}

/// What of a request outlives its handler.
struct Request {
    started: Instant,
    method: Method,
    path: FullPath,
    headers: HeaderMap,
}

/// Adds the headers that keep an answer private and harmless, where it says nothing else.
pub(crate) fn dress(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// Adds to an answer what every answer has, and logs it. Query strings are left out: they may carry tokens.
async fn finish(api: Api, request: Request, mut response: Response) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    if response.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Some(allowed) = allowed(&api.base_path, request.path.as_str())
    {
        response.headers_mut().insert(ALLOW, allowed);
    }
    dress(response.headers_mut());
    cors::admit(&api.origins, &request.headers, &mut response);
    let response = compression::negotiate(compression::takes_gzip(&request.headers), response).await;
    let (status, took) = (response.status().as_u16(), request.started.elapsed());
    let (method, route) = named(&api.base_path, &request);
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

/// Returns the method and the route of a request as they are counted: those of the table, and one name for all others.
fn named(base_path: &str, request: &Request) -> (&'static str, &'static str) {
    const OTHER: (&str, &str) = ("other", "other");
    let Some(path) = request.path.as_str().strip_prefix(base_path) else { return OTHER };
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    static COUNTED: [(Method, &str); ROUTES.len()] = ROUTES;
    let route = COUNTED.iter().find(|(known, route)| known == method && fits(route, path));
    route.map_or(OTHER, |(method, route)| (method.as_str(), route))
}

/// Returns the methods of a path, as `Allow` writes them; `None` if nothing is there.
fn allowed(base_path: &str, path: &str) -> Option<HeaderValue> {
    let path = path.strip_prefix(base_path)?;
    // As warp does: a slash at the end is no other path.
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut methods: Vec<&str> =
        ROUTES.iter().filter(|(_, route)| fits(route, path)).map(|(method, _)| method.as_str()).collect();
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

/// Tells whether a path is one of a route's.
fn fits(route: &str, path: &str) -> bool {
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
