//! Development mode: without any key, tokens are signed with a secret that is made once and kept under `data/`.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use chat_database::private;
use uuid::Uuid;

use crate::auth::keys::SHORTEST_SECRET;

const FILE: &str = "development.secret";

/// The secret of development mode.
#[derive(Clone)]
pub struct Development {
    secret: String,
}

impl Development {
    pub(super) fn new(secret: String) -> Self {
        Self { secret }
    }

    /// Returns the secret that tokens are signed with.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Development {
    /// Leaves out the secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Development")
    }
}

/// Returns the path of the secret's file.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// Tells whether the secret's file exists.
pub(super) fn is_there(folder: &Path) -> bool {
    path(folder).exists()
}

/// Reads the secret, or creates it.
pub(super) fn secret(folder: &Path) -> Result<String, String> {
    let path = path(folder);
    let failed = |what: &str, error: std::io::Error| {
        format!("the development secret {} cannot be {what}: {error}", path.display())
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            private::tighten(&path);
            check(&path, text.trim())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            private::make_folder(folder).map_err(|error| failed("made", error))?;
            let secret = random_secret();
            match private::make_file(&path) {
                Ok(mut file) => {
                    writeln!(file, "{secret}")
                        .and_then(|()| file.sync_all())
                        .map_err(|error| failed("written", error))?;
                    Ok(secret)
                }
                // Another process has created it in the meantime.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let text = std::fs::read_to_string(&path).map_err(|error| failed("read", error))?;
                    check(&path, text.trim())
                }
                Err(error) => Err(failed("made", error)),
            }
        }
        Err(error) => Err(failed("read", error)),
    }
}

fn check(path: &Path, secret: &str) -> Result<String, String> {
    if secret.len() < SHORTEST_SECRET {
        return Err(format!(
            "the development secret {} is too short; delete it, and another one is made",
            path.display()
        ));
    }
    Ok(secret.to_owned())
}

/// Makes a secret of 96 hexadecimal digits, from three random UUIDs.
pub(super) fn random_secret() -> String {
    (0..3).map(|_| Uuid::new_v4().simple().to_string()).collect()
}
