//! Images: in, safe, to those who may see them, and out again when nobody holds them.
//!
//! ```text
//!  picture   pictures that tests make, with EXIF as a phone writes it
//!  form      forms with files, as a browser writes them; forms: as other clients do
//!  place     a hub whose images are in a folder, or in S3
//!  journey   upload, send, hear, fetch, read again
//!  files     what is taken, and what becomes of it; hostile: what is not, and why
//!  access    who sees what: members, links, and everybody else
//!  limits    how many, how large, how slow; greedy: what one person can do to everybody
//!  sweep     what nobody holds goes; crash: also when the hub dies in the middle of anything
//!  drain     what is under way when the hub is asked to end
//! ```
//!
//! `CHAT_TEST_S3` names an S3-compatible server, which `scripts/test` starts; without it, the folder is all.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod support;

#[path = "images/access.rs"]
mod access;
#[path = "images/crash.rs"]
mod crash;
#[path = "images/drain.rs"]
mod drain;
#[path = "images/files.rs"]
mod files;
#[path = "images/form.rs"]
mod form;
#[path = "images/forms.rs"]
mod forms;
#[path = "images/greedy.rs"]
mod greedy;
#[path = "images/hostile.rs"]
mod hostile;
#[path = "images/journey.rs"]
mod journey;
#[path = "images/limits.rs"]
mod limits;
#[path = "images/picture.rs"]
mod picture;
#[path = "images/place.rs"]
mod place;
#[path = "images/sweep.rs"]
mod sweep;
