//! What cannot be measured is refused at once, with what to do about it.

mod support;

use support::server::{self, Behaviour};
use support::{loadtest, loadtest_with_files, url};

#[tokio::test]
async fn somebody_elses_machine_is_left_alone() {
    let said = loadtest("run chat --target http://192.0.2.1:80 --seconds 1", &[]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.errors.contains("--allow-remote"), "{}", said.errors);
}

#[tokio::test]
async fn more_connections_than_files_are_refused_before_anything_begins() {
    let url = url(server::start(Behaviour::default()));
    for (line, connections) in [
        ("run chat --pairs 200", 400),
        ("run idle --connections 500", 500),
        ("run presence --circles 20 --watchers 5", 120),
        ("run notifications --listeners 200 --clients 8", 208),
        ("run images --pairs 60", 60),
        ("run history --clients 100", 100),
        ("run reconnect --connections 100", 100),
        ("run slow-readers --pairs 10 --sleepers 40", 61),
        ("run mixed --people 400", 340),
        ("capacity --pairs 30 --no-usl", 60),
    ] {
        let said = loadtest_with_files(250, line, &["--target", &url]).await;
        assert_eq!(said.code, Some(1), "{line}: {said:?}");
        let needed = connections + 200;
        let wanted = format!("{connections} connections need {needed} open files");
        assert!(said.errors.contains(&wanted), "{line}: {}", said.errors);
        assert!(said.errors.contains(&format!("may have 250: run `ulimit -n {needed}`")), "{line}: {}", said.errors);
    }
}

#[tokio::test]
async fn the_servers_files_are_counted_where_its_process_is_known() {
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
    while !lowered() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let said = loadtest("run chat --pairs 10 --target http://127.0.0.1:1", &["--pid", &pid]).await;
    assert_eq!(said.code, Some(1));
    let wanted = format!("the server (process {pid}) may have 210: run `ulimit -n 220` in the shell that starts it");
    assert!(said.errors.contains(&wanted), "{}", said.errors);
    sleeper.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_program_that_is_no_hub_is_named() {
    let said = loadtest("run chat --spawn --hub /bin/true", &[]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.errors.contains("cannot start the hub /bin/true (--hub names another)"), "{}", said.errors);
    assert!(said.errors.contains("ended with exit status: 0 before it was ready, and said nothing"), "{}", said.errors);
}

#[tokio::test]
async fn shares_that_do_not_make_the_whole_are_refused() {
    let said = loadtest("run mixed --spawn --sends 50% --presence 10% --notifications 10% --history 10%", &[]).await;
    assert_eq!(said.code, Some(2));
    let wanted = "the shares make 80% together, and not 100%: --sends 50%, --presence 10%";
    assert!(said.errors.contains(wanted), "{}", said.errors);
}
