//! Clients make the idempotency keys that `--keys` names, and each report says which.

use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, url};
use chat_loadtest::token::{self, SECRET};
use serde_json::Value;
use uuid::Uuid;

const RUN: &str = "run chat --pairs 2 --rate 60 --warmup 0 --seconds 1 --chars 20 --max-lateness 500";

/// Reads back the keys of the messages between the first two users.
async fn stored_keys(url: &str) -> Vec<String> {
    let token = token::mint(SECRET, 2, std::time::Duration::from_secs(60)).expect("a token");
    // In the workspace's build reqwest brings no cryptography of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new().get(format!("{url}/chat/messages?with=1&after_seq=0&limit=200"));
    let page = request.bearer_auth(token).send().await.expect("an answer").text().await.expect("a page");
    let page: Value = serde_json::from_str(&page).expect("JSON");
    let messages = page["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["temp_id"].as_str().expect("a key").to_owned()).collect()
}

#[tokio::test]
async fn time_ordered_keys_are_the_default() {
    let url = url(server::start(Behaviour::default()));
    let output = loadtest(RUN, &["--target", &url]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.text.contains(" · idempotency keys time-ordered\n"), "{}", output.text);
    let keys = stored_keys(&url).await;
    let times: Vec<u64> = keys
        .iter()
        .map(|key| u64::from_str_radix(key.split_once('.').expect("a time").0, 16).expect("milliseconds"))
        .collect();
    assert!(times.len() == 30 && times.is_sorted(), "{keys:?}");
}

#[tokio::test]
async fn uuid4_keys_reach_the_server_and_every_message_is_followed() {
    let url = url(server::start(Behaviour::default()));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let output = loadtest(RUN, &["--keys", "uuid4", "--json", "--target", &url, "--out", &out]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let json = output.json();
    assert_eq!(json["keys"], "uuid4");
    for what in ["sent", "acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(json["tally"][what], 60, "{}", json["tally"]);
    }
    let keys = stored_keys(&url).await;
    assert_eq!(keys.len(), 30);
    for key in &keys {
        let uuid = Uuid::try_parse(key).expect("a UUID");
        assert_eq!((uuid.get_version_num(), uuid.to_string()), (4, key.clone()));
    }
    assert!(!keys.is_sorted(), "{keys:?}");
    for name in ["report.txt", "report.html"] {
        let report = std::fs::read_to_string(folder.path().join(name)).expect("a report");
        assert!(report.contains("idempotency keys random (UUID v4)"), "{name}: {report}");
    }
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a report");
    assert!(page.contains("<b>random (UUID v4)</b><span>idempotency keys</span>"), "{page}");
}

#[tokio::test]
async fn searches_and_comparisons_say_their_keys_too() {
    let [one, other] = [(), ()].map(|()| url(server::start(Behaviour::default())));
    let line = "capacity --from 20 --to 20 --step-seconds 0.3 --warmup 0 --confirmations 0 --pairs 2 --no-usl \
                --slo p99<5s,errors=0 --max-lateness 1000 --keys uuid4";
    let output = loadtest(line, &["--target", &one]).await;
    assert!(output.text.contains("\nidempotency keys random (UUID v4)\n"), "{output:?}");
    let line = "compare --pairs 2 --in-flight 1 --rounds 1 --seconds 0.3 --warmup 0 --keys uuid4";
    let output = loadtest(line, &["--target", &one, "--against", &other]).await;
    assert!(output.text.contains("\nidempotency keys random (UUID v4)\n"), "{output:?}");
}
