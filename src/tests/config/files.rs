//! Files: who may read them, and how many there may be.

use std::fs::{Permissions, read_dir, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chat_loadtest::server::Launch;
use serde_json::json;

use crate::support::hub::program;
use crate::support::person::answer;
use crate::support::{Hub, Person, in_time};

/// Has the hub started by a shell, which sets something first.
fn after(launch: &mut Launch, preparation: &str) {
    launch.binary = PathBuf::from("/bin/sh");
    launch.arguments = vec![
        "-c".to_owned(),
        format!("{preparation} && exec \"$0\""),
        program().canonicalize().expect("a program").display().to_string(),
    ];
}

/// Returns what is in the hub's folder, but for what the test itself writes there, with its permissions.
fn all(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.ends_with("hub.log") || entry.ends_with("hub.out") {
            continue;
        }
        found.push((entry.clone(), entry.metadata().expect("it is there").permissions().mode() & 0o777));
        if entry.is_dir() {
            found.extend(all(&entry));
        }
    }
    found
}

async fn uploads(person: &Person) {
    let mut png = Vec::new();
    let picture = image::DynamicImage::new_rgb8(40, 30);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).expect("a picture");
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"images[]\"; filename=\"a.png\"\r\n\r\n".to_vec();
    body.extend(png);
    body.extend(b"\r\n--x--\r\n");
    let request = person.ask(reqwest::Method::POST, "/chat/upload");
    answer(request.header("Content-Type", "multipart/form-data; boundary=x").body(body)).await.is(201);
}

fn is_private(folder: &Path) {
    for (path, mode) in all(folder) {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}: {mode:o}", path.display());
    }
}

/// Runs a command beside the hub, in its folder.
async fn runs_beside(folder: &Path, words: &str, settings: &[(&str, &str)]) {
    let mut command = tokio::process::Command::new("/bin/sh");
    command
        .args(["-c", &format!("umask 000 && exec \"$0\" {words}")])
        .arg(program().canonicalize().expect("a program"));
    command.env_clear().envs(settings.iter().copied()).current_dir(folder).kill_on_drop(true);
    let output = in_time(words, command.output()).await.expect("it can be run");
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn everything_that_people_write_is_for_the_hubs_user_alone_whatever_the_umask() {
    let mut hub = Hub::with(|launch| {
        after(launch, "umask 000");
        launch.settings.remove("JWT_SECRET");
        launch.settings.remove("DATABASE_URL");
        launch.settings.remove("CHAT_MEDIA_URL");
    })
    .await;
    let folder = hub.folder();
    let data = folder.path().join("data");
    let secret = std::fs::read_to_string(data.join("development.secret")).expect("a secret");
    let token = chat_loadtest::token::mint(secret.trim(), 42, std::time::Duration::from_secs(60)).expect("a token");
    let alice = hub.person_with(42, &token);
    alice.post("/chat/send", &json!({"receiver_id": 7, "content": "private"})).await.is(201);
    uploads(&alice).await;
    for name in ["chat.db", "chat.db-wal", "chat.db-shm", "development.secret"] {
        assert!(data.join(name).exists(), "no {name}");
    }
    assert!(all(&data.join("media")).len() >= 4, "a picture in its folders: {:?}", all(&data));
    runs_beside(folder.path(), "backup --to copies/one", &[]).await;
    let elsewhere = [("DATABASE_URL", "sqlite://restored/chat.db?mode=rwc"), ("CHAT_MEDIA_URL", "file:restored/media")];
    runs_beside(folder.path(), "restore --from copies/one", &elsewhere).await;
    for name in ["copies/one/manifest.json", "copies/one/media", "restored/chat.db", "restored/media"] {
        assert!(folder.path().join(name).exists(), "no {name}");
    }
    is_private(folder.path());

    // As an older version has left it, which died.
    hub.kill().await;
    for (path, _) in all(folder.path()) {
        set_permissions(&path, Permissions::from_mode(if path.is_dir() { 0o755 } else { 0o644 })).expect("its own");
    }
    hub.restart().await;
    uploads(&alice).await;
    for (path, mode) in all(&data) {
        // A folder that existed before may belong to another user; files in a private folder are private.
        let beside = path.parent() == Some(&data) && path.is_file();
        let spread = path.parent() == Some(&data.join("media"));
        assert!(!(beside || spread) || mode & 0o077 == 0, "{}: {mode:o}", path.display());
    }
}

#[tokio::test]
async fn the_soft_limit_of_files_is_raised_to_the_hard_one() {
    let mut hub = Hub::with(|launch| after(launch, "ulimit -S -n 200")).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", hub.server().pid())).expect("its limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    assert!(hub.log().contains("\"files\":"), "{}", hub.log());
}

#[tokio::test]
async fn a_connected_user_can_send_though_there_is_no_file_left_for_another_connection() {
    let hub = Hub::with(|launch| after(launch, "ulimit -n 120")).await;
    let bob = hub.person(7);
    let mut devices = Vec::new();
    for id in 100..220 {
        let Ok(mut device) = hub.person(id).opens(|_| {}).await else { break };
        device.is_greeted().await;
        devices.push(device);
    }
    assert!((20..119).contains(&devices.len()), "{} got in", devices.len());
    // Nothing has been written yet.
    for device in &mut devices {
        device.sends_to(&bob, "there is a file for that").await;
    }
}
