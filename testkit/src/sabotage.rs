//! Checks that tests notice a hub that was broken on purpose (the cargo feature `sabotage` of `chat-database`).

use std::process::Command;

/// Runs one test of this test program, by its whole name, with a hub that is broken in a given way, and expects it to fail.
///
/// # Panics
/// If the test passes, or if there is none of that name.
pub fn assert_caught(sabotage: &str, test: &str) {
    let program = std::env::current_exe().unwrap();
    let run = Command::new(program)
        .args(["--exact", test, "--test-threads", "1"])
        .env("CHAT_TEST_SABOTAGE", sabotage)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains("0 passed; 1 failed"), "{test} does not notice {sabotage}:\n{said}");
}
