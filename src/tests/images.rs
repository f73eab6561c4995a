//! Images: uploading, access, limits, and deletion when no message holds them.
//!
//! ```text
//!  picture   pictures that tests make, with EXIF as a phone writes it
//!  form      forms with files, as a browser writes them; forms: as other clients do
//!  place     a hub whose images are in a folder, or in S3
//!  journey   upload, send, hear, fetch, read again
//!  files     what is taken, and what becomes of it; hostile: what is not, and why
//!  access    who may read what: members, links, and all others
//!  limits    how many, how large, how slow; greedy: one user's uploads do not harm others
//!  sweep     images that no message holds are deleted; crash: also when the hub dies in the middle of anything
//!  drain     what is under way when the hub is asked to end
//! ```
//!
//! `CHAT_TEST_S3` names an S3-compatible server, which `scripts/test` starts; without it, the folder is all.
#![allow(clippy::unwrap_used, reason = "a test may stop")]

mod access;
mod crash;
mod drain;
mod files;
pub(crate) mod form;
mod forms;
mod greedy;
mod hostile;
mod journey;
mod limits;
pub(crate) mod picture;
pub(crate) mod place;
mod sweep;
