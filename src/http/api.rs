//! The state that all routes share.

use std::ops::Deref;
use std::sync::Arc;

use chat_actors::Hub;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use super::metrics_text::MetricsText;
use super::page_permits::PagePermits;
use super::prepared::Document;
use super::snapshots::Snapshots;
use crate::auth::Authenticator;
use crate::auth::origin::Policy;
use crate::cli::admin::AdminMode;
use crate::client_address::TrustedProxies;

/// How many streams of `/admin/state/stream` may be open on a node.
const STREAMS: usize = 20;

/// The state that all routes share. Cheap to clone: each request gets a clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Shared>);

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What an [`Api`] refers to.
#[derive(Debug, Clone)]
pub struct Shared {
    pub(super) hub: Hub,
    pub(super) authenticator: Authenticator,
    pub(super) origins: Policy,
    pub(super) base_path: Arc<str>,
    pub(super) metrics: MetricsText,
    pub(super) docs: Arc<ApiDocs>,
    /// Whether readers of images are redirected to the store, if it signs links.
    pub(super) redirects: bool,
    /// Whether the core may name `http` URLs, too: in development mode.
    pub(super) http_urls: bool,
    /// Whether the page is served.
    pub(super) page: bool,
    pub(super) page_permits: PagePermits,
    /// What the staff may do.
    pub(super) admin: AdminMode,
    pub(super) proxies: TrustedProxies,
    pub(super) snapshots: Snapshots,
    /// A permit for each open stream of `/admin/state/stream`.
    pub(super) streams: Arc<Semaphore>,
}

/// The API descriptions that the hub serves, each a function of the base path.
#[derive(Debug)]
pub struct ApiDocs {
    pub(super) openapi: Document,
    pub(super) asyncapi: Document,
}

impl ApiDocs {
    /// Makes both descriptions from the functions that write them; each is written when it is first requested.
    #[must_use]
    pub fn new(openapi: fn(&str) -> serde_json::Value, asyncapi: fn(&str) -> serde_json::Value) -> Self {
        Self { openapi: Document::new(openapi), asyncapi: Document::new(asyncapi) }
    }
}

impl Api {
    /// Gathers the state of the routes. `base_path` is empty or begins with a slash.
    #[must_use]
    pub fn new(
        hub: Hub,
        authenticator: Authenticator,
        origins: Policy,
        base_path: &str,
        metrics: PrometheusHandle,
        docs: ApiDocs,
    ) -> Self {
        let base_path = base_path.trim_end_matches('/').into();
        let (metrics, docs) = (MetricsText::new(metrics), Arc::new(docs));
        let snapshots = Snapshots::new(metrics.clone());
        let page_permits = PagePermits::default();
        Self(Arc::new(Shared {
            hub,
            authenticator,
            origins,
            base_path,
            metrics,
            docs,
            redirects: false,
            http_urls: false,
            page: false,
            page_permits,
            admin: AdminMode::Read,
            proxies: TrustedProxies::default(),
            snapshots,
            streams: Arc::new(Semaphore::new(STREAMS)),
        }))
    }

    /// Redirects readers of images to the store, if the store signs links of its own.
    #[must_use]
    pub fn with_redirects(mut self, redirects: bool) -> Self {
        self.shared().redirects = redirects;
        self
    }

    /// Sets whether the core may name `http` URLs; by default URLs must be `https`.
    #[must_use]
    pub fn with_http_urls(mut self, http_urls: bool) -> Self {
        self.shared().http_urls = http_urls;
        self
    }

    /// Sets what the staff may do (by default: read), and the settings that it sees: a JSON object of texts.
    #[must_use]
    pub fn with_admin(mut self, admin: AdminMode, settings: &str) -> Self {
        let shared = self.shared();
        shared.admin = admin;
        shared.snapshots = shared.snapshots.clone().showing(settings, admin.as_str());
        self
    }

    /// Sets the proxies whose `X-Forwarded-For` counts; by default there are none.
    #[must_use]
    pub fn with_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.shared().proxies = proxies;
        self
    }

    /// Sets whether the page is served; by default it is not.
    #[must_use]
    pub fn with_page(mut self, page: bool) -> Self {
        self.shared().page = page;
        self
    }

    /// Returns what is to be changed before there are clones.
    fn shared(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.0)
    }
}
