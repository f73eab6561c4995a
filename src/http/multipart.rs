//! `multipart/form-data`: read as it streams, one file in memory at a time, counted and under a deadline.
//!
//! A form takes a place among the uploads when the first byte of a file comes, and keeps it while it sends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_actors::Error;
use chat_actors::images::pipeline::kind;
use chat_actors::images::{Prepared, Uploading};
use chat_actors::protocol::ErrorCode;
use chat_database::ids::UserId;
use encoding_rs::{Encoding, UTF_8};
use multer::{Constraints, Field, Multipart, SizeLimit};
use warp::http::StatusCode;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::Api;
use super::body::{self, Body};
use super::error::ApiError;
use super::feed::{Feed, Place, Source};
use super::form::{is_of_images, names_images};
use super::parameters::Parameters;

/// How long a request may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// How long the text of a form may take, with no file begun: as long as a JSON body.
const TEXT: Duration = Duration::from_secs(30);

/// How many bytes of a file stand together until it is worked on.
const PIECE: usize = 128 << 10;

/// How much of a file comes in before the upload rests, and for how long: some 40 MB a second then. A client that is
/// faster would have the thread that serves everybody to itself for milliseconds.
const STRETCH: usize = 64 << 10;
const REST: Duration = Duration::from_millis(1);

/// How many bytes tell what a file is.
const MAGIC: usize = 12;

/// The field that says in which charset the others are (RFC 7578, 4.6).
const CHARSET: &str = "_charset_";

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
        _ => api.hub.may_upload().map_err(ApiError::from),
    };
    if let Err(error) = admitted {
        return Err(body.refuse(error).await);
    }
    let (boundary, chunks) = match body.multipart() {
        Ok(parts) => parts,
        Err(refused) => {
            let (body, error) = *refused;
            return Err(body.refuse(error).await);
        }
    };
    let (source, place) = (Source::new(chunks), Place::default());
    let feed = Feed::new(source.clone(), place.clone(), &boundary);
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most as u64));
    let mut reader = Reader {
        api,
        user,
        uploading: None,
        form: Multipart::with_constraints(feed, boundary, limits),
        place,
        left: options.deadline,
        left_for_text: TEXT,
        text: 0,
    };
    let read = reader.form().await;
    // Another may have its place; and the parser is not fed with what is left.
    drop(reader);
    // Who was too slow is not waited for any longer.
    if read.as_ref().is_err_and(|error| error.status() != StatusCode::REQUEST_TIMEOUT) {
        body::discard(source).await;
    }
    read
}

struct Reader<'a> {
    api: &'a Api,
    user: UserId,
    /// Its place among the uploads, once a file has begun.
    uploading: Option<Uploading>,
    form: Multipart<'static>,
    place: Place,
    /// How long the rest may take to come in; and how long it may without a file.
    left: Duration,
    left_for_text: Duration,
    /// How many bytes of text there have been.
    text: usize,
}

/// What a part is.
enum Part {
    File(Prepared),
    Text(Vec<u8>),
    /// A file without a byte: what a browser sends for none.
    Nothing,
}

/// A field as it came.
struct Raw {
    name: String,
    bytes: Vec<u8>,
    kind: Parameters,
}

impl Reader<'_> {
    async fn form(&mut self) -> Result<Form, ApiError> {
        let (mut files, mut fields) = (Vec::new(), Vec::new());
        while let Some(mut part) = self.next_part().await? {
            let header = |name| part.headers().get(name).map(|value| Parameters::read(value.as_bytes()));
            let (disposition, kind) = (header(CONTENT_DISPOSITION), header(CONTENT_TYPE).unwrap_or_default());
            let disposition = disposition.unwrap_or_default();
            let name =
                disposition.text("name").ok_or_else(|| ApiError::bad_request("a part of the form has no name"))?;
            let of_images = is_of_images(&name);
            let read = match (disposition.has("filename"), of_images) {
                (true, true) => self.file(&mut part, Vec::new(), files.len()).await?,
                (true, false) => return Err(ApiError::bad_request("files go into the field images[]")),
                (false, true) => self.file_or_text(&mut part, files.len()).await?,
                (false, false) => Part::Text(self.value(&mut part).await?),
            };
            match read {
                Part::File(file) => files.push(file),
                Part::Text(bytes) => fields.push(Raw { name, bytes, kind }),
                Part::Nothing => {}
            }
        }
        Ok(Form { fields: texts(fields)?, files })
    }

    async fn next_part(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        self.place.is_between();
        let (place, left) = (&self.uploading, Left { all: &mut self.left, text: &mut self.left_for_text });
        let next = in_time(place.as_ref(), left, self.form.next_field()).await?;
        self.place.is_inside();
        next.map_err(|error| broken(&error))
    }

    /// Reads a part without a file's name: some clients leave it out. What it is, its bytes tell; what it is said to be
    /// counts for nothing, for others say of every field that it is text, or JSON.
    async fn file_or_text(&mut self, part: &mut Field<'static>, before: usize) -> Result<Part, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(part).await? {
            bytes.extend_from_slice(&chunk);
            if (bytes.len() >= MAGIC && kind(&bytes).is_some()) || self.text + bytes.len() > body::LIMIT {
                return self.file(part, bytes, before).await;
            }
        }
        if bytes.is_empty() || names_images(&bytes) {
            self.text += bytes.len();
            return Ok(Part::Text(bytes));
        }
        self.file(part, bytes, before).await
    }

    /// Makes a file into an image; `begun` is what has been read of it.
    async fn file(&mut self, part: &mut Field<'static>, begun: Vec<u8>, before: usize) -> Result<Part, ApiError> {
        let most = self.api.hub.options().images.bounds.bytes;
        let (mut pieces, mut length, mut next) = (Vec::new(), 0, Some(Bytes::from(begun)));
        loop {
            if next.as_ref().is_none_or(Bytes::is_empty) {
                next = self.chunk(part).await?;
            }
            let Some(chunk) = next.take() else { break };
            if length == 0 && !chunk.is_empty() {
                self.begin(before)?;
            }
            let stretches = length / STRETCH;
            length += chunk.len();
            put(&mut pieces, &chunk);
            if length > most {
                break;
            }
            if length / STRETCH > stretches {
                tokio::time::sleep(REST).await;
            }
        }
        if length == 0 {
            return Ok(Part::Nothing);
        }
        let image = self.api.hub.prepare_image(pieces).await;
        image.map(Part::File).map_err(|refused| {
            let message = format!("image {}: {}", before + 1, refused.message);
            Error { message, ..refused }.into()
        })
    }

    /// Counts a file, the first one by a place among the uploads, too.
    fn begin(&mut self, before: usize) -> Result<(), Error> {
        let uploading = match self.uploading.take() {
            Some(uploading) => uploading,
            None => self.api.hub.begin_upload(self.user)?,
        };
        self.api.hub.expect_file(self.uploading.insert(uploading), before)
    }

    async fn value(&mut self, part: &mut Field<'static>) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk(part).await? {
            self.text += chunk.len();
            if self.text > body::LIMIT {
                return Err(ApiError::body_too_large(body::LIMIT));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn chunk(&mut self, part: &mut Field<'static>) -> Result<Option<Bytes>, ApiError> {
        let left = Left { all: &mut self.left, text: &mut self.left_for_text };
        let chunk = in_time(self.uploading.as_ref(), left, part.chunk()).await?.map_err(|error| broken(&error))?;
        if let (Some(uploading), Some(chunk)) = (&self.uploading, &chunk) {
            uploading.came(chunk.len());
        }
        Ok(chunk)
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

/// How long a form may still take.
struct Left<'a> {
    all: &'a mut Duration,
    /// Without a place among the uploads.
    text: &'a mut Duration,
}

/// Waits for what a client sends, neither too long at a time nor in all; and no longer than it keeps its place.
async fn in_time<T>(place: Option<&Uploading>, left: Left<'_>, coming: impl Future<Output = T>) -> Result<T, ApiError> {
    let begun = Instant::now();
    let most = SILENCE.min(*left.all);
    let came = match place {
        Some(place) => tokio::time::timeout(most, place.wait(coming)).await,
        None => tokio::time::timeout(most.min(*left.text), coming).await.map(Some),
    };
    let took = begun.elapsed();
    *left.all = left.all.saturating_sub(took);
    if place.is_none() {
        *left.text = left.text.saturating_sub(took);
    }
    came.ok().flatten().ok_or_else(ApiError::body_too_slow)
}

/// Turns fields into text, each by the charset that it says, or else that the form says, or else UTF-8.
fn texts(fields: Vec<Raw>) -> Result<Vec<(String, String)>, ApiError> {
    let usual = fields.iter().find(|field| field.name == CHARSET).map(|field| charset(&field.bytes)).transpose()?;
    let fields = fields.into_iter().filter(|field| field.name != CHARSET);
    let texts = fields.map(|Raw { name, bytes, kind }| {
        let said = kind.get("charset").map(charset).transpose()?;
        let is_json = kind.value == "application/json";
        let encoding = said.or(usual.filter(|_| !is_json)).unwrap_or(UTF_8);
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes);
        let text =
            text.ok_or_else(|| ApiError::bad_request(format!("a field of the form is not {}", encoding.name())))?;
        // A text as JSON stands in quotes, and one that is not there has a name for that.
        let unquoted: Option<Option<String>> = if is_json { serde_json::from_str(&text).ok() } else { None };
        Ok((name, unquoted.map_or_else(|| text.into_owned(), Option::unwrap_or_default)))
    });
    texts.collect()
}

fn charset(label: &[u8]) -> Result<&'static Encoding, ApiError> {
    let text = "a field of the form is in a charset that is not known; write UTF-8";
    Encoding::for_label(label).ok_or_else(|| ApiError::bad_request(text))
}

fn files_too_large(most: usize) -> ApiError {
    ApiError::new(ErrorCode::ImageTooLarge, format!("the files have more than {most} bytes together"))
}

fn broken(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { limit } => files_too_large(usize::try_from(*limit).unwrap_or(usize::MAX)),
        multer::Error::StreamReadFailed(error) => match error.downcast_ref::<Error>() {
            Some(refused) => refused.clone().into(),
            None => ApiError::bad_request("the body broke off"),
        },
        _ => ApiError::bad_request("the form is broken off or malformed"),
    }
}
