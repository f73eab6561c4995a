//! Why a file is not taken.

use std::fmt;

/// Why a file is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is none of the kinds that are taken.
    Unsupported,
    /// It has more bytes than are taken.
    TooManyBytes(usize),
    /// It has more pixels than are taken; how many, if it can be said.
    TooManyPixels(Option<(u32, u32)>),
    /// It begins like an image, and is none.
    Broken(String),
}

impl Error {
    pub(super) fn broken(why: impl fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}
