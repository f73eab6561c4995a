//! Options for images.

use std::time::Duration;

use super::links;
use super::pipeline::Bounds;

/// Options for images.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large a file may be.
    pub bounds: Bounds,
    /// How many requests may upload at a time on this node.
    pub uploads: usize,
    /// How many requests each user may upload with at a time.
    pub uploads_per_user: usize,
    /// How many files each user may upload per minute; `None`: no limit.
    pub files_per_minute: Option<f64>,
    /// How many files a user may upload at once before the rate counts.
    pub burst: u32,
    /// How long it may take to receive a whole request.
    pub deadline: Duration,
    /// How many images are processed at a time.
    pub workers: usize,
    /// How many bytes of memory they may take together while they are processed. An image that needs more is refused.
    pub memory: u64,
    /// Returns how many bytes of memory the calling OS thread holds; a constant where that is not known.
    pub held: fn() -> u64,
    /// How many images each user may have that no message holds.
    pub unsent: u64,
    /// How many bytes those images may have together.
    pub unsent_bytes: u64,
    /// How long an image is kept that no message holds.
    pub orphans_stay: Duration,
    /// How often images are swept.
    pub sweep_every: Duration,
    /// How links are made.
    pub links: links::Options,
}

impl Options {
    /// Returns the usual limits, with links signed by a secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            bounds: Bounds::default(),
            uploads: 16,
            uploads_per_user: 4,
            files_per_minute: Some(60.0),
            burst: 100,
            deadline: Duration::from_secs(120),
            workers: 1,
            memory: 768_000_000,
            held: || 0,
            unsent: 200,
            unsent_bytes: 200_000_000,
            orphans_stay: Duration::from_secs(24 * 3_600),
            sweep_every: Duration::from_secs(60),
            links: links::Options { prefix: String::new(), secret, good_for: Duration::from_secs(24 * 3_600) },
        }
    }
}
