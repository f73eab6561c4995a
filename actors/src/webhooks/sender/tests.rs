use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::signature::RootSecret;
use super::*;

/// A receiver that answers each connection in the same way; counts them.
async fn receiver(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, heard) = (listener.local_addr().expect("an address"), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut asked = [0; 8_192];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(answer).await;
            });
        }
    });
    (address, heard)
}

fn request(url: String) -> Request {
    let secrets = vec![RootSecret::derive(b"configured").of(1, 1)];
    Request { url, id: "evt_1".to_owned(), secrets, body: b"{}".to_vec() }
}

async fn sent(answer: &'static [u8]) -> Attempt {
    let (address, _) = receiver(answer).await;
    let sender = Sender::new(Policy::default()).expect("a client");
    sender.send(&request(format!("http://{address}/hook"))).await
}

#[tokio::test]
async fn two_hundred_and_its_like_are_success() {
    let attempt = sent(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(attempt.is_success(), "{attempt:?}");
    let attempt = sent(b"HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nsorry").await;
    assert_eq!((attempt.is_success(), attempt.code, attempt.reply.as_str()), (false, Some(500), "sorry"));
    let attempt = sent(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((attempt.code, attempt.retry_after.as_deref()), (Some(503), Some("7")));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_not_followed() {
    let (elsewhere, heard) = receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let redirects = format!("HTTP/1.1 307 Elsewhere\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let attempt = sent(Box::leak(redirects.into_bytes().into_boxed_slice())).await;
    assert_eq!((attempt.code, attempt.is_success(), heard.load(Ordering::Relaxed)), (Some(307), false, 0));
    let attempt = sent(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((attempt.code, attempt.is_success()), (Some(302), false));
}

#[tokio::test]
async fn an_answer_is_read_to_four_kilobytes() {
    let body = "x".repeat(10_000_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let attempt = sent(Box::leak(answer.into_bytes().into_boxed_slice())).await;
    assert!(attempt.is_success());
    assert_eq!(attempt.reply.len(), 4_096);
}

#[tokio::test]
async fn a_receiver_that_resets_or_is_not_there_is_a_failure_with_a_reason() {
    let attempt = sent(b"").await;
    assert!(attempt.code.is_none() && !attempt.reply.is_empty() && !attempt.reply.contains("hook"), "{attempt:?}");
    let sender = Sender::new(Policy::default()).expect("a client");
    let attempt = sender.send(&request("http://127.0.0.1:1/hook".to_owned())).await;
    assert!(attempt.code.is_none() && attempt.reply.contains("refused"), "{attempt:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_given_up_after_fifteen_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let accepting = tokio::spawn(async move { listener.accept().await });
    let sender = Sender::new(Policy::default()).expect("a client");
    let started = Instant::now();
    let attempt = sender.send(&request(url)).await;
    assert_eq!((attempt.code, started.elapsed().as_secs()), (None, 15));
    assert_eq!(attempt.reply, "no whole answer within 15 s");
    drop(accepting.await);
}

/// Looks a name up: each time another address.
fn changing(addresses: [IpAddr; 2]) -> (LookUp, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let look_up = move |_: String| -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let address = addresses[counter.fetch_add(1, Ordering::Relaxed).min(1)];
        Box::pin(async move { Ok(vec![address]) })
    };
    (Arc::new(look_up), asked)
}

#[tokio::test]
async fn a_name_that_is_public_first_and_private_then_is_not_dialled() {
    let public: IpAddr = "93.184.216.34".parse().expect("an address");
    let (_, heard) = receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for private in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1"] {
        let private: IpAddr = private.parse().expect("an address");
        let (look_up, asked) = changing([public, private]);
        let sender = Sender::with(Policy::default(), look_up).expect("a client");
        assert_eq!(sender.judge("https://shop.example/hook").await, Ok(()), "it is public when the webhook is made");
        let attempt = sender.send(&request("https://shop.example/hook".to_owned())).await;
        assert!(attempt.code.is_none() && attempt.reply.contains(&private.to_string()), "{attempt:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "it is looked up anew");
        assert_eq!(sender.judge("https://shop.example/hook").await, Err(address::Error::NotPublic(private)));
    }
    assert_eq!(heard.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_dialled() {
    let (address, heard) = receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let (look_up, asked) = changing([address.ip(), "10.0.0.1".parse().expect("an address")]);
    let sender = Sender::with(Policy::default(), look_up).expect("a client");
    let attempt = sender.send(&request(format!("http://localhost:{}/", address.port()))).await;
    assert!(attempt.is_success(), "{attempt:?}");
    assert_eq!((asked.load(Ordering::Relaxed), heard.load(Ordering::Relaxed)), (1, 1));
}
