//! What several scenarios need of people: that they know each other, and that they have written.

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::json;

use crate::client::{Heard, cut_short};
use crate::enter::enter;
use crate::frame;
use crate::keys::Keys;
use crate::rest::Rest;
use crate::target::Target;

/// How many requests, or how many messages of one author, are under way while a run is prepared.
const AT_ONCE: usize = 16;

/// Makes two people counterparts: the one writes to the other.
///
/// # Errors
/// If the server does not take it.
pub(super) async fn acquaint(
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

/// Makes all of these pairs counterparts.
///
/// # Errors
/// As [`acquaint`].
pub(super) async fn acquaint_all(
    target: &Target,
    rest: &Rest,
    keys: (Keys, &str),
    pairs: impl IntoIterator<Item = (u64, u64)>,
) -> anyhow::Result<()> {
    let acquainting = stream::iter(pairs).map(|(one, other)| acquaint(target, rest, keys, one, other));
    acquainting.buffer_unordered(AT_ONCE).try_collect().await
}

/// Has one person write `count` messages to another, and waits until all are stored.
///
/// # Errors
/// If the server does not take them.
pub(super) async fn write(
    target: &Target,
    (keys, label): (Keys, &str),
    author: u64,
    reader: u64,
    count: u32,
) -> anyhow::Result<()> {
    let mut client = enter(target, author, 0).await?;
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
            Heard::Text(text) if frame::kind(&text) == Some("message_ack") => acked += 1,
            Heard::Text(text) if frame::kind(&text) == Some("error") => {
                anyhow::bail!("{author} wrote to {reader} and got {}", cut_short(&text));
            }
            Heard::Text(_) => {}
            ended => anyhow::bail!("{author} wrote to {reader} and got {ended}"),
        }
    }
    client.close().await.context("closing")?;
    Ok(())
}
