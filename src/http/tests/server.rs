//! The route table over a hub with a database of its own, without sockets.

use std::time::Duration;

use bytes::Bytes;
use chat_actors::Hub;
use chat_actors::hub::{Options, Rates};
use chat_actors::outbox::Capacity;
use chat_actors::protocol::server::Limits;
use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::{Database, connect};
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tempfile::TempDir;
use warp::http::Request as HttpRequest;

use super::super::*;
use crate::auth::mint::{self, Mint};
use crate::auth::origin::Policy;
use crate::auth::{Authenticator, Issuer, Keys, Role};
use crate::schema;

const SECRET: &str = "a secret that is long enough for HS256";
pub(super) const SHOP: &str = "https://shop.example";

/// A server without sockets.
pub(super) struct Server {
    pub(super) api: Api,
    _folder: TempDir,
}

/// An answer, read.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error").to_owned()
    }
}

impl Server {
    pub(super) async fn start(base_path: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/chat.db?mode=rwc", folder.path().display());
        let database = Database::connect(&connect::Options { url, readers: 2 }).await.expect("a database");
        chat_migrations::up(database.for_migrations()).await.expect("a schema");
        let hub = Hub::start(database, chat_database::media::Store::in_memory(), options()).await.expect("a hub");
        let keys = Keys::from_secrets([SECRET], &Issuer::default()).expect("keys");
        let origins = Policy::new(vec![SHOP.to_owned()]);
        let docs = ApiDocs::new(schema::openapi::document, schema::asyncapi::document);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let api = Api::new(hub, Authenticator::new(keys, SECRET.as_bytes()), origins, base_path, metrics, docs);
        Self { api, _folder: folder }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = HttpRequest::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let answer = TowerToHyperService::new(warp::service(routes(&self.api, no_sockets())))
            .call(request)
            .await
            .expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a body in memory").to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(super) async fn ask_as(&self, user: u64, role: Role, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, path, &[("authorization", &format!("Bearer {}", token(user, role)))], &body).await
    }

    pub(super) async fn ok(&self, user: u64, method: &str, path: &str, body: Value) -> Value {
        let answer = self.ask_as(user, Role::User, method, path, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {:?}", answer.status, answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    pub(super) async fn refused(&self, user: u64, method: &str, path: &str, body: Value) -> (u16, String) {
        let answer = self.ask_as(user, Role::User, method, path, body).await;
        (answer.status, answer.code())
    }
}

fn no_sockets() -> BoxedFilter<(Response,)> {
    warp::any().and_then(async || Err::<Response, _>(warp::reject())).boxed()
}

fn options() -> Options {
    Options {
        node: NodeId::draw("test").expect("a name"),
        limits: Limits { frame_bytes: 65_536, text_chars: 4_000, images: 10, in_flight: 16, rate: None },
        burst: 60,
        rates: Rates::OFF,
        connections_per_user: 10,
        edit_window: Duration::from_secs(900),
        outbox: Capacity { bytes: 1 << 20, frames: 1_024 },
        writes: 1_024,
        commit_poll_interval: Duration::from_millis(500),
        thread_idle: Duration::from_secs(60),
        offline_after: Duration::from_secs(10),
        heartbeat: Duration::from_secs(25),
        images: chat_actors::images::Options::new([7; 32]),
        relay: chat_actors::relay::Options::default(),
        audit_kept: Duration::from_secs(400 * 24 * 3_600),
        audit_sweep: chat_actors::audit::SWEEP,
        webhooks: chat_actors::webhooks::Options {
            secret: chat_actors::webhooks::signature::RootSecret::derive(b"secret"),
            policy: chat_actors::webhooks::address::Policy::default(),
        },
    }
}

pub(super) fn token(user: u64, role: Role) -> String {
    let user = UserId::new(user).expect("an id");
    let mint = Mint { user, role, expires_in: Duration::from_secs(60), peer: None, issuer: &Issuer::default() };
    mint::token(SECRET, &mint).expect("a token")
}

pub(super) fn wants_token(path: &str) -> bool {
    !(path.starts_with("/health") || path.ends_with(".json") || path == "/metrics")
}
