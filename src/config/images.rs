//! The configuration of images.

use chat_actors::images::pipeline::Bounds;
use chat_actors::images::{self, links};
use chat_database::media::Location;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::errors::{ConfigErrors, collect};
use crate::cli::serve::ImageArgs;
use crate::process::half_of_the_cores;

/// Checks the settings of images for a command that makes no links.
///
/// # Errors
/// [`ConfigErrors`], with all errors at once.
pub fn checked(args: &ImageArgs) -> Result<(images::Options, Location), ConfigErrors> {
    let mut errors = out_of_bounds(args);
    let place = collect(&mut errors, place(args));
    let links = links::Options { prefix: String::new(), secret: [0; 32], good_for: args.media_links };
    place.filter(|_| errors.is_empty()).map(|place| (options(args, links), place)).ok_or(ConfigErrors(errors))
}

pub(super) fn place(args: &ImageArgs) -> Result<Location, String> {
    args.media_url.expose().parse().map_err(|error| format!("CHAT_MEDIA_URL: {error}"))
}

/// Returns an error for each setting that is out of bounds.
pub(super) fn out_of_bounds(args: &ImageArgs) -> Vec<String> {
    let bounds = [
        ("CHAT_MAX_IMAGE", args.max_image, 1_024, 100 << 20),
        ("CHAT_MAX_IMAGE_PIXELS", args.max_image_pixels, 1, 400_000_000),
        ("CHAT_MAX_IMAGE_SIDE", args.max_image_side, 1, 65_535),
        ("CHAT_MAX_UPLOADS", args.max_uploads, 1, 10_000),
        ("CHAT_MAX_UPLOADS_PER_USER", args.max_uploads_per_user, 1, 10_000),
        ("CHAT_MAX_UNSENT", args.max_unsent, 1, 1_000_000),
        ("CHAT_MAX_UNSENT_BYTES", args.max_unsent_bytes, 1, 1 << 50),
        ("CHAT_IMAGE_MEMORY", args.image_memory, 1 << 20, 1 << 40),
        ("CHAT_IMAGE_WORKERS", args.image_workers.unwrap_or(1), 1, 1_024),
    ];
    let outside = bounds.into_iter().filter(|(_, value, low, high)| value < low || value > high);
    let outside = outside.map(|(name, value, low, high)| format!("{name} is {value}; it must be from {low} to {high}"));
    let spans = [
        ("CHAT_MEDIA_LINKS", args.media_links),
        ("CHAT_MEDIA_ORPHANS", args.media_orphans),
        ("CHAT_MEDIA_SWEEP", args.media_sweep),
        ("CHAT_UPLOAD_DEADLINE", args.upload_deadline),
    ];
    let empty = spans.iter().filter(|(_, span)| span.is_zero()).map(|(name, _)| format!("{name} must be above zero"));
    outside.chain(empty).collect()
}

/// Returns the options of image links: under the public URL if there is one, else relative to the host.
pub(super) fn links(args: &ImageArgs, base_path: &str, public_url: Option<&str>, secret: [u8; 32]) -> links::Options {
    let prefix = match public_url {
        // A public URL without a path names the host alone: the base path is appended.
        Some(url) if url.split("://").nth(1).is_some_and(|rest| !rest.contains('/')) => format!("{url}{base_path}"),
        Some(url) => url.to_owned(),
        None => base_path.to_owned(),
    };
    links::Options { prefix, secret, good_for: args.media_links }
}

/// Derives the secret of links from the secret of tickets, which all nodes share. A signature by one is not valid for the
/// other.
pub(super) fn link_secret(ticket_secret: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length (RFC 2104, 2); `InvalidLength` is for other algorithms of the trait.
    let mac = Hmac::<Sha256>::new_from_slice(ticket_secret).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.chain_update("links of images").finalize().into_bytes().into()
}

pub(super) fn options(args: &ImageArgs, links: links::Options) -> images::Options {
    images::Options {
        bounds: Bounds {
            bytes: args.max_image,
            pixels: args.max_image_pixels as u64,
            side: u32::try_from(args.max_image_side).unwrap_or(u32::MAX),
        },
        uploads: args.max_uploads,
        uploads_per_user: args.max_uploads_per_user,
        files_per_minute: args.upload_rate.0,
        burst: args.upload_burst,
        deadline: args.upload_deadline,
        workers: args.image_workers.unwrap_or_else(half_of_the_cores),
        memory: args.image_memory as u64,
        held: crate::memory::allocated_bytes,
        unsent: args.max_unsent as u64,
        unsent_bytes: args.max_unsent_bytes as u64,
        orphans_stay: args.media_orphans,
        sweep_every: args.media_sweep,
        links,
    }
}
