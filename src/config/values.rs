//! Optional values: an empty text counts as not set, as an empty environment variable does.

use std::path::{Path, PathBuf};

use crate::cli::secret::Secret;

/// Returns a text that is set.
pub(super) fn text(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Returns a secret that is set.
pub(super) fn secret(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose).filter(|text| !text.trim().is_empty())
}

/// Returns a path that is set.
pub(super) fn file(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

/// Returns the parts of a comma-separated list, without the empty ones.
pub(super) fn list(parts: &[String]) -> Vec<String> {
    non_empty(parts.iter().map(String::as_str))
}

/// Returns the secrets of a comma-separated list, without the empty ones.
pub(super) fn secrets(parts: &[Secret]) -> Vec<String> {
    non_empty(parts.iter().map(Secret::expose))
}

fn non_empty<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<String> {
    parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}
