//! Request bodies: JSON, with a limit on size and time while they stream.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes};
use chat_actors::protocol::ErrorCode;
use chat_actors::protocol::client::{SENDER_MISMATCH, SenderClaims};
use chat_database::ids::UserId;
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use warp::http::HeaderMap;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use warp::{Filter, Rejection};

use super::error::ApiError;
use super::header_parameters::Parameters;
use crate::headers;

/// How many bytes a JSON body may have.
pub(crate) const LIMIT: usize = 64 * 1024;

/// How many bytes of a refused body are read and dropped, so that its sender can read the response.
const MAX_DISCARDED: usize = 64 << 20;

/// How long a refused body is read and dropped, at most.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Dropping a body pauses after this many bytes, for this long, so that other tasks get to run.
const PAUSE_BYTES: usize = 64 << 10;
const PAUSE: Duration = Duration::from_millis(1);

/// The maximum length of a form's boundary, in bytes. RFC 2046 allows 70.
const BOUNDARY: usize = 200;

/// The media type of a form with files.
const MULTIPART: &str = "multipart/form-data";

/// How long a JSON body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send + Sync>>;

/// A request's body that has not been read: the sender is authenticated first.
pub(crate) struct Body {
    headers: HeaderMap,
    chunks: Chunks,
}

/// Takes the request's body.
pub(crate) fn body() -> impl Filter<Extract = (Body,), Error = Rejection> + Copy {
    warp::header::headers_cloned()
        .and(warp::body::stream())
        .map(|headers, stream| Body { headers, chunks: chunks(stream) })
}

fn chunks<B: Buf>(stream: impl Stream<Item = Result<B, warp::Error>> + Send + Sync + 'static) -> Chunks {
    // hyper's pieces are `Bytes`, which are not copied here.
    Box::pin(stream.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining()))))
}

impl Body {
    /// Reads a JSON object.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        object(&self.bytes().await?)
    }

    /// Reads a JSON object of up to `limit` bytes.
    pub(crate) async fn json_within<T: DeserializeOwned>(self, limit: usize) -> Result<T, ApiError> {
        must_be_json(&self.headers)?;
        object(&in_time(self.chunks, limit).await?)
    }

    /// Reads a JSON object, and refuses it if it names another sender than `user`.
    pub(crate) async fn json_of<T: DeserializeOwned>(self, user: UserId) -> Result<T, ApiError> {
        let bytes = self.bytes().await?;
        claims_only(user, &bytes)?;
        object(&bytes)
    }

    /// Reads a JSON object as [`Body::json_of`] does; an empty body gives the default.
    pub(crate) async fn json_of_or_default<T: DeserializeOwned + Default>(self, user: UserId) -> Result<T, ApiError> {
        let Self { headers, chunks } = self;
        let bytes = in_time(chunks, LIMIT).await?;
        if bytes.is_empty() {
            // Many clients name a media type even for an empty body.
            return Ok(T::default());
        }
        must_be_json(&headers)?;
        claims_only(user, &bytes)?;
        object(&bytes)
    }

    /// Refuses a request whose body has not been read: the body is read and dropped first. A client that waits for permission
    /// to send it (`Expect: 100-continue`) gets the response at once.
    pub(crate) async fn refuse(self, error: ApiError) -> ApiError {
        if !self.headers.contains_key(EXPECT) {
            discard(self.chunks).await;
        }
        error
    }

    /// Returns the `Content-Length`.
    pub(crate) fn length(&self) -> Option<u64> {
        headers::value(&self.headers, &CONTENT_LENGTH)?.parse().ok()
    }

    /// Tells whether the `Content-Type` is that of a form with files.
    pub(crate) fn is_multipart(&self) -> bool {
        kind(&self.headers).is_some_and(|kind| kind.value == MULTIPART)
    }

    /// Splits a form into its boundary and its byte stream. A body of another type is returned with the error.
    pub(crate) fn multipart(self) -> Result<(String, Chunks), Box<(Self, ApiError)>> {
        if !self.is_multipart() {
            let error = ApiError::new(ErrorCode::UnsupportedMedia, "the body must be multipart/form-data");
            return Err(Box::new((self, error)));
        }
        let kind = kind(&self.headers).unwrap_or_default();
        let boundary = kind.get("boundary").and_then(|boundary| std::str::from_utf8(boundary).ok());
        match boundary.filter(|boundary| (1..=BOUNDARY).contains(&boundary.len())) {
            Some(boundary) => Ok((boundary.to_owned(), self.chunks)),
            None => {
                let text = "multipart/form-data comes with its boundary in Content-Type";
                Err(Box::new((self, ApiError::bad_request(text))))
            }
        }
    }

    async fn bytes(self) -> Result<Vec<u8>, ApiError> {
        must_be_json(&self.headers)?;
        in_time(self.chunks, LIMIT).await
    }
}

async fn in_time(chunks: Chunks, limit: usize) -> Result<Vec<u8>, ApiError> {
    tokio::time::timeout(DEADLINE, collect(chunks, limit)).await.unwrap_or_else(|_| Err(ApiError::body_too_slow()))
}

async fn collect(mut chunks: Chunks, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("the body broke off"))?;
        if bytes.len() + chunk.len() > limit {
            discard(chunks).await;
            return Err(ApiError::body_too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads and drops the rest of a refused body, within limits: if the connection were closed while the client still writes, the
/// client would lose the response. hyper closes the connection if the body goes on after that.
pub(super) async fn discard(mut chunks: impl Stream<Item = Result<Bytes, warp::Error>> + Unpin) {
    let reading = async {
        let (mut read, mut stretch) = (0, 0);
        while let Some(Ok(chunk)) = chunks.next().await {
            read += chunk.len();
            stretch += chunk.len();
            if read > MAX_DISCARDED {
                return;
            }
            if stretch > PAUSE_BYTES {
                stretch = 0;
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    // If the time is over, the response is sent although the client still writes.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}

/// Refuses a `Content-Type` other than JSON; without one, the body is read as JSON.
fn must_be_json(headers: &HeaderMap) -> Result<(), ApiError> {
    match kind(headers).unwrap_or_default().value.as_str() {
        "" | "application/json" => Ok(()),
        _ => Err(ApiError::new(ErrorCode::UnsupportedMedia, "the body must be application/json")),
    }
}

/// Reads the media type.
fn kind(headers: &HeaderMap) -> Option<Parameters> {
    headers.get(CONTENT_TYPE).map(|kind| Parameters::read(kind.as_bytes()))
}

pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // serde reads a struct from an array, too, field by field in order; no client means that.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|first| *first != b'{') {
        return Err(ApiError::bad_request("the body must be one JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| ApiError::bad_request(format!("the body cannot be read: {error}")))
}

pub(crate) fn claims_only(user: UserId, bytes: &[u8]) -> Result<(), ApiError> {
    let claims: SenderClaims = object(bytes)?;
    if claims.allow(user) { Ok(()) } else { Err(ApiError::new(ErrorCode::SenderMismatch, SENDER_MISMATCH)) }
}

#[cfg(test)]
mod tests {
    use chat_actors::protocol::client::MessageSend;
    use warp::http::StatusCode;

    use super::*;

    fn me() -> UserId {
        UserId::new(42).expect("an id")
    }

    fn request(content_type: Option<&str>, parts: Vec<Vec<u8>>) -> Body {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().expect("a header"));
        }
        let parts = parts.into_iter().map(|part| Ok(Bytes::from(part)));
        Body { headers, chunks: chunks(futures_util::stream::iter(parts)) }
    }

    async fn read(content_type: Option<&str>, text: &str) -> Result<MessageSend, ApiError> {
        request(content_type, vec![text.as_bytes().to_vec()]).json_of(me()).await
    }

    #[tokio::test]
    async fn a_body_is_counted_while_it_streams() {
        let body = |size: usize| {
            let text = format!(r#"{{"content":"{}"}}"#, "x".repeat(size - 14));
            assert_eq!(text.len(), size);
            request(None, text.into_bytes().chunks(1_000).map(<[u8]>::to_vec).collect())
        };
        let read = body(LIMIT).json_of::<MessageSend>(me()).await.expect("just small enough");
        assert_eq!(read.content.map(|content| content.len()), Some(LIMIT - 14));
        let error = body(LIMIT + 1).json_of::<MessageSend>(me()).await.expect_err("a byte too many");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let stream = futures_util::stream::pending::<Result<Bytes, warp::Error>>();
        let body = Body { headers: HeaderMap::new(), chunks: chunks(stream) };
        let error = body.json::<MessageSend>().await.expect_err("too slow");
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_too_large_is_that_also_if_it_never_ends() {
        let much = futures_util::stream::iter([Ok::<_, warp::Error>(Bytes::from(vec![b'x'; LIMIT + 1]))]);
        let body = Body { headers: HeaderMap::new(), chunks: chunks(much.chain(futures_util::stream::pending())) };
        let error = body.json::<MessageSend>().await.expect_err("too large");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn only_json_is_read() {
        for taken in [None, Some("application/json"), Some("Application/JSON; charset=utf-8"), Some("")] {
            read(taken, "{}").await.expect("taken");
        }
        for refused in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let error = read(Some(refused), "{}").await.expect_err(refused);
            assert_eq!(error.code(), ErrorCode::UnsupportedMedia);
            assert_eq!(error.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }

    #[tokio::test]
    async fn a_body_that_is_no_object_is_refused_with_the_place() {
        for text in [
            "",
            " ",
            "x",
            "[]",
            "[\"k\"]",
            "1",
            "null",
            "\"a\"",
            "{",
            "{} x",
            r#"{"receiver_id":-1}"#,
            "{\"content\":\"\u{1}\"}",
        ] {
            let error = read(None, text).await.expect_err(text);
            assert_eq!(error.code(), ErrorCode::BadRequest, "{text}");
        }
        let error = read(None, "{\n\"content\": 7}").await.expect_err("a number");
        assert!(format!("{error:?}").contains("line 2 column 12"), "{error:?}");
        let error =
            request(None, vec![b"{\"content\":\"\xff\"}".to_vec()]).json::<MessageSend>().await.expect_err("not UTF-8");
        assert_eq!(error.code(), ErrorCode::BadRequest);
    }

    #[tokio::test]
    async fn a_body_that_names_another_sender_is_refused() {
        for field in ["sender_id", "from", "user_id"] {
            for claim in ["7", "\"7\"", "-1", "\"x\"", "{}", "[42]", "42.5", "true"] {
                let error = read(None, &format!(r#"{{"{field}":{claim}}}"#)).await.expect_err(claim);
                assert_eq!(error.code(), ErrorCode::SenderMismatch, "{field} {claim}");
            }
            for claim in ["42", "\"42\"", "null"] {
                read(None, &format!(r#"{{"{field}":{claim}}}"#)).await.expect(claim);
            }
        }
    }

    #[tokio::test]
    async fn no_body_may_be_the_default() {
        let read: MessageSend = request(Some("application/x-www-form-urlencoded"), Vec::new())
            .json_of_or_default(me())
            .await
            .expect("nothing is fine");
        assert_eq!(read, MessageSend::default());
        request(None, vec![b"[]".to_vec()])
            .json_of_or_default::<MessageSend>(me())
            .await
            .expect_err("something is not nothing");
    }
}
