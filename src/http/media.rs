//! `GET /media/{id}/{full|thumb}`: the renditions of images, to those who may see them.

use std::time::Duration;

use chat_actors::protocol::ErrorCode;
use chat_actors::{Error, metrics};
use chat_database::ids::{MediaId, UserId};
use chat_database::media::{Error as StoreError, Object, Part, Rendition};
use chat_database::time::Timestamp;
use futures_util::stream::{self, StreamExt};
use http_range_header::{EndPosition, StartPosition, parse_range_header};
use warp::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
};
use warp::http::{Method, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, with_api};
use super::query::{Query, query};
use super::response;
use crate::headers;

/// A rendition never changes, and only the reader's own cache may keep it.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

/// A browser must run nothing that it finds in an image.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

/// How long a signed link to the store is valid.
const LINK_LIFETIME: Duration = Duration::from_secs(300);

/// A redirect is cached for less than [`LINK_LIFETIME`], so that a cached one still leads to a valid link.
const REDIRECT_CACHE: HeaderValue = HeaderValue::from_static("private, max-age=240");

/// `GET /media/{id}/{rendition}`
pub(super) fn read(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("media" / String / String)
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .and(warp::header::headers_cloned())
        .and(warp::method())
        .then(get_media)
        .map(Reply::into_response)
}

/// Reads a rendition of an image.
///
/// For the members of the thread whose message holds it, and for its uploader until it is sent; for all others, and
/// once the message is deleted, it is not there. A token, the cookie `token` or the link itself tells who the reader is:
/// the URLs in messages carry `exp` and `sig`, which are the reader's own.
#[utoipa::path(
    get,
    path = "/media/{id}/{rendition}",
    tag = "images",
    params(
        ("id" = String, Path, description = "The image"),
        ("rendition" = String, Path, description = "`full` or `thumb`"),
        ("exp" = Option<String>, Query, description = "As the link has it: until when it is good, Unix seconds"),
        ("sig" = Option<String>, Query, description = "As the link has it"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the reader has"),
    ),
    responses(
        (status = 200, description = "The rendition", content_type = "image/webp", body = Vec<u8>),
        (status = 206, description = "The part of it that was asked for", content_type = "image/webp", body = Vec<u8>),
        (status = 304, description = "The reader has it"),
        (status = 307, description = "It is read from the store, where that is set up"),
        (status = 404, description = "`not_found`: there is none, it is not the caller's to see, or the link is not good (any more)", body = ErrorBody),
        (status = 416, description = "`bad_request`: none of the range is there", body = ErrorBody),
    ),
)]
pub(crate) async fn get_media(
    id: String,
    rendition: String,
    api: Api,
    caller: Caller,
    query: Query,
    headers: HeaderMap,
    method: Method,
) -> Result<Response, ApiError> {
    let not_there = || Error::not_found("image");
    let image = MediaId(id);
    let known = Rendition::parse(&rendition);
    let reader = reader(&api, &caller, &query, &image, known)?;
    let rendition = known.ok_or_else(not_there)?;
    let location = api.hub.find_image(reader, &image).await?;

    let etag = format!("\"{image}-{rendition}\"");
    let etag = HeaderValue::try_from(etag).map_err(|_| not_there())?;
    if headers::has_etag(&headers, &IF_NONE_MATCH, &etag) {
        return Ok(with_validators(StatusCode::NOT_MODIFIED, Response::default(), etag));
    }
    // The store's links are signed for GET only.
    if api.redirects
        && method == Method::GET
        && let Some(link) = api.hub.store().link(&location.object_key, rendition, LINK_LIFETIME).await.map_err(away)?
    {
        return redirect(&link);
    }
    let part = part(&headers, &etag, &method);
    let object = match api.hub.store().get(&location.object_key, rendition, part).await {
        Ok(Some(object)) => object,
        Ok(None) => {
            tracing::warn!(image = %image, %rendition, "an image that has a row is not in the store");
            return Err(not_there().into());
        }
        Err(StoreError::OutOfRange(size)) => return Ok(out_of_range(size)),
        Err(error) => return Err(away(error)),
    };
    metrics::get().images_served.increment(1);
    let mime = HeaderValue::try_from(location.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let disposition = format!("inline; filename=\"{image}-{rendition}.webp\"");
    let mut response = with_validators(StatusCode::OK, Response::default(), etag);
    let set = response.headers_mut();
    set.insert(CONTENT_TYPE, mime);
    set.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set.extend(HeaderValue::try_from(disposition).ok().map(|value| (CONTENT_DISPOSITION, value)));
    Ok(with_bytes(response, object, part.is_some()))
}

/// Authenticates the reader: by the request's credentials, or else by the signed link.
fn reader(
    api: &Api,
    caller: &Caller,
    query: &Query,
    image: &MediaId,
    rendition: Option<Rendition>,
) -> Result<UserId, ApiError> {
    let unauthorized = match caller.user(api) {
        Ok(user) => return Ok(user),
        Err(error) => error,
    };
    let (exp, sig) = (query.text("exp")?, query.text("sig")?);
    if exp.is_none() && sig.is_none() {
        return Err(unauthorized);
    }
    let signed = exp.zip(sig).zip(rendition);
    let reader =
        signed.and_then(|((exp, sig), rendition)| api.hub.links().reader(image, rendition, exp, sig, Timestamp::now()));
    let text = "there is no such image, or this link to it is not good any more; read the message again for another";
    reader.ok_or_else(|| ApiError::new(ErrorCode::NotFound, text))
}

/// Parses the requested range. `None`, the whole rendition, for several ranges, an invalid one, or one of another version.
fn part(headers: &HeaderMap, etag: &HeaderValue, method: &Method) -> Option<Part> {
    if method != Method::GET || headers.get(IF_RANGE).is_some_and(|known| known != etag) {
        return None;
    }
    let range = headers::value(headers, &RANGE)?;
    // `bytes=-0` is a valid range that cannot be satisfied (RFC 9110, 14.1.2).
    if range.strip_prefix("bytes=-").is_some_and(|count| !count.is_empty() && count.bytes().all(|digit| digit == b'0'))
    {
        return Some(Part::Last(0));
    }
    let ranges = parse_range_header(range).ok()?;
    let [range] = ranges.ranges.as_slice() else { return None };
    match (range.start, range.end) {
        (StartPosition::Index(from), EndPosition::Index(to)) => {
            (from <= to).then(|| Part::Between(from, to.saturating_add(1)))
        }
        (StartPosition::Index(from), EndPosition::LastByte) => Some(Part::From(from)),
        (StartPosition::FromLast(count), _) => Some(Part::Last(count)),
    }
}

fn with_validators(status: StatusCode, mut response: Response, etag: HeaderValue) -> Response {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, IMMUTABLE);
    headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    response
}

fn with_bytes(mut response: Response, object: Object, partly: bool) -> Response {
    let Object { size, range, first, rest } = object;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if partly {
        let place = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        headers.extend(HeaderValue::try_from(place).ok().map(|value| (CONTENT_RANGE, value)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let head = response.into_parts().0;
    let body = match rest {
        None => Response::new(first.into()).into_body(),
        Some(rest) => {
            let first = Some(first).filter(|first| !first.is_empty());
            response::stream(stream::iter(first.map(Ok)).chain(rest)).into_body()
        }
    };
    Response::from_parts(head, body)
}

fn out_of_range(size: u64) -> Response {
    let mut response = ApiError::out_of_range(size).into_response();
    let range = HeaderValue::try_from(format!("bytes */{size}"));
    response.headers_mut().extend(range.ok().map(|value| (CONTENT_RANGE, value)));
    response
}

fn redirect(link: &str) -> Result<Response, ApiError> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let link = HeaderValue::try_from(link).map_err(|_| Error::internal())?;
    response.headers_mut().insert(LOCATION, link);
    response.headers_mut().insert(CACHE_CONTROL, REDIRECT_CACHE);
    Ok(response)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn away(error: StoreError) -> ApiError {
    tracing::warn!(%error, "the media store failed");
    ApiError::new(ErrorCode::Unavailable, "the store of images is away; try again shortly")
}
