//! The preparation of scenarios: threads and their history.

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::json;

use crate::client::{Received, truncate};
use crate::connect::connect;
use crate::frame;
use crate::keys::Keys;
use crate::rest::Rest;
use crate::target::Target;

/// How many requests, or messages of one author, are in flight during the preparation.
const CONCURRENCY: usize = 16;

/// Creates a thread between two users with a first message.
///
/// # Errors
/// If the server refuses the message.
pub(super) async fn create_thread(
    target: &Target,
    rest: &Rest,
    (keys, label): (Keys, &str),
    one: u64,
    other: u64,
) -> anyhow::Result<()> {
    let key = keys.one(&format!("{label}-{one}-{other}"));
    let body = json!({"receiver_id": other, "temp_id": key, "content": "Hello"});
    let answer = rest.request(Method::POST, "/chat/send", &target.token(one)?).json(&body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "POST /chat/send answered {status}: {}", answer.text().await.unwrap_or_default());
    Ok(())
}

/// Creates a thread for each of these pairs.
///
/// # Errors
/// As [`create_thread`].
pub(super) async fn create_threads(
    target: &Target,
    rest: &Rest,
    keys: (Keys, &str),
    pairs: impl IntoIterator<Item = (u64, u64)>,
) -> anyhow::Result<()> {
    let creating = stream::iter(pairs).map(|(one, other)| create_thread(target, rest, keys, one, other));
    creating.buffer_unordered(CONCURRENCY).try_collect().await
}

/// Sends `count` messages from one user to another, and waits until all are stored.
///
/// # Errors
/// If the server refuses a message.
pub(super) async fn write_history(
    target: &Target,
    (keys, label): (Keys, &str),
    author: u64,
    reader: u64,
    count: u32,
) -> anyhow::Result<()> {
    let mut client = connect(target, author, 0).await?;
    let (mut sent, mut acked) = (0, 0);
    while acked < count {
        while sent < count && sent - acked < 16 {
            let text = "Is it still available, and would you send it to Douala?";
            let key = keys.one(&format!("{label}-{author}-{reader}-{sent}"));
            let frame = format!(
                r#"{{"type":"message_send","temp_id":"{key}","receiver_id":{reader},"content":"{sent}: {text}"}}"#
            );
            client.feed(frame).await?;
            sent += 1;
        }
        client.flush().await?;
        match client.next().await {
            Received::Text(text) if frame::kind(&text) == Some("message_ack") => acked += 1,
            Received::Text(text) if frame::kind(&text) == Some("error") => {
                anyhow::bail!("user {author} sent a message to {reader} and got {}", truncate(&text));
            }
            Received::Text(_) => {}
            ended => anyhow::bail!("user {author} sent a message to {reader} and got {ended}"),
        }
    }
    client.close().await.context("closing")?;
    Ok(())
}
