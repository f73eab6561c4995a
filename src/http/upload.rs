//! `POST /chat/upload`: images, to be sent later.

use chat_database::objects::Image;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::with_api;
use super::{multipart, response};

/// Images that were uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploaded {
    /// Always true; old clients read it.
    success: bool,
    /// The full renditions' URLs, in order: what `image_urls` of a message may name.
    image_urls: Vec<String>,
    /// The images, in order: their ids are what `images` of a message names.
    images: Vec<Image>,
}

/// The form of an upload.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is there to be described")]
pub(crate) struct Files {
    /// 1–10 files: JPEG, PNG, WebP or GIF.
    #[schema(rename = "images[]", value_type = Vec<String>, format = Binary)]
    images: Vec<Vec<u8>>,
}

/// `POST /chat/upload`
pub(super) fn create(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("upload")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(upload_images)
        .map(Reply::into_response)
}

/// Uploads images, all or none.
///
/// They belong to their uploader, who can send each of them once, and are deleted after a day if they do not. The hub keeps
/// a file's pixels, turned upright, and nothing else.
#[utoipa::path(
    post,
    path = "/chat/upload",
    tag = "images",
    request_body(content = Files, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "They can be sent", body = Uploaded),
        (status = 400, description = "`bad_request`: no form, or none of files; `too_many_images`", body = ErrorBody),
        (status = 413, description = "`image_too_large`: bytes or pixels", body = ErrorBody),
        (status = 415, description = "`unsupported_media`: a file that is no JPEG, PNG, WebP or GIF; or no multipart/form-data", body = ErrorBody),
        (status = 422, description = "`image_invalid`: damaged or incomplete", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many files a minute, uploads at a time, or images that wait to be sent", body = ErrorBody),
    ),
)]
pub(crate) async fn upload_images(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let user = match caller.user(&api) {
        Ok(user) => user,
        Err(error) => return Err(body.refuse(error).await),
    };
    if let Err(refused) = api.hub.may_upload_for_later(user).await {
        return Err(body.refuse(refused.into()).await);
    }
    let form = multipart::read(&api, user, body).await?;
    if form.files.is_empty() {
        return Err(ApiError::bad_request("there is no file in the field images[]"));
    }
    // A task of its own: if the client disconnects now, the row and its renditions are stored together, or neither is.
    let hub = api.hub.clone();
    let keeping = tokio::spawn(async move { hub.keep_images(user, form.files).await });
    let images = keeping.await.unwrap_or_else(|_| Err(chat_actors::Error::internal()))?;
    let image_urls = images.iter().map(|image| image.url.clone()).collect();
    Ok(response::json(StatusCode::CREATED, &Uploaded { success: true, image_urls, images }))
}
