//! The settings of images.

use std::time::Duration;

use clap::Args;

use super::secret::Secret;
use super::value::{self, Rate};

/// Where images are kept by default.
pub const MEDIA_URL: &str = "file:data/media";

/// The settings of images.
#[derive(Debug, Clone, Args)]
pub struct ImageArgs {
    /// Where images are kept: `file:<folder>`, or `s3://<bucket>/<prefix>` with the usual `AWS_*` in the environment.
    #[arg(
        long,
        env = "CHAT_MEDIA_URL",
        value_name = "URL",
        default_value = MEDIA_URL,
        hide_env_values = true,
        help_heading = "Images"
    )]
    pub media_url: Secret,
    /// Redirect readers of images to links that the store signs (S3), instead of passing the bytes through the hub.
    #[arg(long, env = "CHAT_MEDIA_REDIRECT", help_heading = "Images")]
    pub media_redirect: bool,
    /// How long the image links in messages are valid, at least.
    #[arg(long, env = "CHAT_MEDIA_LINKS", value_name = "SPAN", default_value = "24h", value_parser = value::duration,
        help_heading = "Images")]
    pub media_links: Duration,
    /// How long an uploaded image is kept that no message holds.
    #[arg(long, env = "CHAT_MEDIA_ORPHANS", value_name = "SPAN", default_value = "24h", value_parser = value::duration,
        help_heading = "Images")]
    pub media_orphans: Duration,
    /// Images that a user may have uploaded and not sent.
    #[arg(long, env = "CHAT_MAX_UNSENT", value_name = "N", default_value_t = 200, help_heading = "Images")]
    pub max_unsent: usize,
    /// Bytes of the images that a user may have uploaded and not sent, as they are kept.
    #[arg(long, env = "CHAT_MAX_UNSENT_BYTES", value_name = "BYTES", default_value = "200MB", value_parser = value::bytes,
        help_heading = "Images")]
    pub max_unsent_bytes: usize,
    /// How often images are deleted that no message holds.
    #[arg(long, env = "CHAT_MEDIA_SWEEP", value_name = "SPAN", default_value = "60s", value_parser = value::duration,
        help_heading = "Images")]
    pub media_sweep: Duration,
    /// Size of one file.
    #[arg(long, env = "CHAT_MAX_IMAGE", value_name = "BYTES", default_value = "10MB", value_parser = value::bytes,
        help_heading = "Images")]
    pub max_image: usize,
    /// Pixels of one image.
    #[arg(
        long,
        env = "CHAT_MAX_IMAGE_PIXELS",
        value_name = "N",
        default_value_t = 40_000_000,
        help_heading = "Images"
    )]
    pub max_image_pixels: usize,
    /// Pixels of an image's longest side.
    #[arg(long, env = "CHAT_MAX_IMAGE_SIDE", value_name = "N", default_value_t = 12_000, help_heading = "Images")]
    pub max_image_side: usize,
    /// Files per user and minute, or `off`.
    #[arg(long, env = "CHAT_UPLOAD_RATE", value_name = "N|off", default_value = "60", value_parser = value::rate,
        help_heading = "Images")]
    pub upload_rate: Rate,
    /// Files that a user may upload at once.
    #[arg(long, env = "CHAT_UPLOAD_BURST", value_name = "N", default_value_t = 100, help_heading = "Images")]
    pub upload_burst: u32,
    /// Requests with files that this node takes at a time; each one holds a file or two in memory.
    #[arg(long, env = "CHAT_MAX_UPLOADS", value_name = "N", default_value_t = 16, help_heading = "Images")]
    pub max_uploads: usize,
    /// Requests with files that one user may have under way.
    #[arg(long, env = "CHAT_MAX_UPLOADS_PER_USER", value_name = "N", default_value_t = 4, help_heading = "Images")]
    pub max_uploads_per_user: usize,
    /// How long a request with files may take to arrive.
    #[arg(long, env = "CHAT_UPLOAD_DEADLINE", value_name = "SPAN", default_value = "120s", value_parser = value::duration,
        help_heading = "Images")]
    pub upload_deadline: Duration,
    /// Images that the hub works on at a time, each on an OS thread of its own (default: half of the cores, at least one).
    #[arg(long, env = "CHAT_IMAGE_WORKERS", value_name = "N", help_heading = "Images")]
    pub image_workers: Option<usize>,
    /// Memory that images may take together while the hub works on them. An image that needs more than is left waits; one that
    /// needs more than this is refused.
    #[arg(long, env = "CHAT_IMAGE_MEMORY", value_name = "BYTES", default_value = "768MB", value_parser = value::bytes,
        help_heading = "Images")]
    pub image_memory: usize,
}
