//! Why a file is refused.

use std::fmt;

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is of none of the supported kinds.
    Unsupported,
    /// It has more than so many bytes.
    TooManyBytes(usize),
    /// It has too many pixels; its width and height, if they are known.
    TooManyPixels(Option<(u32, u32)>),
    /// It begins like an image, but is damaged or incomplete; how.
    Broken(String),
}

impl Error {
    pub(super) fn broken(why: impl fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}
