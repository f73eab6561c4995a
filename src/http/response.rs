//! Constructors of a handler's response.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use sync_wrapper::SyncWrapper;
use warp::Reply;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

/// The media type of every JSON answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers 200 with JSON.
pub(crate) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// Answers with JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Every answer is made of structs, numbers, strings and maps with string keys: nothing here can fail to be written.
    let written = serde_json::to_vec(body);
    debug_assert!(written.is_ok(), "an answer can always be written");
    text(status, JSON, Bytes::from(written.unwrap_or_default()))
}

/// Answers with a text of some media type.
pub(crate) fn text(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// Answers 200 with the pieces of a stream.
pub(crate) fn stream<S, E>(pieces: S) -> Response
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    warp::reply::stream(Pieces(SyncWrapper::new(pieces))).into_response()
}

/// A stream that is `Sync`, which warp requires of bodies, and most streams are not.
struct Pieces<S>(SyncWrapper<S>);

impl<S: Stream + Unpin> Stream for Pieces<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(self.0.get_mut()).poll_next(cx)
    }
}

/// Answers 204 without a body.
pub(crate) fn done() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
