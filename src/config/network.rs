//! Addresses and origins.

use std::net::{SocketAddr, ToSocketAddrs};

use super::values;
use crate::auth::origin;
use crate::cli::secret::quoted;

/// Resolves the address to listen on.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let resolved = text.to_socket_addrs().map(|mut found| found.next());
    match resolved {
        Ok(Some(address)) => Ok(address),
        _ => {
            Err(format!("CHAT_LISTEN: {} is no address with a port; write 127.0.0.1:8080 or [::1]:8080", quoted(text)))
        }
    }
}

/// Normalises the prefix of all paths: empty, or `/api`.
pub(super) fn base_path(text: &str) -> Result<String, String> {
    let path = text.trim().trim_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.~/".contains(letter);
    if !path.chars().all(plain) || path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(format!("CHAT_BASE_PATH: {} is no plain path; write something like /api", quoted(text)));
    }
    Ok(format!("/{path}"))
}

/// Returns the public URL without a trailing slash, and its origin.
pub(super) fn public_url(text: &str) -> Result<(String, String), String> {
    let wrong =
        || format!("CHAT_PUBLIC_URL: {} is no address; write something like https://chat.example/api", quoted(text));
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let origin = origin::normalise(&format!("{scheme}://{host}"));
    let origin =
        origin.filter(|origin| ["http://", "https://"].iter().any(|web| origin.starts_with(web))).ok_or_else(wrong)?;
    Ok((text.trim().trim_end_matches('/').to_owned(), origin))
}

/// Normalises the allowed origins.
pub(super) fn origins(list: &[String]) -> Result<Vec<String>, String> {
    let read = |text: &String| {
        origin::normalise(text).ok_or_else(|| {
            format!(
                "CHAT_ALLOWED_ORIGINS: {} is no origin; write https://shop.example, or capacitor://localhost for an \
                 app's, without a path and without *",
                quoted(text)
            )
        })
    };
    values::list(list).iter().map(read).collect()
}
