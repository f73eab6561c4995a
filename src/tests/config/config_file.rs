//! Settings from a file: what wins, and which files are refused.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chat_loadtest::token::SECRET;
use serde_json::json;

use super::runs;
use crate::support::Hub;

/// Writes a configuration file with a mode.
pub(crate) fn written(folder: &Path, text: &str, mode: u32) -> PathBuf {
    let file = folder.join("config.toml");
    std::fs::write(&file, text).expect("written");
    set_permissions(&file, Permissions::from_mode(mode)).expect("its own");
    file
}

#[tokio::test]
async fn a_flag_wins_over_a_variable_and_that_over_the_file() {
    let hub = Hub::with(|launch| {
        let text = format!(
            "jwt-secret = \"{SECRET}\"\nmax-text = 1000\nmax-images = 5\nmax-in-flight = 7\nrate-limit = \"off\"\n\
             database-url = \"sqlite://of-the-file.db?mode=rwc\"\n"
        );
        let file = written(&launch.folder, &text, 0o640);
        launch.settings.retain(|name, _| !matches!(name.as_str(), "JWT_SECRET" | "DATABASE_URL" | "CHAT_RATE_LIMIT"));
        launch
            .set("CHAT_MAX_IMAGES", "4")
            .set("CHAT_MAX_IN_FLIGHT", "6")
            .set("CHAT_CONFIG", file.display().to_string());
        launch.arguments = ["--max-in-flight", "3"].map(str::to_owned).to_vec();
    })
    .await;
    let token = chat_loadtest::token::mint(SECRET, 42, std::time::Duration::from_secs(60)).expect("a token");
    let limits = hub.person_with(42, &token).connect().await.greeting["limits"].clone();
    let told = ["text_chars", "images", "in_flight", "rate"].map(|name| limits[name].clone());
    assert_eq!(told, [json!(1_000), json!(4), json!(3), json!(null)], "{limits}");
    assert!(hub.folder().path().join("of-the-file.db").exists(), "the database is the one of the file");
}

#[tokio::test]
async fn a_file_that_is_wrong_ends_the_start_with_all_that_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "jwt-secret = \"hunter2\"\nratelimit = 5\nCHAT_LISTEN = \"127.0.0.1:0\"\n";
    let file = written(folder.path(), text, 0o644).display().to_string();
    for command in [
        &["--config", file.as_str()][..],
        &["migrate", "--config", &file],
        &["token", "--user", "1", "--config", &file],
    ] {
        let said = runs(&folder, command, &[]).await;
        assert_eq!(said.code, Some(2), "{command:?}: {}", said.err);
        for name in ["config.toml", "rate-limit", "is listen meant", "chmod 640", "jwt-secret"] {
            assert!(said.err.contains(name), "{command:?} says nothing of {name}: {}", said.err);
        }
        assert!(!said.err.contains("hunter2") && !said.err.contains("panicked"), "{}", said.err);
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}
