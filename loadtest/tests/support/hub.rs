//! The hub's program for the tests.

use std::path::{Path, PathBuf};

use super::{ToolOutput, loadtest};

/// Returns the hub's program, or prints why the test is skipped.
#[expect(clippy::print_stderr, reason = "the reader of the test's output must see that it was skipped")]
pub(crate) fn hub() -> Option<String> {
    let beside = Path::new(env!("CARGO_BIN_EXE_chat-loadtest")).with_file_name("softadastra-chat");
    let hub = std::env::var_os("CHAT_TEST_HUB").map_or(beside, PathBuf::from);
    if hub.exists() {
        return Some(hub.display().to_string());
    }
    assert!(!with_peers(), "there is no hub at {}: build it first", hub.display());
    eprintln!("skipped: there is no hub at {}", hub.display());
    None
}

/// Tells whether Node.js and a browser take part.
pub(crate) fn with_peers() -> bool {
    std::env::var_os("CHAT_TEST_PEERS").is_some()
}

/// Expects that the program exited with success.
pub(crate) fn succeeded(output: &ToolOutput) {
    assert_eq!(output.code, Some(0), "{}\n{}", output.text, output.errors);
}

/// Runs a scenario with a hub that the program starts, and expects that the hub keeps every guarantee.
pub(crate) async fn run_scenario(line: &str) -> Option<ToolOutput> {
    let hub = hub()?;
    let output = loadtest(&format!("run {line} --spawn --warmup 0.5 --max-lateness 1000"), &["--hub", &hub]).await;
    succeeded(&output);
    Some(output)
}
