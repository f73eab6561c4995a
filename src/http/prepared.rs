//! What is made once and sent often: as it is and packed, each with its `ETag`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use warp::http::StatusCode;
use warp::http::header::{CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY};
use warp::reply::Response;

use super::{answer, compression};
use crate::headers;

/// An answer's body in both encodings.
#[derive(Debug)]
pub(super) struct Prepared {
    media_type: HeaderValue,
    plain: Variant,
    packed: Option<Variant>,
}

/// A body in one encoding.
#[derive(Debug)]
struct Variant {
    bytes: Bytes,
    etag: HeaderValue,
}

impl Prepared {
    /// Packs a body as small as can be: takes milliseconds for each 100 KB.
    pub(super) fn new(media_type: HeaderValue, bytes: Bytes) -> Self {
        let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..15]);
        let tag = |suffix: &str| HeaderValue::from_str(&format!("\"{digest}{suffix}\""));
        let variant = |bytes, suffix| Variant { bytes, etag: tag(suffix).unwrap_or(HeaderValue::from_static("\"\"")) };
        let packed = compression::pack(&bytes).filter(|packed| packed.len() < bytes.len());
        Self { media_type, plain: variant(bytes, ""), packed: packed.map(|packed| variant(packed, "-gzip")) }
    }

    /// Answers with what the client takes, or that it has it already.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let packed = self.packed.as_ref().filter(|_| compression::takes_gzip(request));
        let variant = packed.unwrap_or(&self.plain);
        let mut response = if self.is_held(request) {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = answer::text(StatusCode::OK, self.media_type.clone(), variant.bytes.clone());
            if packed.is_some() {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let head = response.headers_mut();
        if self.packed.is_some() {
            head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        head.insert(ETAG, variant.etag.clone());
        compression::settled(response)
    }

    /// Tells whether the client has one of the variants.
    fn is_held(&self, request: &HeaderMap) -> bool {
        let variants = [Some(&self.plain), self.packed.as_ref()];
        variants.into_iter().flatten().any(|variant| headers::has_etag(request, &IF_NONE_MATCH, &variant.etag))
    }
}
