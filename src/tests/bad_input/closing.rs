//! How the hub answers a client's close frame, byte by byte: no client library sends all of these codes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::raw::{Raw, upgrade};
use crate::support::{Hub, in_time, until};

#[tokio::test]
async fn a_close_frame_is_answered_with_its_code() {
    let hub = Hub::start().await;
    let greeted = format!("/chat?token={}", hub.person(42).token);
    let echoed = [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for path in [&greeted, "/chat", "/ws/notifications"] {
        for reason in ["", "the upstream is gone"] {
            for code in echoed {
                assert_eq!(answer_to_close(&hub, path, code, reason).await, code, "{path} {reason}");
            }
            // Codes that no endpoint may send.
            for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
                assert_eq!(answer_to_close(&hub, path, code, reason).await, 1002, "{code} on {path} {reason}");
            }
        }
    }
}

#[tokio::test]
async fn a_close_frame_that_arrives_in_parts_is_answered_with_its_code() {
    let hub = Hub::start().await;
    let path = format!("/chat?token={}", hub.person(42).token);
    for code in [1000, 1014] {
        for part in [1, 7, 9] {
            assert_eq!(answer_to_parts(&hub, &path, (code, "the upstream is gone"), part).await, code, "{part} bytes");
        }
    }
    assert_eq!(answer_to_parts(&hub, &path, (1016, "no such code"), 1).await, 1002);
}

#[tokio::test]
async fn a_close_frame_that_arrives_with_the_request_is_answered_with_its_code() {
    let hub = Hub::start().await;
    let greeted = format!("/chat?token={}", hub.person(42).token);
    for path in [&greeted, "/chat", "/ws/notifications"] {
        for (code, answer) in [(1000, 1000), (1014, 1014), (1016, 1002)] {
            let frames = frames(code, "the upstream is gone");
            // All of them, and but a part of the close frame.
            for (with_it, later) in [(frames.as_slice(), &[][..]), frames.split_at(frames.len() - 15)] {
                let mut socket = TcpStream::connect(hub.address()).await.expect("the hub listens");
                socket.write_all(&[upgrade(path, &[]).as_bytes(), with_it].concat()).await.expect("written");
                is_upgraded(&mut socket, path).await;
                if !later.is_empty() {
                    hub_has_read(&socket).await;
                    socket.write_all(later).await.expect("written");
                }
                assert_eq!(close_code(&mut socket).await, answer, "{code} on {path}, {} bytes later", later.len());
            }
        }
    }
}

/// Opens a socket, sends a pong and a close frame, and returns the code of the hub's close frame.
async fn answer_to_close(hub: &Hub, path: &str, code: u16, reason: &str) -> u16 {
    answer_to_parts(hub, path, (code, reason), usize::MAX).await
}

/// Does the same, and sends the frames in parts of at most so many bytes, each of which the hub reads by itself.
async fn answer_to_parts(hub: &Hub, path: &str, (code, reason): (u16, &str), part: usize) -> u16 {
    let mut socket = TcpStream::connect(hub.address()).await.expect("the hub listens");
    socket.write_all(upgrade(path, &[]).as_bytes()).await.expect("written");
    is_upgraded(&mut socket, path).await;
    socket.set_nodelay(true).expect("a socket");
    for (at, part) in frames(code, reason).chunks(part).enumerate() {
        if at > 0 {
            hub_has_read(&socket).await;
        }
        socket.write_all(part).await.expect("written");
    }
    close_code(&mut socket).await
}

/// Returns a pong and a close frame, as a client writes them.
fn frames(code: u16, reason: &str) -> Vec<u8> {
    let payload: Vec<u8> = code.to_be_bytes().into_iter().chain(reason.bytes()).collect();
    [masked(0x8A, b"here"), masked(0x88, &payload)].concat()
}

/// Reads the hub's answer to a request for a WebSocket.
async fn is_upgraded(socket: &mut TcpStream, path: &str) {
    let head = in_time("an answer", Raw::read_head(socket)).await.expect("an answer");
    assert_eq!(head.status, 101, "{path}");
}

/// Reads on to the hub's close frame, and returns its code.
async fn close_code(socket: &mut TcpStream) -> u16 {
    in_time("a close frame", async {
        loop {
            let (opcode, length) = (socket.read_u8().await.expect("a frame"), socket.read_u8().await.expect("a frame"));
            let length = if length == 126 { socket.read_u16().await.expect("a length") } else { u16::from(length) };
            let mut payload = vec![0; usize::from(length)];
            socket.read_exact(&mut payload).await.expect("a payload");
            if opcode == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    })
    .await
}

/// Waits until the hub has read what was sent to it: the kernel's queue of its end is empty.
async fn hub_has_read(socket: &TcpStream) {
    let port = |address: std::io::Result<SocketAddr>| format!(":{:04X}", address.expect("an address").port());
    let (hub, ours) = (port(socket.peer_addr()), port(socket.local_addr()));
    until("the hub reads", || async {
        let connections = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's connections");
        let mut connections = connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found = connections.find(|fields| fields[1].ends_with(&hub) && fields[2].ends_with(&ours));
        let queues = found.expect("the hub's end")[4].to_owned();
        queues.ends_with(":00000000").then_some(())
    })
    .await;
}

/// Writes a frame as clients do: masked.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let length = u8::try_from(payload.len()).expect("a short frame");
    let payload = payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]);
    [opcode, 0x80 | length].into_iter().chain(mask).chain(payload).collect()
}
