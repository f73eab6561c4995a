//! Errors of the user are reported at once, with advice.

use chat_testkit::waiting::until;

use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, loadtest_with_files, url};

#[tokio::test]
async fn a_remote_server_needs_a_flag() {
    let output = loadtest("run chat --target http://192.0.2.1:80 --seconds 1", &[]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.errors.contains("--allow-remote"), "{}", output.errors);
}

#[tokio::test]
async fn more_connections_than_files_are_refused_before_the_run() {
    let url = url(server::start(Behaviour::default()));
    for (line, connections) in [
        ("run chat --pairs 200", 400),
        ("run idle --connections 500", 500),
        ("run presence --circles 20 --watchers 5", 120),
        ("run notifications --listeners 200 --clients 8", 208),
        ("run images --pairs 60", 60),
        ("run history --clients 100", 100),
        ("run reconnect --connections 100", 100),
        ("run slow-readers --pairs 10 --slow-readers 40", 61),
        ("run webhooks --pairs 100", 216),
        ("run mixed --users 400", 340),
        ("capacity --pairs 30 --no-usl", 60),
    ] {
        let output = loadtest_with_files(250, line, &["--target", &url]).await;
        assert_eq!(output.code, Some(1), "{line}: {output:?}");
        let needed = connections + 200;
        let wanted = format!("{connections} connections need {needed} open files");
        assert!(output.errors.contains(&wanted), "{line}: {}", output.errors);
        assert!(
            output.errors.contains(&format!("may open 250: run `ulimit -n {needed}`")),
            "{line}: {}",
            output.errors
        );
    }
}

#[tokio::test]
async fn the_file_limit_of_a_known_server_process_is_checked() {
    let mut sleeper = tokio::process::Command::new("sh")
        .args(["-c", "ulimit -n 210; exec sleep 60"])
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let pid = sleeper.id().expect("it runs").to_string();
    // The shell lowers its limit first.
    let limits = format!("/proc/{pid}/limits");
    let lowered = || {
        std::fs::read_to_string(&limits)
            .is_ok_and(|text| text.lines().any(|line| line.starts_with("Max open files") && line.contains(" 210 ")))
    };
    until("the shell lowers its limit", async || lowered().then_some(())).await;
    let output = loadtest("run chat --pairs 10 --target http://127.0.0.1:1", &["--pid", &pid]).await;
    assert_eq!(output.code, Some(1));
    let wanted = format!("the server (process {pid}) may open 210: run `ulimit -n 220` in the shell that starts it");
    assert!(output.errors.contains(&wanted), "{}", output.errors);
    sleeper.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_program_that_is_no_hub_is_named() {
    let output = loadtest("run chat --spawn --hub /bin/true", &[]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.errors.contains("cannot start the hub /bin/true (choose another with --hub)"), "{}", output.errors);
    assert!(
        output.errors.contains("exited with exit status: 0 before it was ready, and logged nothing"),
        "{}",
        output.errors
    );
}

#[tokio::test]
async fn shares_that_do_not_add_up_are_refused() {
    let output = loadtest("run mixed --spawn --sends 50% --presence 10% --notifications 10% --history 10%", &[]).await;
    assert_eq!(output.code, Some(2));
    let wanted = "the shares add up to 80% and not to 100%: --sends 50%, --presence 10%";
    assert!(output.errors.contains(wanted), "{}", output.errors);
}
