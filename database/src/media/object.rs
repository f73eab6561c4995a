//! An object of the store that is being read, or why it cannot be.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, TryStreamExt};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or does not work. Asking again later may help.
    #[error("the media store is unavailable: {0}")]
    Unavailable(String),
    /// What was asked for lies beyond the object's end.
    #[error("the range lies beyond the {0} bytes that there are")]
    OutOfRange(u64),
}

/// A part of an object, as a client asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// From a byte up to another one, which is not in it.
    Between(u64, u64),
    /// From a byte on.
    From(u64),
    /// The last bytes.
    Last(u64),
}

impl Part {
    /// Finds the part in an object of some size; `None` if none of it is there.
    pub(super) fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Between(from, to) => from..to.min(size),
            Self::From(from) => from..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// A rendition that is being read.
pub struct Object {
    /// How many bytes the whole of it has.
    pub size: u64,
    /// Which of them are read.
    pub range: Range<u64>,
    /// The first of them: nearly always all.
    pub first: Bytes,
    /// The others, read as they are taken.
    pub rest: Option<BoxStream<'static, Result<Bytes, Error>>>,
}

impl Object {
    /// Reads all of it that comes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let Some(rest) = self.rest else { return Ok(self.first) };
        let mut bytes = BytesMut::from(self.first);
        let rest: Vec<Bytes> = rest.try_collect().await?;
        rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
        Ok(bytes.freeze())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Object").field("size", &self.size).field("range", &self.range).finish_non_exhaustive()
    }
}
