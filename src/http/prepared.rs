//! Responses that are made once and sent often: plain and gzipped, each with its `ETag`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chat_actors::Hub;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY};
use warp::reply::Response;

use super::error::ApiError;
use super::{compression, response};
use crate::headers;

/// A body in both encodings.
#[derive(Debug)]
pub(super) struct Prepared {
    media_type: HeaderValue,
    plain: Variant,
    gzipped: Option<Variant>,
}

/// A body in one encoding.
#[derive(Debug)]
struct Variant {
    bytes: Bytes,
    etag: HeaderValue,
}

/// A JSON document that depends on the base path, written when it is first requested.
#[derive(Debug)]
pub(super) struct Document {
    write: fn(&str) -> Value,
    prepared: OnceCell<Prepared>,
}

impl Document {
    pub(super) fn new(write: fn(&str) -> Value) -> Self {
        Self { write, prepared: OnceCell::new() }
    }

    /// Returns the document; writes it on the low-priority pool if that has not been done.
    pub(super) async fn get(&self, hub: &Hub, base_path: &Arc<str>) -> Result<&Prepared, ApiError> {
        let (write, base_path) = (self.write, Arc::clone(base_path));
        let writing = async move { Prepared::new(response::JSON, write(&base_path).to_string().into()) };
        Ok(self.prepared.get_or_try_init(|| hub.run_low_priority(writing)).await?)
    }
}

impl Prepared {
    /// Compresses a body at the best level, which takes milliseconds for each 100 KB.
    pub(super) fn new(media_type: HeaderValue, bytes: Bytes) -> Self {
        let gzipped = compression::gzip_best(&bytes).filter(|gzipped| gzipped.len() < bytes.len());
        Self::with_gzip(media_type, bytes, gzipped)
    }

    /// Takes a body that was compressed before, or that is not worth it.
    pub(super) fn with_gzip(media_type: HeaderValue, bytes: Bytes, gzipped: Option<Bytes>) -> Self {
        let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..15]);
        let tag = |suffix: &str| HeaderValue::from_str(&format!("\"{digest}{suffix}\""));
        let variant = |bytes, suffix| Variant { bytes, etag: tag(suffix).unwrap_or(HeaderValue::from_static("\"\"")) };
        Self { media_type, plain: variant(bytes, ""), gzipped: gzipped.map(|bytes| variant(bytes, "-gzip")) }
    }

    /// Answers with the variant that the client accepts, or 304 if it has one already.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let gzipped = self.gzipped.as_ref().filter(|_| compression::accepts_gzip(request));
        let variant = gzipped.unwrap_or(&self.plain);
        let mut response = if self.is_held(request) {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = response::text(StatusCode::OK, self.media_type.clone(), variant.bytes.clone());
            if gzipped.is_some() {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let head = response.headers_mut();
        if self.gzipped.is_some() {
            head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        head.insert(ETAG, variant.etag.clone());
        compression::mark_encoded(response)
    }

    /// Tells whether the client has one of the variants, by `If-None-Match`.
    fn is_held(&self, request: &HeaderMap) -> bool {
        let variants = [Some(&self.plain), self.gzipped.as_ref()];
        variants.into_iter().flatten().any(|variant| headers::has_etag(request, &IF_NONE_MATCH, &variant.etag))
    }
}
