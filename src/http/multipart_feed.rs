//! Feeds a form's bytes to the multipart parser.
//!
//! The parser searches its whole buffer again with each piece that arrives, until it finds what it looks for. So the feed skips
//! the bytes before the first boundary itself, joins small pieces that arrived together, and stops when too many bytes stand
//! between two parts. The rest of the body can still be read from the [`Source`] and dropped.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use futures_util::Stream;

use super::body::Chunks;

/// How many bytes may stand between two parts (boundaries and headers), and before the first.
const MAX_BETWEEN: usize = 64 << 10;

/// Pieces that arrived together are joined up to this many bytes.
const JOIN_BYTES: usize = 16 << 10;

/// A body that is shared between the parser and [`super::body::discard`].
#[derive(Clone)]
pub(super) struct Source(Arc<Mutex<Chunks>>);

impl Source {
    pub(super) fn new(chunks: Chunks) -> Self {
        Self(Arc::new(Mutex::new(chunks)))
    }
}

impl Stream for Source {
    type Item = Result<Bytes, warp::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().poll_next(cx)
    }
}

/// Tells the feed whether the parser is between two parts of a form or inside one. The reader of the parts sets it.
#[derive(Debug, Clone, Default)]
pub(super) struct ParserPosition(Arc<AtomicUsize>);

impl ParserPosition {
    /// Notes that the parser looks for the next part: bytes are counted from now on.
    pub(super) fn enter_gap(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// Notes that the parser is inside a part: no bytes are counted.
    pub(super) fn enter_part(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn is_too_far(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_BETWEEN
    }

    fn count(&self, bytes: usize) {
        if self.0.load(Ordering::Relaxed) > 0 {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

/// The stream that the parser reads.
pub(super) struct Feed {
    source: Source,
    position: ParserPosition,
    /// The search for the first boundary, until it is found.
    preamble: Option<Preamble>,
    /// Whether the next poll is pending once: the parser would otherwise buffer all that has arrived before it parses.
    rests: bool,
}

impl Feed {
    pub(super) fn new(source: Source, position: ParserPosition, boundary: &str) -> Self {
        Self { source, position, preamble: Some(Preamble::new(boundary)), rests: false }
    }

    /// Collects the bytes that have arrived: one piece, or several small ones.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut first = Bytes::new();
        let mut gathered = BytesMut::new();
        loop {
            let length = first.len() + gathered.len();
            if length >= JOIN_BYTES {
                break;
            }
            match Pin::new(&mut self.source).poll_next(cx) {
                Poll::Ready(Some(Ok(chunk))) if length == 0 => first = chunk,
                Poll::Ready(Some(Ok(chunk))) => {
                    if gathered.is_empty() {
                        gathered.extend_from_slice(&std::mem::take(&mut first));
                    }
                    gathered.extend_from_slice(&chunk);
                }
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Some(Err(Error::new(ErrorCode::BadRequest, "the body broke off"))));
                }
                // The bytes are passed on first; the next poll sees the end.
                Poll::Ready(None) if length > 0 => break,
                Poll::Pending if length > 0 => break,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Some(Ok(if gathered.is_empty() { first } else { gathered.freeze() })))
    }
}

impl Stream for Feed {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.position.is_too_far() {
            return Poll::Ready(Some(Err(Error::bad_request("too much stands between two parts of the form"))));
        }
        loop {
            let chunk = match self.gather(cx) {
                Poll::Ready(Some(Ok(chunk))) => chunk,
                other => return other,
            };
            let found = match &mut self.preamble {
                None => Some(chunk),
                Some(preamble) => match preamble.search(&chunk) {
                    Ok(found) => found,
                    Err(refused) => return Poll::Ready(Some(Err(refused))),
                },
            };
            if let Some(chunk) = found {
                self.preamble = None;
                self.rests = true;
                self.position.count(chunk.len());
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }
}

/// The search for the first boundary. Browsers write nothing before it; other clients may write a note for people.
struct Preamble {
    boundary: Vec<u8>,
    /// The last bytes that have arrived: a boundary may begin in them.
    end: Vec<u8>,
    seen: usize,
}

impl Preamble {
    fn new(boundary: &str) -> Self {
        Self { boundary: format!("--{boundary}").into_bytes(), end: Vec::new(), seen: 0 }
    }

    /// Returns the bytes from the boundary on, once it has arrived.
    fn search(&mut self, chunk: &[u8]) -> Result<Option<Bytes>, Error> {
        self.end.extend_from_slice(chunk);
        if let Some(at) = self.end.windows(self.boundary.len()).position(|window| window == self.boundary) {
            return Ok(Some(Bytes::from(self.end.split_off(at))));
        }
        self.seen += chunk.len();
        if self.seen > MAX_BETWEEN {
            let text = "the form's boundary, as Content-Type names it, is not where the form begins";
            return Err(Error::bad_request(text));
        }
        let searched = self.end.len().saturating_sub(self.boundary.len() - 1);
        self.end.drain(..searched);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    /// Feeds pieces, and gathers what comes out.
    async fn fed(pieces: impl IntoIterator<Item = Vec<u8>>) -> (Vec<Vec<u8>>, Option<Error>) {
        let pieces: Vec<_> = pieces.into_iter().map(|piece| Ok(Bytes::from(piece))).collect();
        let position = ParserPosition::default();
        position.enter_gap();
        let mut feed = Feed::new(Source::new(Box::pin(futures_util::stream::iter(pieces))), position, "b");
        let mut found = Vec::new();
        while let Some(next) = feed.next().await {
            match next {
                Ok(chunk) => found.push(chunk.to_vec()),
                Err(refused) => return (found, Some(refused)),
            }
        }
        (found, None)
    }

    #[tokio::test]
    async fn what_stands_before_the_first_boundary_does_not_reach_the_parser() {
        for note in ["", "\r\n", "a note for people, with --, --a and \r\n-\r\n", &"x".repeat(60_000)] {
            let form = format!("{note}--b\r\nthe rest").into_bytes();
            for size in [1, 2, 3, 1_000, 100_000] {
                let (found, refused) = fed(form.chunks(size).map(<[u8]>::to_vec)).await;
                assert_eq!(refused, None);
                assert_eq!(String::from_utf8_lossy(&found.concat()), "--b\r\nthe rest", "{size} at a time");
            }
        }
    }

    #[tokio::test]
    async fn a_note_without_an_end_is_refused_before_much_of_it_is_read() {
        let read = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&read);
        let note = futures_util::stream::repeat_with(move || {
            counting.fetch_add(1_000, Ordering::Relaxed);
            Ok::<_, warp::Error>(Bytes::from(vec![b'-'; 1_000]))
        });
        let mut feed = Feed::new(Source::new(Box::pin(note)), ParserPosition::default(), "b");
        let refused = feed.next().await.expect("an answer").expect_err("there is no boundary");
        assert_eq!(refused.code, ErrorCode::BadRequest);
        let read = read.load(Ordering::Relaxed);
        assert!((MAX_BETWEEN..MAX_BETWEEN + 2 * JOIN_BYTES).contains(&read), "{read} bytes were read");
    }

    #[tokio::test]
    async fn small_pieces_that_arrived_together_are_joined() {
        let form = [b"--b\r\n".as_slice(), &[b'x'; 50_000]].concat();
        let (found, refused) = fed(form.chunks(1).map(<[u8]>::to_vec)).await;
        assert_eq!((found.concat() == form, refused), (true, None));
        assert!(found.len() <= 5, "the parser looked {} times", found.len());
    }
}
