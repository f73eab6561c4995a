//! `multipart/form-data`: read as it streams, one file in memory at a time, with limits on size and time.
//!
//! A form gets an upload permit when the first byte of a file arrives, and keeps it while it sends.

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

use super::api::Api;
use super::body::{self, Body};
use super::error::ApiError;
use super::form::{is_of_images, names_images};
use super::header_parameters::Parameters;
use super::multipart_feed::{Feed, ParserPosition, Source};

/// How long a request may send nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a form may take until its first file: as long as a JSON body.
const TEXT_TIMEOUT: Duration = Duration::from_secs(30);

/// A file is collected in pieces of this many bytes.
const PIECE: usize = 128 << 10;

/// An upload pauses after this many bytes, for this long, which limits it to some 40 MB a second. A faster client would occupy
/// the worker that serves all others for milliseconds.
const PAUSE_BYTES: usize = 64 << 10;
const PAUSE: Duration = Duration::from_millis(1);

/// The number of bytes by which the format of a file is recognised.
const MAGIC: usize = 12;

/// The field that says in which charset the others are (RFC 7578, 4.6).
const CHARSET: &str = "_charset_";

/// A form that was read.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// The fields that are not files, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// The files, converted to images, in order. Nothing is stored yet.
    pub(crate) files: Vec<Prepared>,
}

/// Reads a form. Each file is converted to an image before the next one is read; an invalid file ends the request.
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
    let (source, position) = (Source::new(chunks), ParserPosition::default());
    let feed = Feed::new(source.clone(), position.clone(), &boundary);
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most as u64));
    let mut reader = Reader {
        api,
        user,
        uploading: None,
        form: Multipart::with_constraints(feed, boundary, limits),
        position,
        left: options.deadline,
        left_for_text: TEXT_TIMEOUT,
        text: 0,
    };
    let read = reader.form().await;
    // The upload permit is returned, and the parser does not read the rest.
    drop(reader);
    // The hub does not wait any longer for a client that was too slow.
    if read.as_ref().is_err_and(|error| error.status() != StatusCode::REQUEST_TIMEOUT) {
        body::discard(source).await;
    }
    read
}

struct Reader<'a> {
    api: &'a Api,
    user: UserId,
    /// The upload permit, once a file has begun.
    uploading: Option<Uploading>,
    form: Multipart<'static>,
    position: ParserPosition,
    /// The time that is left for the whole form; and until the first file.
    left: Duration,
    left_for_text: Duration,
    /// The bytes of text so far.
    text: usize,
}

/// A part of a form.
enum Part {
    File(Prepared),
    Text(Vec<u8>),
    /// An empty file: browsers send one where the user has chosen none.
    Empty,
}

/// A field that is not decoded yet.
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
                Part::Empty => {}
            }
        }
        Ok(Form { fields: texts(fields)?, files })
    }

    async fn next_part(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        self.position.enter_gap();
        let (permit, left) = (&self.uploading, Left { all: &mut self.left, text: &mut self.left_for_text });
        let next = in_time(permit.as_ref(), left, self.form.next_field()).await?;
        self.position.enter_part();
        next.map_err(|error| broken(&error))
    }

    /// Reads a part without a file name, which some clients leave out. Its bytes tell whether it is a file. Its `Content-Type`
    /// does not count: some clients call every field text, or JSON.
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

    /// Converts a file to an image. `begun` holds its bytes that have been read; `before` is the number of files before it.
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
            let stretches = length / PAUSE_BYTES;
            length += chunk.len();
            put(&mut pieces, &chunk);
            if length > most {
                break;
            }
            if length / PAUSE_BYTES > stretches {
                tokio::time::sleep(PAUSE).await;
            }
        }
        if length == 0 {
            return Ok(Part::Empty);
        }
        let image = self.api.hub.prepare_image(pieces).await;
        image.map(Part::File).map_err(|refused| {
            let message = format!("image {}: {}", before + 1, refused.message);
            Error { message, ..refused }.into()
        })
    }

    /// Counts a file against the user's upload rate; the first one also gets the upload permit.
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

/// Appends to a file that is collected in pieces. One growing buffer would be moved, megabytes at a time, on a worker that
/// serves all connections; the pieces are joined on the image workers.
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

/// The time that is left for a form.
struct Left<'a> {
    all: &'a mut Duration,
    /// Until the first file.
    text: &'a mut Duration,
}

/// Waits for the client's next bytes, within the idle timeout and the form's deadline; and no longer than the client keeps its
/// upload permit.
async fn in_time<T>(
    permit: Option<&Uploading>,
    left: Left<'_>,
    coming: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let begun = Instant::now();
    let most = IDLE_TIMEOUT.min(*left.all);
    let came = match permit {
        Some(permit) => tokio::time::timeout(most, permit.wait(coming)).await,
        None => tokio::time::timeout(most.min(*left.text), coming).await.map(Some),
    };
    let took = begun.elapsed();
    *left.all = left.all.saturating_sub(took);
    if permit.is_none() {
        *left.text = left.text.saturating_sub(took);
    }
    came.ok().flatten().ok_or_else(ApiError::body_too_slow)
}

/// Decodes fields, each by its own charset, or else by the form's, or else as UTF-8.
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
        // A field of type JSON holds a string in quotes, or null.
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
