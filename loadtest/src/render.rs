//! Renders reports: as text, as an HTML page, and as files.

pub mod files;
pub mod html;
mod plots;
mod scale;
mod svg;
pub mod table;
pub mod text;
