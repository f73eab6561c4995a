//! What a stranger can ask for again and again costs the hub little each time: all of it passes through the thread that
//! messages pass through.

use std::time::Duration;

use chat_loadtest::usage;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::raw::Raw;
use crate::support::{Hub, in_time};

const REQUESTS: u32 = 400;

/// Returns what one answer costs the hub's process in CPU time, if a stranger asks for it again and again on one connection: the
/// least of three times, for other programs make each work dearer.
async fn cost(hub: &mut Hub, path: &str) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        least = least.min(cost_of_each(hub, path).await);
    }
    least
}

async fn cost_of_each(hub: &mut Hub, path: &str) -> Duration {
    let pid = hub.server().pid();
    let (mut reading, mut writing) = TcpStream::connect(hub.address()).await.expect("the hub listens").into_split();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: hub\r\nAccept-Encoding: gzip\r\n\r\n").repeat(REQUESTS as usize);
    let before = usage::cpu_seconds(pid).expect("the hub runs");
    let asks = tokio::spawn(async move {
        writing.write_all(request.as_bytes()).await.expect("written");
        writing
    });
    for _ in 0..REQUESTS {
        let answer = in_time("an answer", Raw::read(&mut reading)).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
    }
    let spent = usage::cpu_seconds(pid).expect("the hub runs") - before;
    drop(asks.await.expect("all is written"));
    Duration::from_secs_f64(spent) / REQUESTS
}

/// Packing the description of the API anew for each answer made it three times as dear as a plain one, and writing the numbers down
/// for each, five times.
#[tokio::test]
async fn what_a_stranger_asks_for_again_and_again_is_made_once() {
    let mut hub = Hub::start().await;
    let plain = cost(&mut hub, "/health/live").await;
    for path in ["/openapi.json", "/asyncapi.json", "/metrics"] {
        let each = cost(&mut hub, path).await;
        assert!(each < plain * 2 + Duration::from_micros(100), "{path}: {each:?} each, /health/live {plain:?}");
    }
}
