//! Errors as HTTP responses: the one place that maps an error to a status and a body.

use chat_actors::protocol::ErrorCode;
use chat_actors::{Error, metrics};
use chat_database::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use warp::Reply;
use warp::http::StatusCode;
use warp::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::reply::Response;

use super::response;

/// The headers of an exceeded rate: draft-ietf-httpapi-ratelimit-headers-06, which many clients know. Later drafts have two
/// other headers, and were still being changed in 2026.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// An error of a request: the hub's error, with an HTTP status.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    refused: Error,
    status: StatusCode,
    temporary: bool,
    oldest: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// The error.
    error: ErrorDetail,
}

/// An error, as clients read it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// Why, from a closed list.
    code: ErrorCode,
    /// What happened and what to do.
    message: String,
    /// Whether the same request may succeed later.
    temporary: bool,
    /// When to try again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Of `suspended`: until when the user sends nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// Of `gone_cursor`: the oldest cursor that can be served.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<String>,
}

impl ApiError {
    /// Makes an error of a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    /// Makes a `bad_request`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Error::bad_request(message).into()
    }

    /// Makes the error of a path without a route.
    #[must_use]
    pub fn no_such_route() -> Self {
        Error::not_found("resource").into()
    }

    /// Makes the error of a method that the path does not have. The list of codes is closed, so its code is `bad_request`.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::bad_request("this resource does not have this method; see the Allow header")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
    }

    /// Makes the error of a body that is too large.
    #[must_use]
    pub fn body_too_large(limit: usize) -> Self {
        Self::bad_request(format!("the body has more than {limit} bytes")).with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// Makes the error of a range beyond the end.
    #[must_use]
    pub fn out_of_range(size: u64) -> Self {
        Self::bad_request(format!("the range lies beyond the {size} bytes that there are"))
            .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
    }

    /// Makes the error of a request head that hyper cannot parse.
    #[must_use]
    pub fn unreadable(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::URI_TOO_LONG => "the request's target is too long",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the request's headers are too many, or too long",
            _ => "the request is no HTTP that can be read",
        };
        Self::bad_request(message).with_status(status)
    }

    /// Makes the error of a body that took too long to arrive. It is temporary: the network may be better the next time.
    #[must_use]
    pub fn body_too_slow() -> Self {
        let slow = Self::bad_request("the body did not arrive in time; send it again");
        Self { temporary: true, ..slow.with_status(StatusCode::REQUEST_TIMEOUT) }
    }

    /// Makes the error of a cursor of the event feed that cannot be served; `oldest` is the oldest cursor that can.
    #[must_use]
    pub fn gone_cursor(oldest: String) -> Self {
        let text = "the events behind this cursor are not kept any more, or it is of another history: go on from `oldest`, and \
                    read anew what may have happened before it";
        Self { oldest: Some(oldest), ..Self::new(ErrorCode::GoneCursor, text) }
    }

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.refused.code
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Returns the value of `Retry-After`: whole seconds, rounded up.
    fn retry_after(&self) -> Option<HeaderValue> {
        let waits = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        waits.then(|| HeaderValue::from(self.refused.retry_after_ms.unwrap_or(1).div_ceil(1_000).max(1)))
    }
}

impl From<Error> for ApiError {
    fn from(refused: Error) -> Self {
        let status = StatusCode::from_u16(refused.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let temporary = refused.code.temporary();
        Self { refused, status, temporary, oldest: None }
    }
}

impl From<chat_database::Error> for ApiError {
    fn from(error: chat_database::Error) -> Self {
        tracing::warn!(%error, "a read was refused by the database");
        Error::from(&error).into()
    }
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        metrics::get().error(self.refused.code).increment(1);
        let (status, temporary, retry_after) = (self.status, self.temporary, self.retry_after());
        let (oldest, Error { code, message, retry_after_ms, until, limit }) = (self.oldest, self.refused);
        let error = ErrorDetail { code, message, temporary, retry_after_ms, until, oldest };
        let mut response = response::json(status, &ErrorBody { error });
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            if let Some(limit) = limit {
                headers.insert(RATE_LIMIT, limit.into());
                headers.insert(RATE_REMAINING, HeaderValue::from_static("0"));
                headers.insert(RATE_RESET, seconds.clone());
            }
            headers.insert(RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(response: Response) -> serde_json::Value {
        let bytes = response.into_body().collect().await.expect("a body in memory").to_bytes();
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[tokio::test]
    async fn every_code_is_answered_with_its_status_and_a_body() {
        for code in ErrorCode::ALL {
            let response = ApiError::new(code, "because").into_response();
            assert_eq!(response.status(), code.status(), "{code}");
            let headers = response.headers().clone();
            assert_eq!(headers.contains_key(RETRY_AFTER), matches!(code.status(), 429 | 503), "{code}");
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), code.status() == 401, "{code}");
            let body = body(response).await;
            assert_eq!(body["error"]["code"], code.as_str());
            assert_eq!(body["error"]["message"], "because");
            assert_eq!(body["error"]["temporary"], code.temporary());
            assert_eq!(body["error"].get("retry_after_ms").is_some(), code.temporary(), "{code}");
        }
    }

    #[tokio::test]
    async fn the_delay_is_rounded_up_to_whole_seconds() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")] {
            let refused = Error::new(ErrorCode::RateLimited, "slow down").after(millis);
            let response = ApiError::from(refused).into_response();
            assert_eq!(response.headers()[RETRY_AFTER], seconds);
            assert_eq!(body(response).await["error"]["retry_after_ms"], millis);
        }
    }

    #[test]
    fn what_no_code_was_made_for_keeps_its_own_status() {
        for (error, status) in [
            (ApiError::method_not_allowed(), 405),
            (ApiError::body_too_large(64), 413),
            (ApiError::body_too_slow(), 408),
        ] {
            assert_eq!(error.code(), ErrorCode::BadRequest);
            assert_eq!(error.into_response().status(), status);
        }
    }
}
