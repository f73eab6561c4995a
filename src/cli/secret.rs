//! Values that hold a secret, or may: they are never printed.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Replaces a value that may be secret in messages.
pub(super) const HIDDEN: &str = "(not shown: it may be a secret)";

/// A value that holds a secret, or may: a key, a URL with a password. clap does not parse it, so that no error message can quote
/// it; [`crate::config`] checks it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text. The caller must not print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

/// Quotes a value in a message, unless it may hold a login, as URLs do before an `@`.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.contains('@') { HIDDEN.to_owned() } else { format!("{text:?}") }
}

/// Returns a path for a message. A text that is no path may be a secret and is hidden: a key in place of the name of its
/// file, or a URL with a login.
#[must_use]
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains("-----BEGIN") || text.contains(['\n', '{']) || text.len() > 255 {
        return "(not shown: it looks like a key, where the name of a file with it is wanted)".to_owned();
    }
    if text.contains("://") && text.contains('@') {
        return "(not shown: it looks like a URL with a login, where the name of a file or a folder is wanted)"
            .to_owned();
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret");
        assert_eq!(quoted("https://a.example"), "\"https://a.example\"");
        assert!(!quoted("https://ann:hunter2@a.example").contains("hunter2"));
        assert_eq!(shown(Path::new("keys/core.pem")), "keys/core.pem");
        for keys in ["-----BEGIN PRIVATE KEY-----hunter2", "{\"k\":\"hunter2\"}", "hunter2\nhunter2"] {
            assert!(!shown(Path::new(keys)).contains("hunter2"), "{keys}");
        }
        for path in [Path::new("mysql://chat:hunter2@db/chat").to_owned(), Path::new("s3://k:hunter2@b").join("x.json")]
        {
            assert!(!shown(&path).contains("hunter2"), "{}", path.display());
        }
        assert_eq!(shown(Path::new("/home/ann@shop/keys.pem")), "/home/ann@shop/keys.pem");
    }
}
