//! `multipart/form-data`: read as it streams, one file in memory at a time, counted and under a deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_actors::Refused;
use chat_actors::images::{Prepared, Uploading};
use chat_actors::protocol::ErrorCode;
use chat_database::ids::UserId;
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use warp::http::StatusCode;

use super::Api;
use super::body::{self, Body, Chunks};
use super::error::ApiError;

/// How long a request may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// How many bytes may stand between two parts: boundaries and headers.
const BETWEEN: usize = 64 << 10;

/// How many bytes of a file stand together until it is worked on.
const PIECE: usize = 128 << 10;

/// How much of a file comes in before the upload rests, and for how long: some 40 MB a second then. A client that is
/// faster would have the thread that serves everybody to itself for milliseconds.
const STRETCH: usize = 64 << 10;
const REST: Duration = Duration::from_millis(1);

/// A form that was read.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// What is no file, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// The files, made into images, in order. Nothing is kept of them yet.
    pub(crate) files: Vec<Prepared>,
}

/// Reads a form. Each file is made into an image before the next one is read: a bad one ends it all.
pub(crate) async fn read(api: &Api, user: UserId, body: Body) -> Result<Form, ApiError> {
    let options = &api.hub.options().images;
    let most = options.bounds.bytes.saturating_mul(api.hub.options().limits.images).saturating_add(1 << 20);
    let admitted = match body.length() {
        Some(length) if length > most as u64 => Err(files_too_large(most)),
        _ => api.hub.begin_upload(user).map_err(ApiError::from),
    };
    let uploading = match admitted {
        Ok(uploading) => uploading,
        Err(error) => return Err(body.refuse(error).await),
    };
    let (boundary, chunks) = body.multipart()?;
    let between = Arc::new(AtomicUsize::new(0));
    let feed = Feed { chunks, between: Arc::clone(&between), rests: false };
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most as u64));
    let mut reader = Reader {
        api,
        uploading,
        form: Multipart::with_constraints(feed, boundary, limits),
        between,
        left: options.deadline,
        text: 0,
    };
    let read = reader.form().await;
    // Whoever was too slow is not waited for any longer.
    if read.as_ref().is_err_and(|error| error.status() != StatusCode::REQUEST_TIMEOUT) {
        reader.discard().await;
    }
    read
}

struct Reader<'a> {
    api: &'a Api,
    uploading: Uploading,
    form: Multipart<'static>,
    between: Arc<AtomicUsize>,
    /// How long the rest may take to come in.
    left: Duration,
    /// How many bytes of text there have been.
    text: usize,
}

impl Reader<'_> {
    async fn form(&mut self) -> Result<Form, ApiError> {
        let mut form = Form::default();
        while let Some(mut part) = self.next_part().await? {
            let name = part.name().unwrap_or_default().to_owned();
            if is_file(&name, &part) {
                if let Some(file) = self.file(&mut part, form.files.len()).await? {
                    form.files.push(file);
                }
            } else if part.file_name().is_some() {
                return Err(ApiError::bad_request("files go into the field images[]"));
            } else {
                let value = self.value(&mut part).await?;
                form.fields.push((name, value));
            }
        }
        Ok(form)
    }

    async fn next_part(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        self.between.store(1, Ordering::Relaxed);
        let next = in_time(&mut self.left, self.form.next_field()).await?;
        self.between.store(0, Ordering::Relaxed);
        next.map_err(|error| broken(&error))
    }

    /// Makes a file into an image; a file without a byte is what a browser sends for none.
    async fn file(&mut self, part: &mut Field<'static>, before: usize) -> Result<Option<Prepared>, ApiError> {
        let most = self.api.hub.options().images.bounds.bytes;
        let (mut pieces, mut length) = (Vec::new(), 0);
        while length <= most
            && let Some(chunk) = self.chunk(part).await?
        {
            if length == 0 && !chunk.is_empty() {
                self.api.hub.expect_file(&self.uploading, before)?;
            }
            let stretches = length / STRETCH;
            length += chunk.len();
            put(&mut pieces, &chunk);
            if length / STRETCH > stretches {
                tokio::time::sleep(REST).await;
            }
        }
        if length == 0 {
            return Ok(None);
        }
        let image = self.api.hub.prepare_image(pieces).await;
        image.map(Some).map_err(|refused| {
            let message = format!("image {}: {}", before + 1, refused.message);
            Refused { message, ..refused }.into()
        })
    }

    async fn value(&mut self, part: &mut Field<'static>) -> Result<String, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(part).await? {
            self.text += chunk.len();
            if self.text > body::LIMIT {
                return Err(ApiError::body_too_large(body::LIMIT));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| ApiError::bad_request("a field of the form is not UTF-8"))
    }

    async fn chunk(&mut self, part: &mut Field<'static>) -> Result<Option<Bytes>, ApiError> {
        in_time(&mut self.left, part.chunk()).await?.map_err(|error| broken(&error))
    }

    /// Reads what still comes, for a while: an answer that meets a sender in the middle of a file may be lost.
    async fn discard(mut self) {
        let reading = async {
            let mut read = 0;
            while let Ok(Some(mut part)) = self.form.next_field().await {
                while let Ok(Some(chunk)) = part.chunk().await {
                    read += chunk.len();
                    if read > body::DISCARDED {
                        return;
                    }
                }
            }
        };
        // Whoever has not finished by then has been told.
        let _ = tokio::time::timeout(body::DISCARDING, reading).await;
    }
}

/// Adds to a file that is gathered in pieces: one buffer that grows would be moved, megabytes at a time, on a thread that
/// serves everybody; these are put together where images are worked on.
fn put(pieces: &mut Vec<Vec<u8>>, mut chunk: &[u8]) {
    while !chunk.is_empty() {
        let room = pieces.last().map_or(0, |last| PIECE - last.len());
        if room == 0 {
            pieces.push(Vec::with_capacity(PIECE));
            continue;
        }
        let (now, later) = chunk.split_at(room.min(chunk.len()));
        if let Some(last) = pieces.last_mut() {
            last.extend_from_slice(now);
        }
        chunk = later;
    }
}

/// Waits for what a client sends, neither too long at a time nor in all.
async fn in_time<T>(left: &mut Duration, coming: impl Future<Output = T>) -> Result<T, ApiError> {
    let begun = Instant::now();
    let came = tokio::time::timeout(SILENCE.min(*left), coming).await;
    *left = left.saturating_sub(begun.elapsed());
    came.map_err(|_| ApiError::body_too_slow())
}

/// Tells whether a part is one of the files. Its name and its type are the client's, and count for nothing.
fn is_file(name: &str, part: &Field<'_>) -> bool {
    let bare = name.split('[').next().unwrap_or_default();
    matches!(bare, "images" | "image") && (part.file_name().is_some() || part.content_type().is_some())
}

fn files_too_large(most: usize) -> ApiError {
    ApiError::new(ErrorCode::ImageTooLarge, format!("the files have more than {most} bytes together"))
}

fn broken(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { limit } => files_too_large(usize::try_from(*limit).unwrap_or(usize::MAX)),
        _ => ApiError::bad_request("the form is broken off or malformed"),
    }
}

/// Feeds the parser one piece at a time.
///
/// It would take whatever has come in, and search all of it again with each piece for as long as it finds no boundary: so
/// it is given a pause after each piece, and nothing more once too much stands between two parts.
struct Feed {
    chunks: Chunks,
    /// 0: inside of a part; else one more than the bytes since its end.
    between: Arc<AtomicUsize>,
    rests: bool,
}

impl Stream for Feed {
    type Item = Result<Bytes, Refused>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let between = self.between.load(Ordering::Relaxed);
        if between > BETWEEN {
            return Poll::Ready(Some(Err(Refused::bad_request("too much stands between two parts"))));
        }
        self.chunks.as_mut().poll_next(cx).map(|next| {
            self.rests = true;
            next.map(|chunk| {
                let chunk = chunk.map_err(|_| Refused::new(ErrorCode::BadRequest, "the body broke off"))?;
                if between > 0 {
                    self.between.store(between + chunk.len(), Ordering::Relaxed);
                }
                Ok(chunk)
            })
        })
    }
}
