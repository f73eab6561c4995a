//! A synthetic chat server with a known rate, known stalls and known losses.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Message;

use super::Head;

/// The behaviour of the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Messages per second that it serves; further ones wait in its queue.
    pub(crate) rate: Option<f64>,
    /// A stall: its start after the first message, and its length.
    pub(crate) stall: Option<(Duration, Duration)>,
    /// Places that it acknowledges and delivers, but does not store.
    pub(crate) forgets: Vec<u64>,
    /// It speaks the legacy protocol, which trusts the user id of the first frame.
    pub(crate) legacy: bool,
}

type Outbox = UnboundedSender<Message>;

#[derive(Default)]
struct State {
    online: HashMap<u64, Vec<Outbox>>,
    threads: HashMap<(u64, u64), Vec<Value>>,
    /// The queue: the author, the frame, and the author's outbox.
    queue: VecDeque<(u64, Value, Outbox)>,
    first: Option<Instant>,
}

/// Starts a server on an OS thread that ends with the test.
pub(crate) fn start(behaviour: Behaviour) -> SocketAddr {
    let (started, address) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        LocalSet::new().block_on(&runtime, async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            started.send(listener.local_addr().expect("an address")).expect("the test waits");
            let state = Rc::new(RefCell::new(State::default()));
            tokio::task::spawn_local(serve(Rc::clone(&state), behaviour.clone()));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(accept(stream, Rc::clone(&state), behaviour.clone()));
            }
        });
    });
    address.recv().expect("it listens")
}

/// Serves the queue at the rate of the server.
async fn serve(state: Rc<RefCell<State>>, behaviour: Behaviour) {
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let mut last = Instant::now();
    let mut allowed = 0.0;
    loop {
        tick.tick().await;
        let now = Instant::now();
        let since = state.borrow().first.map(|first| now.duration_since(first));
        let stalled =
            behaviour.stall.zip(since).is_some_and(|((from, length), since)| since >= from && since < from + length);
        let due = behaviour.rate.map_or(f64::INFINITY, |rate| rate * now.duration_since(last).as_secs_f64());
        last = now;
        if stalled {
            continue;
        }
        // Unused capacity is not saved.
        allowed = if state.borrow().queue.is_empty() { due } else { allowed + due };
        while allowed >= 1.0 {
            let Some((from, frame, outbox)) = state.borrow_mut().queue.pop_front() else { break };
            allowed -= 1.0;
            store_and_deliver(&state, &behaviour, from, &frame, &outbox);
        }
    }
}

fn store_and_deliver(state: &Rc<RefCell<State>>, behaviour: &Behaviour, from: u64, frame: &Value, outbox: &Outbox) {
    let mut state = state.borrow_mut();
    let to = frame["receiver_id"].as_u64().expect("a receiver");
    let pair = (from.min(to), from.max(to));
    let thread_id = pair.0 * 1_000_000 + pair.1;
    let thread = state.threads.entry(pair).or_default();
    let seq = thread.len() as u64 + 1;
    let (temp_id, content) = (&frame["temp_id"], &frame["content"]);
    let message = json!({"id": thread_id * 1_000 + seq, "thread_id": thread_id, "seq": seq, "rev": seq, "sender_id": from,
        "temp_id": temp_id, "content": content});
    thread.push(message.clone());
    let frame_of = |kind: &str, with: Value| {
        let mut frame = json!({"type": kind});
        frame.as_object_mut().expect("an object").extend(with.as_object().expect("an object").clone());
        let rest = serde_json::to_string(&frame).expect("JSON");
        Message::text(rest)
    };
    if behaviour.legacy {
        // A legacy service acknowledges with the message itself, and does not forward keys.
        let mut message = message;
        message.as_object_mut().expect("an object").remove("temp_id");
        let frame = frame_of("new_message", message);
        let _ = outbox.send(frame.clone());
        state.online.get(&to).into_iter().flatten().for_each(|other| _ = other.send(frame.clone()));
        return;
    }
    let ack = json!({"temp_id": temp_id, "message_id": 1, "thread_id": thread_id, "seq": seq, "rev": seq, "duplicate": false});
    let _ = outbox.send(frame_of("message_ack", ack));
    let frame = frame_of("new_message", message);
    state.online.get(&to).into_iter().flatten().for_each(|other| _ = other.send(frame.clone()));
}

async fn accept(mut stream: TcpStream, state: Rc<RefCell<State>>, behaviour: Behaviour) {
    while let Some(head) = Head::read(&mut stream).await {
        if head.header("upgrade").is_none() {
            let body = rest(&head, &state.borrow(), &behaviour);
            let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
            let body = body.unwrap_or(Value::Null).to_string();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).await.is_err() || head.header("connection") == Some("close") {
                return;
            }
            continue;
        }
        return chat(head, stream, state, behaviour).await;
    }
}

async fn chat(head: Head, stream: TcpStream, state: Rc<RefCell<State>>, behaviour: Behaviour) {
    let mut user = head.header("authorization").and_then(user_of).unwrap_or_default();
    let Some(socket) = head.upgrade(stream).await else { return };
    let (mut sink, mut source) = socket.split();
    let (outbox, mut frames) = unbounded_channel::<Message>();
    tokio::task::spawn_local(async move {
        while let Some(frame) = frames.recv().await {
            if sink.send(frame).await.is_err() {
                return;
            }
        }
    });
    let welcome = |user: u64| Message::text(json!({"type": "auth_ok", "user_id": user, "cursor": "c"}).to_string());
    if behaviour.legacy {
        assert!(head.path().ends_with("/ws/chat"), "a legacy client connects to {}", head.path());
    } else {
        state.borrow_mut().online.entry(user).or_default().push(outbox.clone());
        let _ = outbox.send(welcome(user));
        let _ = outbox.send(Message::text(r#"{"type":"nav_counts","payload":{"notifications":0,"messages":0}}"#));
    }
    while let Some(Ok(message)) = source.next().await {
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        match frame["type"].as_str().expect("a type") {
            "auth" => {
                user = frame["user_id"].as_u64().expect("a user");
                state.borrow_mut().online.entry(user).or_default().push(outbox.clone());
                let _ = outbox.send(welcome(user));
            }
            "message_send" => {
                let mut state = state.borrow_mut();
                state.first.get_or_insert_with(Instant::now);
                state.queue.push_back((user, frame, outbox.clone()));
            }
            "message_delivered" => {
                let (thread_id, up_to) = (frame["thread_id"].as_u64().expect("a thread"), &frame["up_to"]);
                let author = if thread_id / 1_000_000 == user { thread_id % 1_000_000 } else { thread_id / 1_000_000 };
                let told =
                    json!({"type": "messages_delivered", "thread_id": thread_id, "delivered_to": user, "up_to": up_to});
                let told = Message::text(told.to_string());
                state
                    .borrow()
                    .online
                    .get(&author)
                    .into_iter()
                    .flatten()
                    .for_each(|outbox| _ = outbox.send(told.clone()));
            }
            _ => {}
        }
    }
}

/// `GET /chat/messages?with=&after_seq=&limit=`
fn rest(head: &Head, state: &State, behaviour: &Behaviour) -> Option<Value> {
    let query = head.path().strip_prefix("/chat/messages?")?;
    let field = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.parse::<u64>().ok());
    let (user, with) = (user_of(head.header("authorization")?)?, field("with=")?);
    let thread = state.threads.get(&(user.min(with), user.max(with))).map(Vec::as_slice).unwrap_or_default();
    let stored =
        thread.iter().filter(|message| !behaviour.forgets.contains(&message["seq"].as_u64().expect("a place")));
    let limit = usize::try_from(field("limit=").unwrap_or(50)).expect("small");
    let messages: Vec<&Value> = match field("after_seq=") {
        Some(after) => stored.filter(|message| message["seq"].as_u64() > Some(after)).take(limit + 1).collect(),
        None => stored.rev().take(limit).collect(),
    };
    let has_more = field("after_seq=").is_some() && messages.len() > limit;
    let messages = &messages[..messages.len().min(limit)];
    Some(json!({"thread_id": 1, "rev": thread.len(), "messages": messages, "has_more": has_more}))
}

fn user_of(authorization: &str) -> Option<u64> {
    let claims = URL_SAFE_NO_PAD.decode(authorization.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Value>(&claims).ok()?["id"].as_u64()
}
