//! The secret of development mode: made once, kept under `data/`.

use std::io::{ErrorKind, Write};
use std::path::Path;

use chat_database::private;

use crate::auth::keys::SHORTEST_SECRET;

const FILE: &str = "development.secret";

/// Reads the secret, or makes it.
pub(super) fn secret(folder: &Path) -> Result<String, String> {
    let path = folder.join(FILE);
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
            let secret = super::random_secret();
            match private::make_file(&path) {
                Ok(mut file) => {
                    writeln!(file, "{secret}")
                        .and_then(|()| file.sync_all())
                        .map_err(|error| failed("written", error))?;
                    Ok(secret)
                }
                // Somebody else has made it in this very moment.
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
