//! Options of an import.

use std::path::PathBuf;
use std::time::Duration;

use crate::images::pipeline::Bounds;

/// Options of an import.
#[derive(Debug)]
pub struct Options {
    /// The folder that images' files are in; `None`: no image is brought over.
    pub uploads: Option<PathBuf>,
    /// How large an image may be.
    pub bounds: Bounds,
    /// How many images are processed at a time.
    pub workers: usize,
    /// How many bytes of memory they may take together.
    pub memory: u64,
    /// Returns how many bytes of memory the OS thread holds: see [`crate::images::Options`].
    pub held: fn() -> u64,
    /// How long an image is kept that no message holds, such as one that a crash leaves behind.
    pub stays: Duration,
}
