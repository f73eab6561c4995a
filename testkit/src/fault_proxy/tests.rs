//! Each fault does what its name says, and no more.

use super::*;

/// A server that echoes, its proxy, and a client through it.
async fn link() -> (FaultProxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let proxy = FaultProxy::to(port).await;
    let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    (proxy, client)
}

/// Returns what is echoed; empty at the end of the connection.
async fn echo(client: &mut TcpStream, text: &str) -> std::io::Result<String> {
    client.write_all(text.as_bytes()).await?;
    heard(client, text.len()).await
}

async fn heard(client: &mut TcpStream, count: usize) -> std::io::Result<String> {
    let mut buffer = vec![0; count];
    client.read_exact(&mut buffer).await?;
    Ok(String::from_utf8(buffer).unwrap())
}

async fn is_silent(client: &mut TcpStream) {
    let nothing = tokio::time::timeout(Duration::from_millis(300), heard(client, 1)).await;
    assert!(nothing.is_err(), "something came: {nothing:?}");
}

#[tokio::test]
async fn a_link_without_a_fault_passes_everything() {
    let (proxy, mut client) = link().await;
    assert_eq!(echo(&mut client, "hello").await.unwrap(), "hello");
    assert_eq!((proxy.open(), proxy.passed(Direction::Up), proxy.passed(Direction::Down)), (1, 5, 5));
}

#[tokio::test]
async fn a_link_without_a_fault_adds_no_milliseconds() {
    let (_proxy, mut client) = link().await;
    let since = Instant::now();
    for _ in 0..500 {
        echo(&mut client, "hello").await.unwrap();
    }
    // On an idle machine 50 ms; with a timer in each direction, a second and a half.
    assert!(since.elapsed() < Duration::from_millis(750), "500 round trips took {:?}", since.elapsed());
}

#[tokio::test]
async fn a_cut_link_ends_connections_and_refuses_new_ones_until_it_is_healed() {
    let (proxy, mut client) = link().await;
    echo(&mut client, "hello").await.unwrap();
    proxy.cut();
    heard(&mut client, 1).await.expect_err("the end");
    let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    echo(&mut refused, "hello").await.expect_err("the end");
    proxy.heal();
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    assert_eq!(echo(&mut client, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let (proxy, mut client) = link().await;
    echo(&mut client, "hello").await.unwrap();
    proxy.reset();
    let error = heard(&mut client, 1).await.expect_err("the end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    assert_eq!(echo(&mut client, "again").await.unwrap(), "again");
}

#[tokio::test]
async fn each_direction_alone_can_be_a_black_hole_and_what_was_sent_arrives_later() {
    for direction in [Direction::Up, Direction::Down] {
        let (proxy, mut client) = link().await;
        echo(&mut client, "hello").await.unwrap();
        proxy.black_hole(direction);
        client.write_all(b"later").await.unwrap();
        is_silent(&mut client).await;
        let arrived = if direction == Direction::Up { 5 } else { 10 };
        assert_eq!(proxy.passed(Direction::Up), arrived, "{direction:?}");
        proxy.heal();
        assert_eq!(heard(&mut client, 5).await.unwrap(), "later");
    }
}

#[tokio::test]
async fn a_delay_is_each_bytes_and_not_each_others() {
    let (proxy, mut client) = link().await;
    proxy.delay(Direction::Down, Duration::from_millis(200));
    let began = Instant::now();
    for _ in 0..10 {
        client.write_all(b"x").await.unwrap();
        passes(Duration::from_millis(10)).await;
    }
    heard(&mut client, 10).await.unwrap();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(1_500), "{took:?}");
}

#[tokio::test]
async fn a_throttled_link_passes_its_rate() {
    let (proxy, mut client) = link().await;
    proxy.throttle(Direction::Up, 1_000);
    let began = Instant::now();
    echo(&mut client, &"x".repeat(600)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_link_is_cut_after_as_many_bytes_as_were_asked_for() {
    let (proxy, mut client) = link().await;
    proxy.cut_after(Direction::Down, 3);
    client.write_all(b"hello").await.unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "hel");
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    assert_eq!(echo(&mut client, "again").await.unwrap(), "again", "once, and not for good");
}

#[tokio::test]
async fn a_link_is_cut_at_a_word_before_it_arrives_or_before_its_answer_does() {
    for (when, arrived) in [(When::Before, 3), (When::After, 12)] {
        let (proxy, mut client) = link().await;
        echo(&mut client, "one").await.unwrap();
        proxy.cut_at(b"COMMIT", when, true);
        client.write_all(b"a COMMIT;").await.unwrap();
        let mut all = String::new();
        client.read_to_string(&mut all).await.unwrap();
        assert_eq!((all.as_str(), proxy.passed(Direction::Up), proxy.sprung()), ("", arrived, 1), "{when:?}");
        let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        echo(&mut refused, "x").await.expect_err("cut for good");
    }
}

#[tokio::test]
async fn bytes_are_rewritten_in_both_directions_wherever_they_stand_until_the_link_is_healed() {
    let (proxy, mut client) = link().await;
    proxy.set_rewrite(b"old", b"new");
    assert_eq!(echo(&mut client, "old golden, old").await.unwrap(), "new gnewen, new");
    proxy.heal();
    assert_eq!(echo(&mut client, "old").await.unwrap(), "old");
}
