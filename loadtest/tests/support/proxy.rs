//! A proxy that forwards WebSocket frames and injects faults.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use chat_testkit::waiting::passes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::Head;

/// A fault that the proxy injects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The frame is dropped.
    Drop,
    /// The frame is forwarded twice.
    Duplicate,
    /// The frame is forwarded after the next one of its type.
    Swap,
    /// The frame, and all that follow it, are delayed.
    Delay(Duration),
}

/// Which frames are faulty, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The type of the frames, in either direction.
    pub(crate) kind: &'static str,
    /// The fault.
    pub(crate) fault: Fault,
    /// The fault affects every n-th frame of this type, over all connections,
    pub(crate) every: u64,
    /// and at most so many frames.
    pub(crate) times: u64,
}

struct Counter {
    plan: Plan,
    seen: Cell<u64>,
    injected: Cell<u64>,
}

impl Counter {
    /// Tells whether the fault affects this frame.
    fn affects(&self, message: &Message) -> bool {
        if !self.is_of_kind(message) {
            return false;
        }
        self.seen.set(self.seen.get() + 1);
        let affects = self.seen.get().is_multiple_of(self.plan.every) && self.injected.get() < self.plan.times;
        self.injected.set(self.injected.get() + u64::from(affects));
        affects
    }

    fn is_of_kind(&self, message: &Message) -> bool {
        let kind = format!(r#""type":"{}""#, self.plan.kind);
        matches!(message, Message::Text(text) if text.contains(&kind))
    }
}

/// Starts a proxy for a server, on an OS thread that ends with the test.
pub(crate) fn start(server: SocketAddr, plan: Plan) -> SocketAddr {
    let (started, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            started.send(listener.local_addr().expect("an address")).expect("the test waits");
            let counter = Rc::new(Counter { plan, seen: Cell::new(0), injected: Cell::new(0) });
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(between(stream, server, Rc::clone(&counter)));
            }
        });
    });
    address.recv().expect("it listens")
}

async fn between(mut client: TcpStream, server: SocketAddr, counter: Rc<Counter>) {
    let Some(head) = Head::read(&mut client).await else { return };
    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
    if head.header("upgrade").is_none() {
        // REST is forwarded unchanged.
        if upstream.write_all(&head.bytes).await.is_ok() {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
        }
        return;
    }
    let mut request = format!("ws://{server}{}", head.path()).into_client_request().expect("a request");
    if let Some(authorization) = head.header("authorization") {
        request.headers_mut().insert("authorization", authorization.parse().expect("a header"));
    }
    upstream.set_nodelay(true).expect("a socket");
    let Ok((upstream, _)) = tokio_tungstenite::client_async(request, upstream).await else { return };
    let Some(client) = head.upgrade(client).await else { return };
    let (to_client, from_client) = client.split();
    let (to_server, from_server) = upstream.split();
    tokio::join!(pump(from_client, to_server, &counter), pump(from_server, to_client, &counter));
}

async fn pump(
    mut from: SplitStream<WebSocketStream<TcpStream>>,
    mut to: SplitSink<WebSocketStream<TcpStream>, Message>,
    counter: &Counter,
) {
    let mut held: Option<Message> = None;
    while let Some(Ok(message)) = from.next().await {
        if counter.is_of_kind(&message) && held.is_some() {
            // The next frame goes first.
            let first = held.take().into_iter();
            for message in std::iter::once(message).chain(first) {
                if to.send(message).await.is_err() {
                    return;
                }
            }
            continue;
        }
        let mut copies = vec![message];
        if counter.affects(&copies[0]) {
            match counter.plan.fault {
                Fault::Drop => continue,
                Fault::Duplicate => copies.push(copies[0].clone()),
                Fault::Swap => {
                    held = copies.pop();
                    continue;
                }
                Fault::Delay(length) => passes(length).await,
            }
        }
        for message in copies {
            if to.send(message).await.is_err() {
                return;
            }
        }
    }
    let _ = to.close().await;
}
