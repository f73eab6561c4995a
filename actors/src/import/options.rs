//! How things are brought over.

use std::path::PathBuf;
use std::time::Duration;

use crate::images::pipeline::Bounds;

/// How things are brought over.
#[derive(Debug)]
pub struct Options {
    /// The folder that images' files are in; `None`: no image is brought over.
    pub uploads: Option<PathBuf>,
    /// How large an image may be.
    pub bounds: Bounds,
    /// How many images are worked on at a time.
    pub workers: usize,
    /// How many bytes of memory they may take together.
    pub memory: u64,
    /// Tells how many bytes of memory the thread holds: see [`crate::images::Options`].
    pub held: fn() -> u64,
    /// How long an image stays that no message holds, as one is that a crash leaves behind.
    pub stays: Duration,
}
